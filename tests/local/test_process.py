"""docs/process.md and docs/nginx-upstream.md, as they are written: processes behind an nginx of the user's own."""

import contextlib
import http.client
import os
import re
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import rig  # noqa: E402
import story  # noqa: E402
from story import BUILD  # noqa: E402
from test_upstream import OnMachine, OwnNginx  # noqa: E402

DOCS = rig.REPOSITORY / "docs"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


def block(page, language, name=None):
    """A code block of a page; name: what its first line, a comment, says."""
    for text in blocks(page, language):
        if name is None or text.startswith(f"# {name}\n"):
            return text
    raise AssertionError(f"{page} has no such block")


def run(pid):
    """The command line of a process that lives."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def releases(folder):
    """A release folder a version; the application's colour is its version."""
    for version in ("blue", "green", "red"):
        release = folder / "releases" / version
        release.mkdir(parents=True)
        (release / "shop").write_text(f'#!/bin/sh\nexec {BUILD}/rollouts-demo --color "$(basename "$PWD")" "$@"\n')
        (release / "shop").chmod(0o755)


class Pages(OnMachine):
    @classmethod
    def setUpClass(cls):
        cls.folder = rig.scratch_folder("process")
        releases(cls.folder)
        location = re.search(r"location / \{(.*?)\}", block("nginx-upstream.md", "nginx"), re.S)[1]
        told = [text for text in blocks("nginx-upstream.md", "nginx") if "access_log" in text][0]
        socket = cls.folder / "traffic.sock"
        cls.folder.chmod(0o755)  # nginx's workers are another user's
        cls.nginx = OwnNginx(cls.folder / "nginx",
                             location.strip() + told.replace("/run/rollcall/traffic.sock", str(socket)))
        cls.addClassCleanup(cls.nginx.close)
        cls.begin("process", 6, f"  commands: true\n{cls.nginx.settings().rstrip()}\n    log_socket: {socket}\n")

    def until(self, condition, what, timeout=60):
        return rig.wait_for(condition, timeout, lambda: f"{what}\n{self.scene.trouble()}")

    def weight_is(self, weight):
        self.until(lambda: self.kube.get("NginxUpstream", "shop")["status"]["canaryWeight"] == weight, f"weight {weight}")

    def pids(self):
        return [int(pod["status"]["containerStatuses"][0]["containerID"].rsplit("/", 1)[-1])
                for pod in self.kube.list("Pod") if "containerStatuses" in pod["status"]
                and "running" in pod["status"]["containerStatuses"][0]["state"]]

    def test_1_the_manifest_of_the_page(self):
        file = self.scene.folder / "shop.yaml"
        file.write_text(block("process.md", "yaml", "shop.yaml").replace("/srv/shop", str(self.folder))
                        .replace("interval: 2s", "interval: 1s"))
        self.assertEqual(self.scene.cli("apply", "-f", str(file))[1], "process/shop created\ncanary/shop created\n")
        self.until((self.nginx.include / "shop.conf").exists, "the file for nginx")
        self.nginx.start()
        self.scene.wait_phase("Initialized", timeout=60, name="shop")
        self.until(lambda: self.nginx.share("blue", 20) == 100, "blue answers")
        self.until(lambda: len(self.pids()) == 2, "the target's processes have ended")
        for pid in self.pids():
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), str(self.folder / "releases/blue"))
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            port = re.search(r"--port (\d+)", run(pid))[1]
            for entry in ("SHOP_MODE=production", "VERSION=blue", "ADDRESS=127.0.0.1", f"PORT={port}"):
                self.assertIn(entry, environment)
        self.assertRegex(self.scene.cli("get", "processes")[1], r"NAME +VERSION +INSTANCES +AGE\ndefault +shop +blue +2 ")

    def test_2_a_release_of_another_version_loses_nothing(self):
        load = story.Load(self.nginx.port)
        load.start()
        out = self.scene.cli(*re.search(r"rollcall (set-version.*?) +#", block("process.md", "sh"))[1].split())[1]
        self.assertEqual(out, "process/shop version set\n")
        self.weight_is(50)  # where it waits for the promotion
        self.assertAlmostEqual(self.nginx.share("green", 800), 50, delta=5)
        self.scene.until_approved("shop", "local")
        self.scene.wait_phase("Succeeded", timeout=60, name="shop")
        self.until(lambda: self.nginx.share("green", 100) == 100, "green answers")
        self.assertEqual(load.stop().failures, [])
        self.assertRegex(self.scene.cli("status", "shop")[1], r"asked by +token:local")

    def test_3_a_rollback_loses_nothing(self):
        load = story.Load(self.nginx.port)
        load.start()
        self.scene.cli("set-version", "shop", "red")
        self.weight_is(25)
        self.scene.cli("rollback", "shop", "--reason", "too red")
        self.weight_is(0)
        self.until(lambda: len(self.pids()) == 2, "red has ended")
        self.assertEqual(self.nginx.share("green", 100), 100)
        self.assertEqual(load.stop().failures, [])
        self.assertGreater(load.colors["red"], 0)

    def test_4_one_that_ignores_its_signal_and_one_that_dies(self):
        folder = self.folder / "releases/stubborn"
        folder.mkdir()
        (folder / "shop").write_text(f"#!/bin/sh\ntrap '' TERM\n{BUILD}/rollouts-demo --color red \"$@\" &\n"
                                     "while :; do wait; done\n")
        (folder / "shop").chmod(0o755)
        self.kube.patch("Process", "shop", {"spec": {"version": "stubborn", "stop": {"graceSeconds": 1}}})
        self.weight_is(25)
        stubborn = [pid for pid in self.pids() if "stubborn" in os.readlink(f"/proc/{pid}/cwd")]
        self.assertEqual(len(stubborn), 2)
        self.scene.cli("rollback", "shop", "--reason", "done")
        self.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in stubborn), "killed after its grace")
        self.scene.cli("set-version", "shop", "nowhere")
        self.until(lambda: "there is no folder" in self.scene.cli("get", "pods", "-o", "json")[1], "told")
        (self.folder / "releases/dying").mkdir()
        (self.folder / "releases/dying/shop").write_text("#!/bin/sh\nexit 3\n")
        (self.folder / "releases/dying/shop").chmod(0o755)
        self.scene.cli("set-version", "shop", "dying")
        self.until(lambda: "CrashLoopBackOff" in self.scene.cli("get", "pods")[1], "it crashes")
        self.assertEqual(self.nginx.share("green", 100), 100)

    def test_5_a_crash_of_rollcall_ends_nothing(self):
        self.scene.cli("rollback", "shop", "--reason", "it dies")
        self.scene.wait_phase("Failed", timeout=60, name="shop")
        self.until(lambda: len(self.kube.list("Pod")) == 2, "only the stable ones are left")
        before = sorted(self.pids())
        load = story.Load(self.nginx.port)
        load.start()
        self.scene.serve.kill9()
        self.scene.start()
        self.until(lambda: sorted(self.pids()) == before, "the same processes")
        self.assertEqual(load.stop().failures, [])
        self.scene.assert_healthy()

    def test_6_a_version_that_answers_with_errors_is_rolled_back_by_what_nginx_tells(self):
        self.kube.patch("Canary", "shop", {"spec": {"analysis": {"threshold": 1, "metrics": [
            {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}]}}})
        load = story.Load(self.nginx.port)
        load.start()
        self.kube.patch("Process", "shop", {"spec": {"version": "red", "readiness": {"path": None}}})
        self.weight_is(25)
        for pod in self.kube.list("Pod"):
            container = pod["spec"]["containers"][0]
            if container["image"] == "shop:red":
                peer = http.client.HTTPConnection("127.0.0.1", container["ports"][0]["containerPort"], timeout=10)
                with contextlib.closing(peer):
                    peer.request("POST", "/fail?rate=1")
                    self.assertEqual(peer.getresponse().status, 200)
        self.scene.wait_phase("Failed", timeout=60, name="shop")
        self.weight_is(0)
        load.stop()
        self.assertIn("Halt shop.default advancement success rate", self.scene.cli("get", "events", "-o", "json")[1])

    def test_7_what_is_wrong_is_said(self):
        for change, said in (({"spec": {"comand": ["x"]}}, 'spec.comand: no such field; did you mean "command"?'),
                             ({"spec": {"version": "../x"}}, "spec.version: must be a text"),
                             ({"spec": {"command": "x"}}, "spec.command: must be a list"),
                             ({"spec": {"stop": {"signal": "SIGTERM"}}}, "spec.stop.signal: must be one of TERM"),
                             ({"spec": {"env": {"PORT": "1"}}}, "spec.env.PORT: rollcall sets it")):
            with self.subTest(said=said):
                with self.assertRaisesRegex(Exception, re.escape(said).replace('"', r'\W+')):
                    self.kube.patch("Process", "shop", change)


    def test_8_complete_gives_the_traffic_back_to_the_process(self):
        load = story.Load(self.nginx.port)
        load.start()
        self.scene.cli("complete", "shop")
        self.until(lambda: self.kube.find("Canary", "shop") is None, "the Canary is gone", 90)
        self.until(lambda: self.kube.find("Deployment", "shop-primary") is None, "the primary is gone")
        self.until(lambda: len(self.pids()) == 2, "the Process has its own instances")
        self.until(lambda: self.nginx.share("green", 100) == 100, "the stable version answers")
        self.assertEqual(load.stop().failures, [])
        self.scene.cli("delete", "process", "shop")
        self.until(lambda: not self.kube.list("Deployment") and not self.pids(), "nothing is left of the Process")
        self.assertIn("127.0.0.1:1 down", (self.nginx.include / "shop.conf").read_text())


