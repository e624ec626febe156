"""An nginx of the user's own, and a Canary without an Ingress: rollcall writes one upstream file and has it reloaded."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import machine  # noqa: E402
import rig  # noqa: E402
import seed  # noqa: E402
import story  # noqa: E402
from story import BUILD, IMAGE  # noqa: E402

NGINX = "/usr/sbin/nginx"

OBJECTS = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: 2
  minReadySeconds: 0
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: shop
        image: {IMAGE}:blue
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: http}}, periodSeconds: 1}}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: shop
  annotations: {{rollcall.dev/upstream: shop, rollcall.dev/steps: manual, rollcall.dev/gates: confirm-promotion}}
spec:
  provider: nginx
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  service: {{port: 80, targetPort: http}}
  analysis: {{interval: 1s, threshold: 3, maxWeight: 60, stepWeight: 30}}
"""


class OwnNginx:
    """As somebody has it who knows nothing of rollcall, but for one include."""

    def __init__(self, folder, location):
        self.folder, self.port = folder, rig.free_port()
        self.include = folder / "rollcall.d"
        self.include.mkdir(parents=True)
        (folder / "conf.d").mkdir()
        self.conf = folder / "nginx.conf"
        self.conf.write_text(f"""
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{}}
http {{
	access_log off;
	client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
	uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
	include {folder}/rollcall.d/*.conf;
	include {folder}/conf.d/*.conf;
	server {{
		listen 127.0.0.1:{self.port};
		location / {{ {location} }}
	}}
}}
""")
        self.process = None

    def start(self):
        self.process = rig.Process("nginx", [NGINX, "-c", self.conf, "-e", self.folder / "error.log"],
                                   self.folder / "out.log").start()

    def close(self):
        if self.process:
            self.process.stop()

    def words(self, *more):
        return "[" + ", ".join(f'"{word}"' for word in (NGINX, "-c", self.conf, *more)) + "]"

    def settings(self):
        return f"""
  upstreams:
    dir: {self.include}
    test: {self.words("-t")}
    reload: {self.words("-s", "reload")}
    pid_file: {self.folder}/nginx.pid
"""

    def reloads(self):
        return len(re.findall(r"signal 1 ", (self.folder / "error.log").read_text()))

    def share(self, color, requests=1000):
        return story.share(self.port, color, requests)


class OnMachine(seed.Ordered):
    """A story on a machine of its own; extra goes on in the configuration's section node."""

    @classmethod
    def begin(cls, name, number, extra):
        for program in ("rollcall", "rollouts-demo"):
            if not (BUILD / program).exists():
                raise unittest.SkipTest(f"{BUILD / program} has not been built")
        cls.scene = machine.Machine(name, number, extra)
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.scene.start()


