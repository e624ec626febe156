"""The nginx in front of the pods: what a step costs it, and what harms it."""

import http.client
import os
import re
import signal
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import machine  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import BUILD, IMAGE  # noqa: E402

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
LINE = b"<190>Nov 25 01:02:03 rollcall: 200 0.003 canary default/flood"


def application(name, color, *annotations):
    """A Deployment of one pod with its Service and its Ingress."""
    lines = "".join(f"\n    {line}" for line in annotations)
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - {{name: app, image: "{IMAGE}:{color}", ports: [{{containerPort: 8080}}],
            readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: default
  annotations:
    purpose: test{lines}
spec:
  rules:
    - host: {story.HOST}
      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}
---
"""


class Front(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("rollcall", "rollouts-demo"):
            if not (BUILD / program).exists():
                raise unittest.SkipTest(f"{BUILD / program} has not been built")
        cls.scene = machine.Machine("front", 3)
        cls.addClassCleanup(cls.scene.close)
        cls.scene.start()
        manifest = cls.scene.folder / "two.yaml"
        manifest.write_text(application("web", "blue")
                            + application("web-next", "green", 'nginx.ingress.kubernetes.io/canary: "true"',
                                          f'{WEIGHT}: "0"'))
        cls.scene.cli("apply", "-f", manifest)
        rig.wait_for(lambda: story.share(cls.scene.web_port, "blue", 20) == 100, 30,
                     lambda: f"blue answers\n{cls.scene.trouble()}")
        cls.scene.kube.patch("Ingress", "web-next", {"metadata": {"annotations": {WEIGHT: "100"}}})
        rig.wait_for(lambda: story.share(cls.scene.web_port, "green", 20) == 100, 30,
                     lambda: f"green answers\n{cls.scene.trouble()}")
        cls.weigh(0)

    @classmethod
    def weigh(cls, weight):
        """A step, until nginx works by it."""
        before = cls.reloads()
        cls.scene.kube.patch("Ingress", "web-next", {"metadata": {"annotations": {WEIGHT: str(weight)}}})
        rig.wait_for(lambda: cls.reloads() > before, 20, lambda: f"nginx is reloaded\n{cls.scene.trouble()}", interval=0.02)

    @classmethod
    def counted(cls, name, outcome):
        connection = http.client.HTTPConnection("127.0.0.1", cls.scene.admin_port, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        found = re.search(r'%s\{outcome="%s"\} (\d+)' % (name, outcome), text)
        return int(found[1]) if found else 0

    @classmethod
    def reloads(cls):
        return cls.counted("rollcall_nginx_updates_total", "ok")

    @classmethod
    def lines(cls, outcome):
        return cls.counted("rollcall_access_log_lines_total", outcome)

    def test_fifty_steps_are_fifty_reloads_and_lose_nothing(self):
        loads = [story.Load(self.scene.web_port, pause=0.002) for _ in range(3)]
        for load in loads:
            load.start()
            self.addCleanup(load.stop)
        before = self.reloads()
        for weight in range(2, 101, 2):
            self.weigh(weight)
        self.assertEqual(story.share(self.scene.web_port, "green", 100), 100)
        for load in loads:
            self.assertEqual(load.stop().failures, [])
        self.assertEqual(self.reloads() - before, 50)
        self.assertGreater(sum(load.count for load in loads), 500)
        self.weigh(0)

    def test_a_flood_of_the_access_log_harms_nobody(self):
        path = self.scene.folder / "data/node/nginx/traffic.sock"
        enough = threading.Event()
        sent = [0, 0]

        def flood(number):
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            peer.setblocking(False)
            peer.connect(str(path))
            while not enough.is_set():
                try:
                    peer.send(LINE if sent[number] % 2 else os.urandom(200))
                    sent[number] += 1
                except BlockingIOError:  # nginx leaves it out, too
                    time.sleep(0)
            peer.close()

        threads = [threading.Thread(target=flood, args=(number,)) for number in range(2)]
        memory = self.scene.serve.rss_bytes()
        malformed = self.lines("malformed")
        for thread in threads:
            thread.start()
        try:
            rig.wait_for(lambda: self.lines("malformed") - malformed > 10000, 30, "10,000 lines of rubbish were read")
            began = time.monotonic()
            self.assertTrue(self.scene.ready())
            self.weigh(50)
            self.weigh(0)
            self.assertLess(time.monotonic() - began, 10)
        finally:
            enough.set()
            for thread in threads:
                thread.join()
        self.assertLess(self.scene.serve.rss_bytes() - memory, 64e6)
        rig.wait_for(lambda: self.lines("malformed") + self.lines("counted") >= sum(sent), 10, "all of it was counted")

    def test_somebody_breaks_the_configuration(self):
        folder = self.scene.folder / "data/node/nginx"
        (folder / "rollcall.conf").write_text("this is no configuration")
        master = int((folder / "nginx.pid").read_text())
        os.kill(master, signal.SIGKILL)  # a reload by hand would have kept the old one
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 20) == 100, 30,
                     lambda: f"nginx is back\n{self.scene.trouble()}")
        self.assertNotIn("this is no", (folder / "rollcall.conf").read_text())

    def test_zz_healthy(self):
        self.scene.assert_healthy()


class Missing(unittest.TestCase):
    def start(self, number, nginx):
        if not (BUILD / "rollcall").exists():
            self.skipTest(f"{BUILD / 'rollcall'} has not been built")
        self.scene = machine.Machine("no-nginx", number)
        self.addCleanup(self.scene.close)
        text = self.scene.config.read_text()
        self.scene.config.write_text(text.replace("nginx: {listen", f"nginx: {{{nginx}listen"))
        return self.scene

    def told(self, text):
        rig.wait_for(lambda: text in self.scene.serve.output(), 20, lambda: f"it says {text!r}\n{self.scene.trouble()}")

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.scene.web_port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 404  # nothing is behind it
        finally:
            connection.close()

    def test_nginx_is_not_there_and_comes(self):
        binary = rig.scratch_folder("nginx") / "nginx"
        self.start(4, f"binary: {binary}, ").start()
        self.told(f"{binary}: no such file or directory")
        self.assertTrue(self.scene.ready(), "the rest works")
        binary.symlink_to("/usr/sbin/nginx")
        rig.wait_for(self.answers, 20, lambda: f"nginx answers\n{self.scene.trouble()}")
        self.scene.assert_healthy()

    def test_its_port_is_taken_and_becomes_free(self):
        self.start(5, "")
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", self.scene.web_port))
            taken.listen()
            self.scene.start()
            self.told(f"bind() to 127.0.0.1:{self.scene.web_port} failed")
            self.assertTrue(self.scene.ready(), "the rest works")
        rig.wait_for(self.answers, 20, lambda: f"nginx answers\n{self.scene.trouble()}")
        self.scene.assert_healthy()


if __name__ == "__main__":
    unittest.main()
