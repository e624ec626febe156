"""The application that stories release: what it answers, and what it can be told to do wrong."""

import collections
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import rig  # noqa: E402

PROGRAM = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan")) / "rollouts-demo"


@unittest.skipUnless(PROGRAM.exists(), f"{PROGRAM} has not been built")
class DemoTest(unittest.TestCase):
    def start(self, *options):
        self.port = rig.free_port()
        folder = rig.scratch_folder("demo")
        process = rig.Process("demo", [PROGRAM, "--port", str(self.port), *options], folder / "demo.log").start()
        self.addCleanup(process.stop)
        process.wait_ready(lambda: self.ask("/healthz")[0] == 200, 10, "the application to answer")
        return process

    def ask(self, path="/", method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers

    def test_colour_and_address(self):
        self.start("--color", "green", "--version", "2.0")
        status, body, headers = self.ask("/any/path")
        self.assertEqual((status, headers["X-Color"]), (200, "green"))
        self.assertEqual(json.loads(body), {"color": "green", "version": "2.0", "address": f"127.0.0.1:{self.port}"})

    def test_it_fails_at_a_rate_and_tells_prometheus(self):
        self.start("--fail-rate", "0.3")
        seen = collections.Counter(self.ask()[0] for _ in range(1000))
        self.assertAlmostEqual(seen[500], 300, delta=75)
        metrics = self.ask("/metrics")[1]
        for status in (200, 500):
            count = re.search(r'^http_request_duration_seconds_count\{status="%d"\} (\d+)$' % status, metrics, re.M)
            self.assertEqual(int(count.group(1)), seen[status])
        self.assertEqual(self.ask("/fail?rate=1", "POST")[0], 200)
        self.assertEqual({self.ask()[0] for _ in range(20)}, {500})
        self.assertEqual(json.loads(self.ask("/chaos", "PUT", '{"failRate":0,"slowMs":30,"slowRate":0.5}')[1]),
                         {"failRate": 0, "slowMs": 30, "slowRate": 0.5})
        self.assertEqual({self.ask()[0] for _ in range(20)}, {200})

    def test_bad_orders_change_nothing(self):
        self.start()
        before = self.ask("/chaos")[1]
        for body in ('{"failRate":1.5}', '{"failRate":"1"}', '{"failrate":1}', '{"slowMs":-1}', "[", '{"slowRate":2}'):
            self.assertEqual(self.ask("/chaos", "PUT", body)[0], 400, body)
        for rate in ("-1", "2", "x", "nan"):
            self.assertEqual(self.ask(f"/fail?rate={rate}", "POST")[0], 400, rate)
        self.assertEqual(self.ask("/chaos")[1], before)

    def test_bad_options(self):
        for options in (["--port", "x"], ["--fail-rate", "2"], ["--nope"], ["word"]):
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=10, check=False)
            self.assertEqual(done.returncode, 2, options)
            self.assertIn("usage: rollouts-demo", done.stderr)

    def test_what_was_asked_is_answered_before_it_ends(self):
        process = self.start("--slow-ms", "1000")
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.ask()))
        asking.start()
        rig.wait_for(lambda: established(self.port), 5, "the request to be there")
        process.stop()
        asking.join()
        self.assertEqual((answers[0][0], answers[0][2]["Connection"]), (200, "close"))
        self.assertEqual(process.exit_code, 0)


def established(port):
    """Somebody is connected to the port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


if __name__ == "__main__":
    unittest.main()
