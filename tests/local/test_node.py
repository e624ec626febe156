"""`rollcall node`: pods as processes, and the nginx in front of them, over a real control plane."""

import collections
import contextlib
import http.client
import json
import os
import signal
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import controlplane  # noqa: E402
import rig  # noqa: E402

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
SEED = rig.REPOSITORY / "tests/fixtures/seed/podinfo.yaml"
PREFIX = "nginx.ingress.kubernetes.io/"
HOST = "shop.example.com"


class Node:
    """One node with a folder, a network and an nginx of its own."""

    def __init__(self, plane, name):
        self.folder = rig.scratch_folder(name)
        self.port = rig.free_port()
        self.network = f"127.{100 + os.getpid() % 100}"
        self.config = self.folder / "node.yaml"
        self.config.write_text(f"""
data_dir: {self.folder}/data
log: {{level: debug, format: logfmt}}
cluster: {{kubeconfig: {plane.kubeconfig["node"]}, name: test}}
node:
  name: here
  addresses: {self.network}.0.0/16
  images:
    - image: registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo:*
      command: [{BUILD}/rollouts-demo, --address, "{{address}}", --port, "{{port}}", --color, "{{tag}}"]
    - image: demo:*
      command: [{BUILD}/rollouts-demo, --address, "{{address}}", --port, "{{port}}", --color, "{{tag}}", "{{args}}"]
    - image: "shell:*"
      command: [/bin/sh, -c, "{{args}}"]
    - image: missing:*
      command: [{self.folder}/not-there]
  nginx: {{listen: "127.0.0.1:{self.port}", workers: 2}}
""")
        self.process = self._process()

    def _process(self):
        return rig.Process("node", [BUILD / "rollcall", "node", "--config", self.config], self.folder / "node.log")

    def start(self):
        self.process.start()

    def restart(self):
        self.process = self._process()
        self.start()

    def access_log(self):
        return (self.folder / "data/nginx/access.log").read_text()

    def ask(self, method="GET", path="/", host=HOST, **headers):
        """(status, colour, address) of one request on a connection of its own."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        with contextlib.closing(connection):
            connection.request(method, path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            body = answer.read()
            address = json.loads(body)["address"] if answer.status == 200 else ""
            return answer.status, answer.getheader("X-Color", ""), address

    def color(self, **headers):
        status, color, _ = self.ask(**headers)
        return color if status == 200 else status

    def wait_color(self, color, **headers):
        """For good: while workers of two configurations take requests, either may answer."""
        rig.wait_for(lambda: all(self.color(**headers) == color for _ in range(40)), 15,
                     lambda: f"{color} with {headers}\n{self.process.tail(10)}")


class Load:
    """Requests from several clients, also such as nginx may not send twice. Each must be answered with 200."""

    def __init__(self, node, clients=4):
        self.node = node
        self.count = collections.Counter()
        self.failures = []
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(clients)]

    def _run(self, number):
        method = "POST" if number % 2 else "GET"
        while not self._enough.is_set():
            try:
                status, color, _ = self.node.ask(method)
                self.count[color] += 1
                if status != 200:
                    self.failures.append(status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            self._enough.wait(0.002)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join()


def container(image, args=(), **more):
    return {"name": "main", "image": image, "args": list(args), "ports": [{"name": "http", "containerPort": 8080}], **more}


def probe(**more):
    return {"periodSeconds": 1, "failureThreshold": 2, **(more or {"httpGet": {"path": "/healthz", "port": "http"}})}


class NodeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            cls.plane = controlplane.shared()
        except controlplane.Unavailable as why:
            raise unittest.SkipTest(str(why)) from why
        for program in ("rollcall", "rollouts-demo"):
            if not (BUILD / program).exists():
                raise unittest.SkipTest(f"{BUILD / program} has not been built")
        cls.kube = cls.plane.client()
        cls.node = Node(cls.plane, "node")
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.kube.empty_namespace()
        if cls.node.process.alive():
            cls.node.process.stop(60)
        cls.kube.close()

    def setUp(self):
        self.plane.assert_running()
        if not self.node.process.alive():
            self.node.restart()
        self.addCleanup(self.kube.empty_namespace)

    # -- objects ---------------------------------------------------------------------------------------------------

    def deploy(self, name, color, replicas=2, args=(), wait=True, **more):
        labels = {"app": name}
        more = {"readinessProbe": probe(), **more}
        self.kube.create({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container(f"demo:{color}", args, **more)]}}}})
        self.kube.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                          "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}})
        if wait:
            self.wait_available(name, replicas)

    def wait_available(self, name, replicas):
        def status():
            found = self.kube.get("Deployment", name)
            seen = found.get("status", {})
            return (seen.get("observedGeneration") == found["metadata"]["generation"]
                    and all(seen.get(key, 0) == replicas for key in ("replicas", "updatedReplicas", "availableReplicas")))

        rig.wait_for(status, 60, lambda: f"{replicas} pods of {name}\n{self.node.process.tail(20)}")

    def ingress(self, name, service, host=HOST, **annotations):
        self.kube.create({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "annotations": self.annotations(annotations)},
            "spec": {"rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
                "service": {"name": service, "port": {"number": 80}}}}]}}]}})

    @staticmethod
    def annotations(values):
        return {PREFIX + name.replace("_", "-"): value for name, value in values.items()}

    def annotate(self, ingress, **annotations):
        self.kube.patch("Ingress", ingress, {"metadata": {"annotations": self.annotations(annotations)}})

    def release(self, **annotations):
        """blue with a canary green."""
        self.deploy("shop", "blue", wait=False)
        self.deploy("shop-canary", "green")
        self.wait_available("shop", 2)
        self.ingress("shop", "shop")
        self.ingress("shop-canary", "shop-canary", canary="true", **annotations)

    def wait_both(self):
        rig.wait_for(lambda: {self.node.color() for _ in range(40)} == {"blue", "green"}, 15, "both sides to answer")

    def pod(self, name, *containers, **spec):
        self.kube.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                          "spec": {"containers": list(containers), **spec}})

    def state(self, pod):
        return self.kube.get("Pod", pod)["status"]["containerStatuses"][0]

    def is_ready(self, pod):
        conditions = self.kube.get("Pod", pod)["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def pid(self, pod):
        return int(self.state(pod)["containerID"].rpartition("/")[2])

    def pids(self):
        return {self.pid(pod["metadata"]["name"]) for pod in self.kube.list("Pod")}

    # -- pods ------------------------------------------------------------------------------------------------------

    def test_the_users_manifest_runs_as_it_stands(self):
        self.kube.create_yaml_file(SEED)
        self.wait_available("podinfo", 4)
        rig.wait_for(lambda: self.node.ask(host="app.example.com")[0] == 200, 10, "an answer through nginx")
        seen = collections.Counter(self.node.ask(host="app.example.com")[2] for _ in range(80))
        pods = {f"{pod['status']['podIP']}:8080" for pod in self.kube.list("Pod")}
        self.assertEqual(set(seen), pods)
        self.assertEqual(len(pods), 4)
        self.assertTrue(all(address.startswith(self.node.network) for address in pods))
        self.assertEqual(self.node.ask(host="other.example.com")[0], 404)

    def test_a_quiet_node_asks_nothing_of_the_server(self):
        self.deploy("shop", "blue")
        mark = self.plane.audit.mark()
        done = threading.Event()
        threading.Timer(3, done.set).start()
        rig.wait_for(done.is_set, 10, "three seconds to pass")
        seen = {key: n for key, n in self.plane.audit.count(mark, user="node").items() if key[0] != "watch"}
        self.assertEqual(seen, {})

    def test_a_crash_is_told_and_started_again(self):
        self.pod("web", container("demo:blue"))
        rig.wait_for(lambda: self.is_ready("web"), 20, "the pod is ready without a probe")
        os.kill(self.pid("web"), signal.SIGKILL)
        rig.wait_for(lambda: self.state("web")["restartCount"] == 1 and self.is_ready("web"), 20, "it runs again")
        end = self.state("web")["lastState"]["terminated"]
        self.assertEqual((end["signal"], end["exitCode"], end["reason"]), (9, 137, "Error"))
        self.pod("loop", container("shell:1", ["exit 3"]))
        rig.wait_for(lambda: self.state("loop")["restartCount"] >= 2, 20, "two restarts")
        rig.wait_for(lambda: self.state("loop")["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff", 20,
                     "it waits for longer and longer")
        self.assertEqual(self.state("loop")["lastState"]["terminated"]["exitCode"], 3)

    def test_what_cannot_run_says_why(self):
        cases = {
            "unknown": (container("nobodys:1"), "ErrImagePull", "table of images"),
            "missing": (container("missing:1"), "RunContainerError", "no such file"),
            "portless": ({"name": "main", "image": "demo:1"}, "RunContainerError", "{port}"),
            "probed": (container("demo:1", readinessProbe=probe(tcpSocket={"port": "nope"})),
                       "CreateContainerConfigError", "readinessProbe"),
            "secretive": (container("demo:1", env=[{"name": "A", "valueFrom": {"secretKeyRef": {
                "name": "s", "key": "k"}}}]), "CreateContainerConfigError", "env A"),
        }
        for name, (spec, _, _) in cases.items():
            self.pod(name, spec)
        for name, (_, reason, text) in cases.items():
            with self.subTest(name):
                waiting = rig.wait_for(lambda: self.state(name)["state"].get("waiting"), 10, "a reason")
                self.assertEqual(waiting["reason"], reason)
                self.assertIn(text, waiting["message"])
                self.assertEqual(self.kube.get("Pod", name)["status"]["phase"], "Pending")

    def test_pods_that_end(self):
        self.pod("good", container("shell:1", ["exit 0"]), restartPolicy="Never")
        self.pod("bad", container("shell:1", ["exit 4"]), restartPolicy="Never")
        for name, phase in (("good", "Succeeded"), ("bad", "Failed")):
            rig.wait_for(lambda: self.kube.get("Pod", name)["status"].get("phase") == phase, 10, f"{name} {phase}")
        self.assertEqual(self.state("bad")["state"]["terminated"]["exitCode"], 4)

    def test_env_of_the_pod(self):
        out = self.node.folder / "env"
        self.pod("web", container("shell:1", [f'echo "$A $IP $HOSTNAME $NS" > {out}; exec sleep 60'], env=[
            {"name": "A", "value": "a b"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "NS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}]))
        text = rig.wait_for(lambda: out.exists() and out.read_text(), 10, "the command to write its environment")
        address = rig.wait_for(lambda: self.kube.get("Pod", "web")["status"].get("podIP"), 10, "its address")
        self.assertEqual(text, f"a b {address} web default\n")

    def test_probes(self):
        flag, alive = self.node.folder / "ready", self.node.folder / "alive"
        for file in (flag, alive):
            file.write_text("")
        flag.unlink()
        self.pod("exec", container("shell:1", ["exec sleep 600"], readinessProbe=probe(
            exec={"command": ["test", "-e", str(flag)]}), livenessProbe=probe(exec={"command": ["test", "-e", str(alive)]})))
        self.pod("http", container("demo:blue", readinessProbe=probe(httpGet={"path": "/nothing/here", "port": 8080})))
        self.pod("tcp", container("shell:1", ["exec sleep 600"], readinessProbe=probe(tcpSocket={"port": 8080})))
        rig.wait_for(lambda: self.is_ready("http"), 10, "an answer makes a pod ready")
        rig.wait_for(lambda: "running" in self.state("exec")["state"], 10, "the other one runs")
        self.assertFalse(self.is_ready("exec"))
        flag.write_text("")
        rig.wait_for(lambda: self.is_ready("exec"), 10, "a command that succeeds makes a pod ready")
        flag.unlink()
        rig.wait_for(lambda: not self.is_ready("exec"), 10, "two failures take that back")
        self.assertFalse(self.is_ready("tcp"))
        self.assertEqual(self.state("exec")["restartCount"], 0)
        alive.unlink()
        rig.wait_for(lambda: self.state("exec")["restartCount"] == 1, 20, "a dead one is started again")

    # -- the end of pods ---------------------------------------------------------------------------------------------

    def test_a_pod_answers_what_it_was_asked_before_it_goes(self):
        self.deploy("shop", "blue", replicas=1, args=["--slow-ms", "1500"])
        self.ingress("shop", "shop")
        rig.wait_for(lambda: self.node.ask()[0] == 200, 20, "an answer")
        name = self.kube.list("Pod")[0]["metadata"]["name"]
        pid, answers = self.pid(name), []
        asking = threading.Thread(target=lambda: answers.append(self.node.ask()))
        asking.start()
        self.kube.delete("Pod", name)
        asking.join()
        self.assertEqual(answers[0][:2], (200, "blue"))
        rig.wait_for(lambda: self.kube.find("Pod", name) is None, 20, "the object to be gone")
        self.assertFalse(Path(f"/proc/{pid}").exists() and "rollouts-demo" in Path(f"/proc/{pid}/cmdline").read_text())

    def test_a_pod_is_told_to_go_when_nobody_is_sent_to_it_any_more(self):
        """The process itself looks, at its SIGTERM, at nginx's configuration and workers."""
        seen, nginx = self.node.folder / "seen", self.node.folder / "data/nginx"
        look = f"cp {nginx}/rollcall.conf {seen}.conf; ps -o pid=,args= --ppid $(cat {nginx}/nginx.pid) > {seen}.new; mv {seen}.new {seen}"
        labels = {"app": "witness"}
        self.kube.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "witness", "labels": labels}, "spec": {
            "containers": [container("shell:1", [f"trap '{look}; exit 0' TERM; sleep 600 & wait"])]}})
        self.kube.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "witness"},
                          "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}})
        self.ingress("witness", "witness")
        address = rig.wait_for(lambda: self.is_ready("witness") and self.kube.get("Pod", "witness")["status"]["podIP"], 10,
                               "it is ready")
        conf = nginx / "rollcall.conf"
        rig.wait_for(lambda: f"server {address}:8080" in conf.read_text(), 10, "nginx sends requests to it")
        rig.wait_for(lambda: self.node.ask()[0] == 502, 10, "its workers have taken over; nobody listens there")
        master = (nginx / "nginx.pid").read_text().strip()
        before = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        self.kube.delete("Pod", "witness")
        workers = rig.wait_for(lambda: seen.exists() and seen.read_text(), 20,
                               lambda: f"its word\n{self.node.process.tail(20)}").splitlines()
        self.assertNotIn(address, Path(f"{seen}.conf").read_text())
        taking = [line.split()[0] for line in workers if "shutting down" not in line]
        self.assertEqual(len(taking), 2, workers)
        self.assertEqual(set(taking) & set(before), set(), workers)

    def test_one_that_does_not_want_to_go(self):
        self.pod("stubborn", container("shell:1", ["trap '' TERM; while :; do sleep 1; done"]),
                 terminationGracePeriodSeconds=1)
        rig.wait_for(lambda: "running" in self.state("stubborn")["state"], 10, "it runs")
        self.kube.delete("Pod", "stubborn")
        rig.wait_for(lambda: self.kube.find("Pod", "stubborn") is None, 10, "it is killed when its grace is over")

    # -- crashes of the node -----------------------------------------------------------------------------------------

    def test_pods_and_nginx_outlive_a_crash_of_the_node(self):
        self.release(canary_weight="50")
        self.wait_both()
        before = self.pids()
        with Load(self.node) as load:
            self.node.process.kill9()
            orphan = self.kube.list("Pod", labels="app=shop")[0]["metadata"]["name"]
            orphan_pid = self.pid(orphan)
            self.assertEqual(self.kube.raw("DELETE", f"/api/v1/namespaces/default/pods/{orphan}?gracePeriodSeconds=0")[0], 200)
            self.node.restart()
            self.wait_available("shop", 2)
            rig.wait_for(lambda: sum(load.count.values()) > 200, 20, "200 answers")
        self.assertEqual(load.failures, [])
        rig.wait_for(lambda: before - self.pids() == {orphan_pid} and len(self.pids()) == len(before), 20,
                     "one new process, and all others as they were")
        rig.wait_for(lambda: not Path(f"/proc/{orphan_pid}").exists() or " Z " in Path(f"/proc/{orphan_pid}/stat").read_text(),
                     10, "the process without a pod to be ended")
        adopted = self.kube.list("Pod", labels="app=shop-canary")[0]["metadata"]["name"]
        self.assertEqual(self.state(adopted)["restartCount"], 0)
        os.kill(self.pid(adopted), signal.SIGKILL)
        rig.wait_for(lambda: self.state(adopted)["restartCount"] == 1, 15, "an end of an adopted process is noticed")

    def test_an_orderly_stop_leaves_nothing_running(self):
        self.deploy("shop", "blue")
        pids = self.pids() | {int((self.node.folder / "data/nginx/nginx.pid").read_text())}
        self.node.process.stop(60)
        self.assertEqual(self.node.process.exit_code, 0)
        running = [pid for pid in pids if Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()]
        self.assertEqual(running, [])
        self.node.restart()
        self.wait_available("shop", 2)
        self.assertEqual({self.state(pod["metadata"]["name"])["restartCount"] for pod in self.kube.list("Pod")}, {1})

    # -- nginx -------------------------------------------------------------------------------------------------------

    def test_the_share_of_a_weight(self):
        self.release(canary_weight="20")
        self.wait_both()
        seen = collections.Counter(self.node.color() for _ in range(2000))
        self.assertAlmostEqual(100 * seen["green"] / 2000, 20, delta=5)
        self.assertEqual(seen["green"] + seen["blue"], 2000)
        sides = collections.Counter(line.split("side=")[1].split()[0] for line in self.node.access_log().splitlines()[-2000:])
        self.assertEqual(sides["canary"], seen["green"])
        for weight, color in (("100", "green"), ("0", "blue")):
            self.annotate("shop-canary", canary_weight=weight)
            self.node.wait_color(color)

    def test_header_before_cookie_before_weight(self):
        self.release(canary_weight="0", canary_by_header="X-Canary", canary_by_cookie="to-canary")
        self.node.wait_color("green", X_Canary="always")
        cases = [
            ({}, "blue"), ({"Cookie": "to-canary=always"}, "green"), ({"Cookie": "a=b; to-canary=always; c=d"}, "green"),
            ({"Cookie": "not-to-canary=always"}, "blue"), ({"Cookie": "to-canary=Always"}, "blue"),
            ({"X-Canary": "never", "Cookie": "to-canary=always"}, "blue"), ({"X-Canary": "ALWAYS"}, "blue"),
            ({"X-Canary": "perhaps", "Cookie": "to-canary=always"}, "green"),
        ]
        for headers, color in cases:
            self.assertEqual(self.node.color(**headers), color, headers)
        self.annotate("shop-canary", canary_weight="100")
        self.node.wait_color("green")
        self.assertEqual(self.node.color(Cookie="to-canary=never"), "blue")
        self.annotate("shop-canary", canary_weight="0")
        self.node.wait_color("blue")
        self.annotate("shop-canary", canary_by_header_value="v.1")
        self.node.wait_color("green", X_Canary="v.1")
        for value in ("always", "vx1", "V.1", "v.12"):
            self.assertEqual(self.node.color(X_Canary=value), "blue", value)
        self.annotate("shop-canary", canary_by_header_value=None, canary_by_header_pattern="^v[0-9]{1,2};?$")
        self.node.wait_color("green", X_Canary="v12;")
        self.assertEqual(self.node.color(X_Canary="v123"), "blue")

    def test_one_ingress_that_nginx_refuses_harms_no_other(self):
        self.release(canary_weight="100")
        self.node.wait_color("green")
        self.annotate("shop-canary", canary_by_header="X", canary_by_header_pattern="(unclosed")
        self.node.wait_color("blue")
        self.ingress("other", "shop", host="other.example.com")
        rig.wait_for(lambda: self.node.ask(host="other.example.com")[0] == 200, 10, "another Ingress is served")
        self.assertIn("event=ingress_refused ingress=default/shop-canary", self.node.process.output())
        self.annotate("shop-canary", canary_by_header=None, canary_by_header_pattern=None)
        self.node.wait_color("green")

    def test_sides_without_pods(self):
        self.release(canary_weight="100")
        self.node.wait_color("green")
        self.kube.scale("shop-canary", 0)
        self.node.wait_color("blue")
        self.kube.scale("shop", 0)
        self.node.wait_color(503)

    def test_nothing_is_lost_while_everything_changes(self):
        self.release(canary_weight="50")
        self.wait_both()
        updates = self.node.process.output().count("event=nginx_updated")
        with Load(self.node) as load:
            for weight in range(10, 100, 10):
                before = sum(load.count.values())
                self.annotate("shop-canary", canary_weight=str(weight))
                rig.wait_for(lambda: sum(load.count.values()) > before + 40, 10, "requests to go on")
            self.kube.scale("shop", 4)
            self.wait_available("shop", 4)
            self.kube.scale("shop", 1)
            self.kube.set_image("shop-canary", "main", "demo:red")
            self.wait_available("shop", 1)
            self.wait_available("shop-canary", 2)
        self.assertEqual(load.failures, [])
        self.assertEqual(set(load.count), {"blue", "green", "red"})
        self.assertGreater(self.node.process.output().count("nginx_updated") - updates, 2)

    def test_nginx_is_started_again_when_it_dies(self):
        self.deploy("shop", "blue")
        self.ingress("shop", "shop")
        self.node.wait_color("blue")
        os.kill(int((self.node.folder / "data/nginx/nginx.pid").read_text()), signal.SIGKILL)
        rig.wait_for(lambda: "event=nginx_died" in self.node.process.output(), 10, "the node to notice")
        self.node.wait_color("blue")


if __name__ == "__main__":
    unittest.main()