class Units(OnMachine):
    """docs/systemd.md, over a systemctl of ours: no systemd runs where tests run."""

    @classmethod
    def setUpClass(cls):
        cls.folder = rig.scratch_folder("units")
        releases(cls.folder)
        (cls.folder / "bin").mkdir()
        (cls.folder / "bin/systemctl").symlink_to(rig.REPOSITORY / "tests/fakes/systemctl.py")
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{cls.folder}/bin:{before}"
        cls.addClassCleanup(os.environ.update, PATH=before)
        cls.nginx = OwnNginx(cls.folder / "nginx", "proxy_pass http://shop;")
        cls.addClassCleanup(cls.nginx.close)
        cls.begin("units", 7, "  commands: true\n" + cls.nginx.settings())
        (cls.folder / "shop@.service").write_text(
            block("systemd.md", "ini").replace("/srv/shop", str(cls.folder))
            .replace("/var/lib/rollcall", str(cls.scene.folder / "data")))

    def running(self):
        return sorted(file.name for file in self.folder.glob("shop@*.service.pid")
                      if Path(f"/proc/{file.read_text()}").exists())

    def until(self, condition, what, timeout=60):
        return rig.wait_for(condition, timeout, lambda: f"{what}\n{self.scene.trouble()}")

    def test_1_the_page(self):
        file = self.scene.folder / "shop.yaml"
        file.write_text(block("systemd.md", "yaml", "shop.yaml").replace("interval: 2s", "interval: 1s"))
        self.assertEqual(self.scene.cli("apply", "-f", str(file))[1], "systemdunit/shop created\ncanary/shop created\n")
        self.until((self.nginx.include / "shop.conf").exists, "the file for nginx")
        self.nginx.start()
        self.scene.wait_phase("Initialized", timeout=60, name="shop")
        self.until(lambda: len(self.running()) == 2, "the target's units have been stopped")
        for name in self.running():
            self.assertRegex(name, r"shop@blue-[a-z0-9]{5}\.service\.pid")
        self.until(lambda: self.nginx.share("blue", 20) == 100, "blue answers")

    def test_2_a_release_and_a_crash_in_it(self):
        load = story.Load(self.nginx.port)
        load.start()
        out = self.scene.cli(*re.search(r"rollcall (set-version.*?) +#", block("systemd.md", "sh"))[1].split())[1]
        self.assertEqual(out, "systemdunit/shop version set\n")
        self.scene.wait_phase("WaitingPromotion", timeout=60, name="shop")
        before = self.running()
        self.assertEqual(len(before), 4)
        self.scene.serve.kill9()
        self.assertEqual(self.running(), before)
        self.scene.start()
        self.scene.until_approved("shop", "local")
        self.scene.wait_phase("Succeeded", timeout=60, name="shop")
        self.until(lambda: len(self.running()) == 2 and all("@green-" in name for name in self.running()), "only green is left")
        self.until(lambda: self.nginx.share("green", 100) == 100, "green answers")
        self.assertEqual(load.stop().failures, [])
        units = self.scene.folder / "data/node/units"
        self.until(lambda: len(list(units.iterdir())) == 2, "environment files go with their instances")

    def test_3_one_that_is_killed_starts_again(self):
        victim = self.folder / self.running()[0]
        os.killpg(int(victim.read_text()), signal.SIGKILL)
        self.until(lambda: len(self.running()) == 2, "it is started again")
        self.until(lambda: "CrashLoopBackOff" not in self.scene.cli("get", "pods")[1], "ready again")

    def test_4_an_orderly_end_stops_the_units(self):
        self.assertEqual(self.scene.serve.stop(60), 0)
        self.assertEqual(self.running(), [])
        self.scene.start()
        self.until(lambda: len(self.running()) == 2, "and they come back")
        self.scene.assert_healthy()


if __name__ == "__main__":
    unittest.main()
