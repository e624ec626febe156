"""The command line against a service that runs a release: the picture on a terminal and the lines of a pipe, waiting for
how it ends, freezes, events, what a dry run says."""

import copy
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
from story import BUILD, IMAGE  # noqa: E402
from machine import Ordered  # noqa: E402
from tests.fakes.dingtalk import FakeDingTalk  # noqa: E402
from tests.fakes.slack import FakeSlack  # noqa: E402

DONE, FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE = range(6)
GATES = {"rollcall.dev/gates": "confirm-rollout,confirm-promotion", "rollcall.dev/policy": "quiet"}
POLICIES = """
console: {people: [lead]}
users:
  lead: {identities: ["token:lead"]}
freezes:
  holidays: {by: ["token:local"]}
policies:
  quiet:
    approvers: ["token:local", "user:lead"]
    self_approval: true
    freezes: [holidays]
    rights: {override: ["user:lead"]}
"""
CHATS = """
slack: {{bot_token: {slack.bot_token}, signing_secret: {slack.signing_secret}, api_url: "{slack.api_url}"}}
dingtalk:
  robots:
    releases: {{url: "{dingtalk}/robot/send?access_token=releases", secret: SEC1111111111111111111111111111111111111111111111111111111111111}}
"""


class Terminal:
    """A program on a terminal of its own, and what stands on the screen: enough of one for what we paint."""

    def __init__(self, argv, env, columns=120, rows=40):
        self.master, slave = pty.openpty()
        subprocess.run(["stty", "cols", str(columns), "rows", str(rows)], stdin=slave, check=True)
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        os.close(slave)
        self.written = ""

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            if not piece:
                return
            self.written += piece.decode(errors="replace")

    def screen(self):
        """Lines as they stand, without colours."""
        self.read()
        lines, row = [], 0
        for part in re.split(r"(\033\[\d+A\r|\033\[J|\r\n)", self.written):
            up = re.fullmatch(r"\033\[(\d+)A\r", part)
            if up:
                row -= int(up.group(1))
            elif part == "\033[J":
                del lines[row:]
            elif part == "\r\n":
                row += 1
            else:
                text = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", part)
                if text:
                    lines[row:row + 1] = [text]
        return "\n".join(lines)

    def wait_for(self, pattern, timeout=60):
        return rig.wait_for(lambda: re.search(pattern, self.screen()), timeout,
                            lambda: f"{pattern} on the screen\n{self.screen()}")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        # what it still paints must be taken, or it never comes to its end
        rig.wait_for(lambda: self.read() or self.process.poll() is not None, 20, "the program on the terminal ends")
        self.read()
        os.close(self.master)
        return self.process.returncode


