"""Figures, not verdicts: python3 tests/bench/bench.py [idle] [step] [press] [gates] [read] [demo] [reload] ...

Everything runs on 127.0.0.1 with a release build (ROLLCALL_BUILD, default build/release) against a real API server; demo and
reload on one machine without. Prints one line a figure; RESULTS.md keeps them with the command that made them."""

import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("ROLLCALL_BUILD", str(Path(__file__).resolve().parents[2] / "build/release"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import machine  # noqa: E402
import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import CHANNEL, IMAGE  # noqa: E402

OPEN_POLICY = """
  default:
    approvers: [anyone-in-channel]
    quorum: 1
    rights: {promote: [anyone-in-channel], rollback: [anyone-in-channel, "group:sre"]}
"""


def say(name, value):
    print(f"{name}: {value}", flush=True)


def settled(scene, seconds=3, timeout=600):
    """Waits until rollcall has asked the API server for nothing for some seconds."""
    last = [scene.plane.audit.mark(), time.monotonic()]

    def quiet():
        mark = scene.plane.audit.mark()
        if mark != last[0]:
            last[:] = [mark, time.monotonic()]
        return time.monotonic() - last[1] >= seconds
    rig.wait_for(quiet, timeout, "rollcall is at rest")


def bench_idle(counts=(1, 1000)):
    """Memory and requests at rest."""
    for count in counts:
        scene = story.Scene("bench-idle", node=False)
        try:
            scene.kube.empty_namespace("default", timeout=600)
            objects.many(scene.kube, count, objects.at_rest)
            scene.start()
            settled(scene)
            mark, cpu = scene.plane.audit.mark(), cpu_seconds(scene.serve.pid)
            time.sleep(30)  # the figure is per time
            counted = {k: n for k, n in scene.plane.audit.count(mark).items() if k[0] not in ("watch", "list")}
            say(f"idle, {count} canaries, memory", f"{scene.serve.rss_bytes() / 1e6:.1f} MB")
            say(f"idle, {count} canaries, API requests in 30 s but for watches", counted)
            say(f"idle, {count} canaries, CPU in 30 s", f"{cpu_seconds(scene.serve.pid) - cpu:.2f} s")
        finally:
            scene.close(timeout=600)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench_press(presses=int(os.environ.get("BENCH_PRESSES", "200"))):
    """From a press in Slack until the API server has accepted the first effect (the scaling of the canary): as many canaries
    wait at their gates, and one question after the other is answered."""
    scene = story.Scene("bench-press", node=False, policies=OPEN_POLICY)
    accepted = {}
    try:
        scene.kube.empty_namespace("default", timeout=600)

        def gated(i):
            body = objects.at_rest(i)
            body[3]["metadata"]["annotations"]["rollcall.dev/gates"] = "confirm-rollout"
            return body
        objects.many(scene.kube, presses, gated)
        scene.start()
        settled(scene)
        for i in range(presses):
            scene.kube.set_image(f"app-{i}", "podinfod", f"{IMAGE}:r{i:03}")
        questions = rig.wait_for(lambda: all_questions(scene, presses), 1800, "all questions are asked", interval=2)

        def watch():  # tells what there is first, and then what changes
            for _, item in scene.kube.watch("Deployment", timeout=600):
                if item["spec"]["replicas"] > 0:
                    accepted.setdefault(item["metadata"]["name"], time.monotonic())
        threading.Thread(target=watch, daemon=True).start()
        took = []
        for i in range(presses):
            began = time.monotonic()
            scene.slack.click(CHANNEL, questions[i].ts, "Approve", "ULIN")
            rig.wait_for(lambda: accepted.get(f"app-{i}"), 20, lambda: f"app-{i} begins\n{scene.trouble()}", interval=0.005)
            took.append((accepted[f"app-{i}"] - began) * 1000)
    finally:
        scene.close(timeout=600)
    took.sort()
    say(f"press to first effect accepted, {presses} presses",
        f"p50 {statistics.median(took):.1f} ms, p99 {took[int(len(took) * 0.99) - 1]:.1f} ms")


def all_questions(scene, count):
    found = {}
    for card in scene.slack.messages(CHANNEL):
        for reply in scene.slack.replies(card):
            tag = re.search(r"→ r(\d{3})\b", reply.plain)
            if tag and reply.buttons:
                found[int(tag[1])] = reply
    return found if len(found) == count else None


def bench_slack(rollouts=int(os.environ.get("BENCH_ROLLOUTS", "500")), channels=25, decisions=100):
    """Decisions while everything progresses: one Slack workspace that enforces its limits, over Socket Mode. Of all rollouts
    a part waits at a gate; its questions are answered while the others go on. Answered: the person has been told."""
    scene = story.Scene("bench-slack", node=False, policies=OPEN_POLICY, socket=True)
    slack = scene.slack
    try:
        scene.kube.empty_namespace("default", timeout=600)
        for c in range(channels):
            slack.add_channel(f"C1{c:03}", f"team-{c}", members=["ULIN", "UZHAO"])

        def routed(i):
            body = objects.at_rest(i)
            notes = body[3]["metadata"]["annotations"]
            notes["rollcall.dev/channels"] = f"slack:C1{i % channels:03}"
            body[3]["spec"]["analysis"]["interval"] = "5s"
            if i < decisions:
                notes["rollcall.dev/gates"] = "confirm-rollout"
            return body
        objects.many(scene.kube, rollouts, routed)
        scene.start()
        slack.limit(posts_per_second=True, tiers=True)
        settled(scene)
        began = time.monotonic()
        for i in range(rollouts):
            scene.kube.set_image(f"app-{i}", "podinfod", f"{IMAGE}:r{i:03}")
        places = [f"C1{c:03}" for c in range(channels)]
        questions = rig.wait_for(lambda: open_questions(slack, places, decisions), 1800,
                                 lambda: f"all questions\n{scene.trouble()}", interval=1)
        say(f"slack, {rollouts} rollouts at once, {decisions} questions asked after", f"{time.monotonic() - began:.0f} s")
        took = [decide(slack, *questions[i]) for i in sorted(questions)]
        refused = sum(1 for c in slack.calls if c.status == 429)
        updates = len(slack.calls_of("chat.update"))
        rss = scene.serve.rss_bytes() / 1e6
        slack.assert_clean()
        for name, figures in zip(("acknowledged", "answered"), map(sorted, zip(*took))):
            say(f"slack, decisions {name}", f"p50 {statistics.median(figures):.0f} ms, p99 "
                f"{figures[int(len(figures) * 0.99) - 1]:.0f} ms, worst {figures[-1]:.0f} ms")
        say("slack, updates of cards, calls refused with 429, memory", f"{updates}, {refused}, {rss:.1f} MB")
    finally:
        scene.close(600)


def open_questions(slack, places, count):
    """{rollout: (channel, ts)}"""
    found = {}
    for place in places:
        for message in slack.messages(place):
            tag = re.search(r"→ r(\d{3})\b", message.plain)
            if tag and message.thread_ts and message.buttons:
                found[int(tag[1])] = (place, message.ts)
    return found if len(found) == count else None


def decide(slack, place, ts):
    """(ms to the acknowledgement, ms until the person is told) of one press."""
    before = len(slack.ephemerals(place, "ULIN"))
    began = time.monotonic()
    delivery = slack.click(place, ts, "Approve", "ULIN")
    assert delivery.status == 200, delivery
    rig.wait_for(lambda: len(slack.ephemerals(place, "ULIN")) > before, 30, "an answer", interval=0.005)
    return delivery.seconds * 1000, (time.monotonic() - began) * 1000


def bench_step():
    """API requests of rollcall for a step, from the API server's own audit log: between two weights of a release."""
    for name, body, first, last, steps in (("plain", objects.canary(stepWeight=10, interval="2s"), 20, 80, 6),
                                           ("extension", objects.extension(interval="2s"), 25, 75, 2)):
        scene = story.Scene("bench-step")
        try:
            scene.kube.empty_namespace("default", timeout=600)
            objects.application(scene.kube, 4)
            scene.start()
            rig.wait_for(lambda: story.share(scene.web_port, "blue", 50) == 100, 60, "blue answers")
            scene.kube.create(body)
            scene.wait_phase("Initialized", timeout=90, name="podinfo")
            scene.kube.set_image("podinfo", "podinfod", f"{IMAGE}:green")
            rig.wait_for(lambda: scene.status("podinfo").get("canaryWeight") == first, 90, f"weight {first}", interval=0.01)
            mark = scene.plane.audit.mark()
            rig.wait_for(lambda: scene.status("podinfo").get("canaryWeight") == last, 90, f"weight {last}", interval=0.01)
            counted = {k: n for k, n in scene.plane.audit.count(mark).items() if k[0] not in ("watch", "list")}
            total = sum(counted.values())
            say(f"step, {name}: API requests for {steps} steps", f"{counted}: {total / steps:.1f} a step")
        finally:
            scene.close(timeout=600)


def bench_gates(seconds=10):
    """Gate checks a second, from wrk over keep-alive connections; and how much of a core they take."""
    scene = story.Scene("bench-gates", node=False, extra="gates: {allow_cidrs: [127.0.0.0/8]}")
    try:
        scene.kube.empty_namespace("default", timeout=600)
        objects.many(scene.kube, 1, objects.at_rest)
        scene.start()
        settled(scene)
        script = scene.folder / "gate.lua"
        script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                          'wrk.body = \'{"name":"app-0","namespace":"default","phase":"Progressing","checksum":"x"}\'\n')
        before = cpu_seconds(scene.serve.pid)
        out = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script,
                              f"http://127.0.0.1:{scene.port}/gate/check"], capture_output=True, text=True, check=True).stdout
        used = cpu_seconds(scene.serve.pid) - before
        rate = float(next(line.split()[1] for line in out.splitlines() if line.startswith("Requests/sec")))
        say("gate checks a second", f"{rate:.0f}, with {used / seconds:.2f} of a core: {rate * seconds / used:.0f} a second a core")
    finally:
        scene.close(timeout=600)


