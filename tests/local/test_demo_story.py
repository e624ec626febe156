"""`rollcall demo`, as somebody who has just built it starts it."""

import contextlib
import http.client
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from tests.fakes.slack import FakeSlack  # noqa: E402

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
FAILED = 1


def get(port, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers


class Demo(unittest.TestCase):
    def setUp(self):
        for program in ("rollcall", "rollouts-demo"):
            if not (BUILD / program).exists():
                self.skipTest(f"{BUILD / program} has not been built")
        self.folder = rig.scratch_folder("demo-story")
        self.data = self.folder / "rollcall-demo"

    def start(self, *words, env=None):
        self.starts = getattr(self, "starts", 0) + 1
        process = rig.Process("demo", [BUILD / "rollcall", "demo", *words], self.folder / f"demo-{self.starts}.log",
                              cwd=self.folder, env=env)
        process.start()
        self.addCleanup(process.stop, 60)
        return process

    def cli(self, *words, check=True):
        """As the demo says it: by what it prints for another terminal."""
        environment = {**os.environ, **dict(re.findall(r'(ROLLCALL_\w+)="?([^"\s]+)', self.demo.output()))}
        done = subprocess.run([BUILD / "rollcall", *words], env=environment, capture_output=True, text=True,
                              timeout=60, check=False)
        if check:
            self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def ports(self):
        found = re.search(r"on http://127\.0\.0\.1:(\d+) +\(?.*?http://127\.0\.0\.1:(\d+)", self.demo.output())
        return int(found[1]), int(found[2])

    def assert_nothing_is_left(self):
        port, web_port = self.ports()
        for one in (port, web_port):
            with socket.socket() as peer:
                self.assertNotEqual(peer.connect_ex(("127.0.0.1", one)), 0, f"port {one} is still served")
        self.assertEqual(self.pods(), [])
        self.assertEqual({entry.name for entry in self.folder.iterdir() if entry.suffix != ".log"}, {"rollcall-demo"})

    def pods(self):
        """Processes whose program belongs to this demo's network of addresses, and nginx of its folder."""
        network = re.search(r"addresses: (127\.\d+)\.", (self.data / "config.yaml").read_text())[1]
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if f"--address {network}." in line or f"{self.data}/node" in line:
                    found.append(line)
        return found

    def test_the_whole_story(self):
        self.demo = self.start("--auto")
        self.assertEqual(self.demo.wait(100), 0, self.demo.tail(60))
        said = self.demo.output()
        weights = [int(n) for n in re.findall(r"[█░]{20} +(\d+) %", said)]
        self.assertEqual(weights, [20, 40, 60, 80, 100, 0, 20, 0])
        self.assertEqual(said.count("lin.wei approves confirm-rollout"), 2)
        self.assertEqual(said.count("lin.wei approves confirm-promotion"), 1)
        self.assertRegex(said, r"Halt podinfo-default\.default advancement success rate [\d.]+% < 95%")
        self.assertRegex(said, r"✓ \d+ requests, none was lost, but for \d+ errors of the version that was made to fail")
        self.assertNotIn("\033", said, "no colours where there is no terminal")
        self.assertLess(float(re.findall(r"^ +([\d.]+)s", said, re.M)[-1]), 60)
        self.assert_nothing_is_left()

    def test_ports_that_are_taken(self):
        with contextlib.ExitStack() as stack:
            for address, port in (("127.0.0.1", 8484), ("0.0.0.0", 8080), ("127.0.0.1", 8080)):
                taken = stack.enter_context(socket.socket())
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):  # somebody else's, or all addresses cannot be had: as good
                    taken.bind((address, port))
                    taken.listen()
            self.demo = self.start()
            self.demo.wait_ready(lambda: "another terminal" in self.demo.output(), 60, "the demo says what is next")
        said = self.demo.output()
        port, web_port = self.ports()
        self.assertRegex(said, rf"port 8484 is taken: {port} instead")
        self.assertRegex(said, rf"port 8080 is taken: {web_port} instead")
        self.assertEqual(get(web_port)[2]["X-Color"], "blue")

        self.cli("set-image", "podinfo", "podinfod=registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo:green")
        rig.wait_for(lambda: "Waiting" in self.cli("list"), 20, "the release waits")
        again = subprocess.run([BUILD / "rollcall", "demo"], cwd=self.folder, capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual(again.returncode, FAILED)
        self.assertIn(str(self.demo.pid), again.stderr)
        self.assertIn("Waiting", self.cli("list"), "the first one was left alone")

        admin_port = int(re.search(r'admin: "127\.0\.0\.1:(\d+)"', (self.data / "config.yaml").read_text())[1])
        metrics = get(admin_port, "/metrics")[1]
        self.assertRegex(metrics, r'rollcall_requests_total\{route="default/podinfo",side="primary",status="2xx"\} \d+')
        self.assertRegex(metrics, r'rollcall_access_log_lines_total\{outcome="counted"\} \d+')

        self.demo.signal(signal.SIGINT)
        self.assertEqual(self.demo.wait(60), 0, self.demo.tail(30))
        self.assertRegex(self.demo.output(), r"✓ \d+ requests, none was lost\n")
        self.assert_nothing_is_left()

    def test_after_a_kill_it_begins_anew(self):
        self.demo = self.start()
        self.demo.wait_ready(lambda: "blue answers" in self.demo.output(), 60, "blue answers")
        self.demo.kill9()
        self.assertEqual(len([line for line in self.pods() if "rollouts-demo" in line]), 4)
        before = self.pods()
        self.demo = self.start()
        self.demo.wait_ready(lambda: "the canary is ready" in self.demo.output(), 60, "the canary is ready")
        self.demo.signal(signal.SIGTERM)
        self.assertEqual(self.demo.wait(60), 0, self.demo.tail(30))
        self.assertEqual([line for line in self.pods() if line in before], [])
        self.assert_nothing_is_left()

    def test_folders_that_are_not_its_own(self):
        other = self.folder / "other"
        other.mkdir()
        (other / "thesis.txt").write_text("years of work")
        for words, said in ((("--data-dir", other), "there is something in it that no demo has left"),
                            (("--data-dir", self.folder / "a b"), "without blanks and quotes"),
                            (("--data-dir", "/nowhere/demo"), "/nowhere/demo: No such file"),
                            (("--data-dir", "/dev/null"), "Not a directory")):
            with self.subTest(words):
                done = subprocess.run([BUILD / "rollcall", "demo", *words], capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertEqual((done.returncode, done.stdout), (FAILED, ""))
                self.assertIn(said, done.stderr)
        self.assertEqual([entry.name for entry in other.iterdir()], ["thesis.txt"])

    def test_in_a_slack_channel(self):
        slack = FakeSlack().start()
        self.addCleanup(slack.stop)
        slack.by_socket = True
        slack.add_user("ULIN", "lin.wei")
        slack.add_channel("C09DEMO", "demo", members=["ULIN"])
        given = {**os.environ, "SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token,
                 "SLACK_CHANNEL": "C09DEMO", "SLACK_API_URL": slack.api_url}
        self.demo = self.start("--slack", env=given)
        self.demo.wait_ready(lambda: "another terminal" in self.demo.output(), 60, "the demo says what is next")
        self.cli("set-image", "podinfo", "podinfod=registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo:green")
        card = rig.wait_for(lambda: next((m for m in slack.messages("C09DEMO") if "green" in m.plain and m.buttons), None),
                            30, lambda: f"a card asks\n{slack.dump()}\n{self.demo.tail()}")
        self.assertEqual(slack.click("C09DEMO", card.ts, "Approve", "ULIN").status, 200)
        rig.wait_for(lambda: "20 %" in self.demo.output(), 30, "the release begins")
        self.demo.signal(signal.SIGINT)
        self.assertEqual(self.demo.wait(60), 0, self.demo.tail(30))
        kept = "".join(file.read_text(errors="replace") for file in self.data.glob("*") if file.suffix in (".yaml", ".log"))
        for secret in (slack.bot_token, slack.app_token):
            self.assertNotIn(secret, kept)

    def test_what_a_workspace_wants_is_named(self):
        bare = {key: value for key, value in os.environ.items() if not key.startswith(("SLACK_", "DINGTALK_"))}
        done = subprocess.run([BUILD / "rollcall", "demo", "--slack", "--dingtalk"], cwd=self.folder, env=bare,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, FAILED)
        for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_CHANNEL", "DINGTALK_CLIENT_ID",
                     "DINGTALK_CLIENT_SECRET", "DINGTALK_CORP_ID", "DINGTALK_CONVERSATION"):
            self.assertIn(name, done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_on_a_terminal(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.environ["TERM"] = "xterm"
            os.execv(BUILD / "rollcall", ["rollcall", "demo"])
        seen = b""
        with contextlib.suppress(OSError):  # its end
            while True:
                seen += os.read(terminal, 65536)
                if b"another terminal" in seen:
                    os.write(terminal, b"\x03")  # Ctrl-C
                    break
            while True:
                seen += os.read(terminal, 65536)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, seen.decode())
        said = seen.decode()
        self.assertIn("\033[32m✓\033[0m blue answers", said)
        self.assertRegex(said, r"\r\033\[K +\d+ requests, 0 lost", "the line below is painted anew")


if __name__ == "__main__":
    unittest.main()