class Live(Ordered):
    @classmethod
    def setUpClass(cls):
        cls.slack, cls.dingtalk = FakeSlack().start(), FakeDingTalk().start()
        cls.addClassCleanup(cls.slack.stop)
        cls.addClassCleanup(cls.dingtalk.stop)
        cls.dingtalk.add_robot("releases", secret="SEC" + "1" * 61)
        cls.begin("live", 7, POLICIES + CHATS.format(slack=cls.slack, dingtalk=cls.dingtalk.base_url))
        # only the doctor reads this one: a robot that nobody knows, and where the service is
        cls.examined = cls.scene.folder / "examined.yaml"
        text = cls.scene.config.read_text().replace("robots:", f"robots:\n    gone: {{url: \"{cls.dingtalk.base_url}"
                                                    "/robot/send?access_token=gone\"}")
        cls.examined.write_text(text + f"public_url: http://127.0.0.1:{cls.scene.port}\n")
        cls.folder = cls.scene.folder
        token = cls.scene.cli("token", "create", "lead", "--scope", "decide")[1].strip()
        cls.lead = token

    def environment(self, **more):
        clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        return {**clean, "ROLLCALL_SERVER": f"http://127.0.0.1:{self.scene.port}",
                "ROLLCALL_TOKEN": self.scene.admin_token(), **more}

    def terminal(self, *words, **more):
        terminal = Terminal([BUILD / "rollcall", *words], self.environment(TERM="xterm-256color", **more))
        self.addCleanup(lambda: terminal.process.poll() is None and terminal.close())
        return terminal

    def beside(self, *words):
        out = self.folder / f"beside-{len(list(self.folder.glob('beside-*')))}"
        process = rig.Process(" ".join(words), [BUILD / "rollcall", *words], out, env=self.environment())
        process.start()
        self.addCleanup(process.stop)
        return process

    def write(self, name, *manifests):
        file = self.folder / name
        file.write_text("---\n".join(json.dumps(each) + "\n" for each in manifests))
        return str(file)

    def manifests(self, color="blue"):
        deployment = copy.deepcopy(objects.DEPLOYMENT)
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:{color}"
        canary = objects.canary(annotations=GATES, stepWeight=50, maxWeight=50)
        return {"apiVersion": "v1", "kind": "List", "items": [deployment, objects.SERVICE, objects.ingress(), canary]}

    def test_1_a_dry_run_says_what_would_be_and_does_nothing(self):
        file = self.write("all.json", self.manifests())
        wanted = ["deployment/podinfo", "service/podinfo", "ingress/podinfo", "canary/podinfo"]
        out = self.scene.cli("apply", "-f", file, "--dry-run")[1]
        self.assertEqual(out.splitlines(), [f"{name} created (dry run)" for name in wanted])
        self.assertEqual(self.scene.cli("get", "deployments", "-o", "name")[1], "")
        out = self.scene.cli("apply", "-f", file)[1]
        self.assertEqual(out.splitlines(), [f"{name} created" for name in wanted])
        out = self.scene.cli("apply", "-f", file, "--dry-run")[1]
        self.assertIn("service/podinfo unchanged (dry run)\ningress/podinfo unchanged (dry run)", out)
        bad = self.write("bad.json", {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x"}})
        for more in ([], ["--dry-run"]):
            code, out, err = self.scene.cli("apply", "-f", bad, *more, check=False)
            self.assertEqual((code, out), (FAILED, ""))
            self.assertRegex(err, r'bad\.json:1:\d+: cronjob/x: kind: "CronJob" is not supported by the embedded platform')
        code, _, err = self.scene.cli("wait", "podinfo", "--timeout", "60s", check=False)
        self.assertEqual(code, DONE, err)
        listed = self.folder / "listed.yaml"
        listed.write_text(self.scene.cli("get", "services", "-o", "yaml")[1])
        self.assertRegex(self.scene.cli("apply", "-f", str(listed), "--dry-run")[1], r"service/podinfo \w+ \(dry run\)")

    def test_2_a_freeze_holds_back_what_is_asked(self):
        cli = self.scene.cli
        self.assertEqual(cli("freeze", "holidays", "on", "new year", "in", "Shanghai")[1], "the freeze holidays is on\n")
        self.assertRegex(cli("freeze")[1], r"\nholidays +yes +switched off +local +new year in Shanghai\n")
        cli("set-image", "podinfo", f"podinfod={IMAGE}:green")
        self.scene.wait_phase("Waiting", name="podinfo")
        rig.wait_for(lambda: "confirm-rollout ○ quiet, 0 of 1" in cli("status", "podinfo")[1], 30, "people are asked")
        code, out, err = cli("approve", "podinfo", check=False)
        self.assertEqual((code, out), (REFUSED, ""))
        self.assertIn("the freeze holidays holds: local switched it on: new year in Shanghai", err)
        code, _, err = cli("approve", "podinfo", "--override", "-m", "x", check=False)
        self.assertEqual(code, REFUSED)
        self.assertIn("you may not override gates under policy quiet; these may: user:lead", err)
        code, _, err = cli("promote", "podinfo", check=False)
        self.assertEqual(code, REFUSED)
        self.assertIn("the freeze holidays holds", err)
        self.assertIn("frozen", cli("who", "podinfo")[1])
        code, _, err = cli("freeze", "holiday", "off", check=False)
        self.assertEqual(code, NOT_FOUND)
        self.assertIn('did you mean "holidays"?', err)
        code, _, err = cli("freeze", "holidays", "off", token=self.lead, check=False)
        self.assertEqual(code, REFUSED)

    def test_3_the_release_on_a_terminal_and_in_a_pipe(self):
        screen, plain = self.terminal("watch", "podinfo"), self.terminal("watch", "podinfo", NO_COLOR="1")
        lines, data = self.beside("watch", "podinfo"), self.beside("watch", "podinfo", "-o", "json")
        decided = self.beside("wait", "podinfo", "--for", "decided")
        promoted = self.beside("wait", "podinfo", "--for", "promoted", "--timeout", "5m")
        failed = self.beside("wait", "podinfo", "--for", "failed", "--timeout", "5m")
        screen.wait_for(r"podinfo   default   Waiting   step 0/1   ░{20} 0%   \w+\n"
                        r"├─ revision   blue → green   asked by token:local   [0-9a-f]{7}\n"
                        r"├─ primary    podinfo-primary   ●● 2/2   100%\n"
                        r"├─ canary     podinfo           0/0   0%\n"
                        r"├─ gates      confirm-rollout ○ quiet, 0 of 1   confirm-promotion ·\n")
        plain.wait_for("confirm-rollout ○ quiet, 0 of 1")
        rig.wait_for(lambda: "Waiting" in lines.output(), 20, "lines")
        self.scene.cli("approve", "podinfo", "--override", "an outage, 看起来不错", token=self.lead)
        self.assertEqual(decided.wait(30), DONE)
        self.assertIn("confirm-rollout approved by lead", decided.output())
        screen.wait_for(r"step 1/1   █{10}░{10} 50%")
        screen.wait_for(r"├─ canary     podinfo           ●● 2/2   50%\n"
                        r"├─ gates      confirm-rollout ✓ lead   confirm-promotion ○ quiet, 0 of 1")
        self.scene.cli("freeze", "holidays", "off")
        self.scene.cli("approve", "podinfo")
        self.assertEqual(promoted.wait(120), DONE, promoted.output())
        self.assertEqual(failed.wait(60), FAILED)
        screen.wait_for(r"podinfo   default   Succeeded   \w+ ago\n├─ revision   demo:green|rollouts-demo:green")
        self.assertEqual((screen.close(), plain.close()), (DONE, DONE))
        self.assertTrue(screen.written.startswith("\033[?25l"))
        self.assertTrue(screen.written.endswith("\033[?25h"))
        self.assertIn("\033[32m", screen.written)
        self.assertNotRegex(plain.written, r"\033\[[0-9;]*m")
        self.assertRegex(lines.output(), r"(?m)^\S+Z default/podinfo Progressing step 1/1 weight 50% canary 2/2 stable 2/2")
        self.assertNotIn("\033", lines.output())
        values = [json.loads(line) for line in data.output().splitlines()]
        self.assertEqual({value["name"] for value in values}, {"podinfo"})
        self.assertEqual(values[-1]["phase"], "Succeeded")

    def test_4_events_and_the_record_tell_the_story(self):
        out = self.scene.cli("get", "events", "podinfo")[1]
        self.assertRegex(out, r"NAMESPACE +LAST +TYPE +REASON +OBJECT +MESSAGE\n")
        self.assertRegex(out, r"default +\w+ +Normal +Synced +canary/podinfo +Advance podinfo.default canary weight 50")
        items = json.loads(self.scene.cli("get", "events", "-o", "json")[1])["items"]
        self.assertIn("Event", {item["kind"] for item in items})
        out = self.scene.cli("history", "podinfo")[1]
        self.assertIn("past a freeze: an outage, 看起来不错", out)
        actions = {row["action"] for row in json.loads(self.scene.cli("history", "-o", "json", "--limit", "200")[1])}
        self.assertLessEqual({"freeze.on", "freeze.off"}, actions)

    def test_5_the_list_is_live_and_outlives_the_service(self):
        screen = self.terminal("watch", "--data-dir", str(self.folder / "data"), ROLLCALL_TOKEN="")
        screen.wait_for(r"default/podinfo +Succeeded +\d+%  rollouts-demo:green")
        self.scene.serve.kill9()
        screen.wait_for("the service cannot be reached, this is what was known: ")
        self.scene.start()
        rig.wait_for(lambda: "cannot be reached" not in screen.screen(), 60, screen.screen)
        screen.wait_for(r"default/podinfo +Succeeded")
        self.assertEqual(screen.close(), DONE)

    def test_6_a_rejection_ends_the_waiting(self):
        self.scene.cli("set-image", "podinfo", f"podinfod={IMAGE}:red")
        self.scene.wait_phase("Waiting", name="podinfo")
        decided, failed = (self.beside("wait", "podinfo", "--for", what) for what in ("decided", "failed"))
        rig.wait_for(lambda: self.scene.cli("reject", "podinfo", "too red", check=False)[0] == DONE, 30, "a no",
                     interval=0.3)
        self.assertEqual((decided.wait(30), failed.wait(60)), (REFUSED, DONE))
        self.assertIn("confirm-rollout rejected by local", decided.output())
        self.assertIn("confirm-rollout ✗ local: too red", self.scene.cli("status", "podinfo")[1])

    def test_7_waiting_has_an_end(self):
        # at rest: what was decided last, and how it ended
        self.assertEqual(self.scene.cli("wait", "podinfo", "--for", "decided", check=False)[0], REFUSED)
        self.assertEqual(self.scene.cli("wait", "podinfo", check=False)[0], FAILED)
        code, out, err = self.scene.cli("wait", "podinfo", "--revision", "another", "--timeout", "1s", check=False)
        self.assertEqual(code, FAILED)
        self.assertIn("not within the time of --timeout", err)
        self.assertEqual(self.scene.cli("wait", "default/nothing", check=False)[0], NOT_FOUND)
        for words, said in {("podinfo", "--for", "ever"): "--for must be promoted, decided or failed",
                            ("podinfo", "--timeout", "soon"): "--timeout must be a time such as"}.items():
            code, _, err = self.scene.cli("wait", *words, check=False)
            self.assertEqual(code, USAGE)
            self.assertIn(said, err)

    def doctor(self, code, config=None):
        done, out, err = self.scene.cli("doctor", "--config", str(config or self.examined), "-o", "json", check=False)
        found = {row["check"]: row for row in json.loads(out)}
        self.assertEqual(done, code, out + err)
        for row in found.values():
            self.assertEqual(bool(row["remedy"]), row["health"] != "good", row)
        return found

    def test_8_the_doctor(self):
        found = self.doctor(FAILED)
        good = {name for name, row in found.items() if row["health"] == "good"}
        self.assertLessEqual({"data folder", "record", "service", "one machine", "nginx", "Slack", "Slack scopes",
                              "signed click", "DingTalk releases"}, good, found)
        self.assertEqual(found["DingTalk gone"]["health"], "bad")
        self.assertNotIn("access_token", json.dumps(found))
        self.assertEqual(self.slack.calls_of("chat.postMessage"), [])
        self.assertEqual(self.doctor(DONE, self.scene.config)["signed click"]["health"], "warning")

        self.slack.remove_scope("chat:write")
        found = self.doctor(FAILED)
        self.assertIn("missing: chat:write", found["Slack scopes"]["text"])
        self.slack.revoke()
        self.assertIn("token_revoked", self.doctor(FAILED)["Slack"]["text"])
        other = self.folder / "other.yaml"
        other.write_text(self.examined.read_text().replace(self.slack.signing_secret, "another-secret"))
        self.assertRegex(self.doctor(FAILED, other)["signed click"]["text"], "answers 40[0-9]")
        lines = self.scene.cli("doctor", "--config", str(self.examined), check=False)[1]
        self.assertRegex(lines, r"(?m)^✗ DingTalk gone +errcode \d+: .*\n +→ copy the robot's webhook address again$")

    def chat(self, *lines, words=(), **more):
        done = subprocess.run([BUILD / "rollcall", "chat", *words], input="\n".join(lines) + "\n", text=True,
                              env=self.environment(**more), capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_9_a_chat_without_a_chat(self):
        code, out, err = self.chat("list", "状态 podinfo", "help")
        self.assertEqual((code, err), (DONE, ""))
        self.assertIn("podinfo", out)
        self.assertIn("🔴 podinfo: Rolled back", out)
        self.assertIn("freeze [NAME on|off [reason]]", out)
        code, out, err = self.chat("aprove podinfo", "list")
        self.assertEqual((code, out), (FAILED, ""))
        self.assertIn("approve", err)
        # who one is: somebody that may be chosen, with the rights of that person
        code, _, err = self.chat("approve podinfo", words=("--as", "lead"))
        self.assertEqual(code, NOT_FOUND, err)
        for words, token in ((("--as", "stranger"), self.scene.admin_token()), (("--as", "lead"), self.lead)):
            code, out, err = self.chat("list", words=words, ROLLCALL_TOKEN=token)
            self.assertEqual((code, out), (REFUSED, ""))
            self.assertIn("console.people names those who may be chosen", err)


if __name__ == "__main__":
    unittest.main()