def bench_read(count=10000):
    """From the start of the process until every Canary is in the cache."""
    scene = story.Scene("bench-read", node=False)
    try:
        scene.kube.empty_namespace("default", timeout=600)

        def suspended(i):
            body = objects.canary(name=f"canary-{i}")
            body["spec"]["suspend"] = True
            body["spec"]["analysis"]["interval"] = "10m"
            return (body,)
        objects.many(scene.kube, count, suspended)
        began = time.monotonic()
        scene.start()
        say(f"start with {count} canaries until ready", f"{time.monotonic() - began:.2f} s")
        say(f"memory with {count} canaries, suspended", f"{scene.serve.rss_bytes() / 1e6:.1f} MB")
        scene.serve.kill9()  # its end is not the figure
    finally:
        scene.close(timeout=600)


def bench_demo():
    """From the start of `rollcall demo` to the first page of its console, and to the application's first answer."""
    folder = rig.scratch_folder("bench-demo")
    demo = rig.Process("demo", [story.BUILD / "rollcall", "demo"], folder / "demo.log", cwd=folder)
    began = time.monotonic()
    demo.start()
    try:
        ports = rig.wait_for(lambda: re.findall(r"http://127\.0\.0\.1:(\d+)", demo.output())[:2], 20, "its ports", interval=0.01)
        for what, port in zip(("the console's first page", "the application's first answer"), ports):
            rig.wait_for(lambda port=port: page(int(port)) == 200, 30, what, interval=0.01)
            say(f"rollcall demo to {what}", f"{time.monotonic() - began:.2f} s")
    finally:
        demo.stop(60)