class Upstream(OnMachine):
    @classmethod
    def setUpClass(cls):
        cls.nginx = OwnNginx(rig.scratch_folder("own-nginx"), "proxy_pass http://$shop;")
        cls.addClassCleanup(cls.nginx.close)
        cls.begin("upstream", 5, cls.nginx.settings())

    def approve(self):
        self.scene.until_approved("shop", "local")

    def upstream(self):
        return self.kube.get("NginxUpstream", "shop")

    def weight_is(self, weight):
        rig.wait_for(lambda: self.upstream()["status"]["canaryWeight"] == weight, 60,
                     lambda: f"weight {weight}\n{self.scene.trouble()}")

    def test_1_the_file_is_there_before_nginx_needs_it(self):
        objects = self.scene.folder / "objects.yaml"
        objects.write_text(OBJECTS)
        self.scene.cli("apply", "-f", objects)
        rig.wait_for(lambda: "nginx does not run" in self.upstream()["status"]["message"], 60,
                     lambda: f"that nginx does not run is told\n{self.scene.trouble()}")
        self.nginx.start()
        rig.wait_for(lambda: self.nginx.share("blue", 50) == 100, 30, "blue answers")
        rig.wait_for(lambda: self.upstream()["status"]["message"] == "", 30, "nginx has taken over")
        self.scene.wait_phase("Initialized", timeout=60, name="shop")
        file = (self.nginx.include / "shop.conf").read_text()
        self.assertEqual(file.count("server 127."), 2)
        self.assertEqual(sorted(path.name for path in self.nginx.include.iterdir()), ["shop.conf"])

    def test_2_a_release_loses_nothing_and_reloads_once_a_step(self):
        load = story.Load(self.nginx.port)
        load.start()
        self.scene.cli("set-image", "shop", f"shop={IMAGE}:green")
        for weight in (30, 60):
            with self.subTest(weight=weight):
                before = self.nginx.reloads()
                self.approve()
                self.weight_is(weight)
                self.assertAlmostEqual(self.nginx.share("green"), weight, delta=4)
                self.assertEqual(self.nginx.reloads(), before + 1)
        self.scene.wait_phase("WaitingPromotion", timeout=60, name="shop")
        self.approve()
        self.scene.wait_phase("Succeeded", timeout=120, name="shop")
        self.assertEqual(self.nginx.share("green", 200), 100)
        self.assertEqual(load.stop().failures, [])
        self.assertGreater(load.count, 100)

    def test_3_what_others_broke_is_told_and_nothing_is_lost(self):
        load = story.Load(self.nginx.port)
        load.start()
        before = (self.nginx.include / "shop.conf").read_text()
        (self.nginx.folder / "conf.d/theirs.conf").write_text("oops;\n")
        self.scene.cli("set-image", "shop", f"shop={IMAGE}:red")
        self.approve()
        told = rig.wait_for(lambda: self.upstream()["status"]["message"], 60, "nginx refuses")
        self.assertRegex(told, r"because of another file; .*shop\.conf is as before: .*\"oops\" .*theirs\.conf:1")
        self.assertEqual((self.nginx.include / "shop.conf").read_text(), before)
        self.assertIn("oops", self.scene.cli("status", "shop")[1])
        self.assertEqual(self.nginx.share("green", 200), 100)
        (self.nginx.folder / "conf.d/theirs.conf").unlink()
        self.weight_is(30)
        self.scene.cli("rollback", "shop", "--reason", "enough")
        self.scene.wait_phase("Failed", timeout=60, name="shop")
        self.weight_is(0)
        self.assertEqual(self.nginx.share("green", 200), 100)
        self.assertEqual(load.stop().failures, [])

    def test_4_a_file_that_somebody_changed_is_left_alone(self):
        file = self.nginx.include / "shop.conf"
        text = file.read_text()
        file.write_text(text.replace("server 127.", "#server 127.", 1))
        rig.wait_for(lambda: "changed or made by somebody else" in self.upstream()["status"]["message"], 30, "told")
        self.assertIn("#server", file.read_text())
        file.unlink()
        rig.wait_for(lambda: file.exists() and self.upstream()["status"]["message"] == "", 30, "written anew")
        self.assertEqual(file.read_text(), text)

    def test_5_after_a_crash_nothing_is_reloaded(self):
        before = self.nginx.reloads()
        self.scene.serve.kill9()
        self.scene.start()
        self.assertEqual(self.nginx.share("green", 200), 100)
        self.scene.cli("set-image", "shop", f"shop={IMAGE}:blue")
        self.approve()
        self.weight_is(30)
        self.assertEqual(self.nginx.reloads(), before + 1)
        self.scene.assert_healthy()

    def test_6_by_header_and_cookie(self):
        self.scene.cli("rollback", "shop", "--reason", "another way of releasing")
        self.scene.wait_phase("Failed", timeout=60, name="shop")
        self.kube.patch("Canary", "shop", {
            "metadata": {"annotations": {"rollcall.dev/steps": None}},
            "spec": {"analysis": {"maxWeight": None, "stepWeight": None, "iterations": 2, "match": [
                {"headers": {"x-canary": {"exact": "insider"}}}, {"headers": {"cookie": {"exact": "canary"}}}]}}})
        self.scene.cli("set-image", "shop", f"shop={IMAGE}:yellow")
        self.weight_is(100)
        for headers, color in (({}, "green"), ({"X-Canary": "insider"}, "yellow"), ({"X-Canary": "insiders"}, "green"),
                               ({"Cookie": "canary=always"}, "yellow"), ({"Cookie": "canary=never"}, "green")):
            with self.subTest(headers=headers):
                self.assertEqual(story.ask(self.nginx.port, headers=headers), (200, color))
        self.approve()
        self.scene.wait_phase("Succeeded", timeout=60, name="shop")
        self.weight_is(0)
        self.assertEqual(self.nginx.share("yellow", 100), 100)


if __name__ == "__main__":
    unittest.main()