def page(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().status


def bench_reload():
    """A Canary of 50 steps on one machine under a load: reloads of nginx for each, and requests that were lost."""
    scene = machine.Machine("bench-reload", 9)
    name = re.compile(r'rollcall_nginx_updates_total\{outcome="ok"\} (\d+)')

    def reloads():
        connection = http.client.HTTPConnection("127.0.0.1", scene.admin_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return int(name.search(connection.getresponse().read().decode())[1])
    try:
        scene.start()
        for at, body in enumerate((objects.DEPLOYMENT, objects.SERVICE, objects.ingress(),
                                   objects.canary(stepWeight=2, interval="1s"))):
            file = scene.folder / f"{at}.json"
            file.write_text(json.dumps(body))
            scene.cli("apply", "-f", file)
            if at == 2:
                rig.wait_for(lambda: story.share(scene.web_port, "blue", 50) == 100, 60, "blue answers")
        scene.wait_phase("Initialized", timeout=90, name="podinfo")
        loads = [story.Load(scene.web_port) for _ in range(4)]
        for load in loads:
            load.start()
        scene.cli("set-image", "podinfo", f"podinfod={IMAGE}:green")
        rig.wait_for(lambda: scene.status("podinfo").get("canaryWeight") == 2, 90, "weight 2", interval=0.01)
        rig.wait_for(lambda: scene.weight() == 2, 10, "it stands in the Ingress")
        time.sleep(0.5)  # for nginx to have it
        before = reloads()
        rig.wait_for(lambda: scene.status("podinfo").get("canaryWeight") == 100, 120, "weight 100", interval=0.01)
        time.sleep(0.5)
        say("reloads of nginx for 49 more steps", reloads() - before)
        scene.wait_phase("Succeeded", timeout=90, name="podinfo")
        lost = [failure for load in loads for failure in load.stop().failures]
        say("requests in that release", f"{sum(load.count for load in loads)}, {len(lost)} lost {lost[:3]}")
    finally:
        scene.close()


def main():
    wanted = sys.argv[1:] or ["idle", "step", "press", "gates", "read"]
    for name in wanted:
        globals()[f"bench_{name}"]()


if __name__ == "__main__":
    main()
