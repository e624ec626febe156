"""HookListener: what it records, how it is scripted."""

import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.delivery import send  # noqa: E402
from tests.fakes.hooks import HookListener  # noqa: E402


class HookListenerTest(unittest.TestCase):
    def setUp(self):
        self.hooks = HookListener().start()
        self.addCleanup(self.hooks.stop)

    def post(self, path, body=b"{}", kind="application/json"):
        return send(self.hooks.url(path), body, [("Content-Type", kind), ("X-Trace", "7")])

    def test_records_the_request_as_sent(self):
        self.post("/gate?x=1", b'{"name":"podinfo", "phase":"Progressing"}')
        hook, = self.hooks.wait("/gate")
        self.assertEqual((hook.method, hook.query, hook.headers["X-Trace"]), ("POST", {"x": "1"}, "7"))
        self.assertEqual(hook.body, b'{"name":"podinfo", "phase":"Progressing"}')
        self.assertEqual(hook.parsed["phase"], "Progressing")
        self.post("/form", b"a=1&b=", "application/x-www-form-urlencoded")
        self.assertEqual(self.hooks.requests("/form")[0].parsed, {"a": "1", "b": ""})
        self.post("/raw", b"{no json")
        self.assertIsNone(self.hooks.requests("/raw")[0].parsed)

    def test_scripts_are_used_in_order_and_by_path(self):
        self.hooks.script("/gate", 403, "not yet", times=2).script("/gate", 500, close=True, times=1).script("/gate", 202)
        got = [self.post("/gate") for _ in range(5)]
        self.assertEqual([d.status for d in got], [403, 403, 0, 202, 202])
        self.assertEqual(got[0].body, "not yet")
        self.assertEqual(self.post("/other").status, 200)
        self.hooks.set("/gate", 404)
        self.assertEqual(self.post("/gate").status, 404)

    def test_delay_and_hold(self):
        self.hooks.script("/slow", delay=0.2)
        self.assertGreaterEqual(self.post("/slow").seconds, 0.2)
        gate = self.hooks.hold("/held")
        answers = []
        person = threading.Thread(target=lambda: answers.append(self.post("/held")))
        person.start()
        self.hooks.wait("/held")
        self.assertEqual(answers, [])
        gate.set()
        person.join(5)
        self.assertEqual(answers[0].status, 200)

    def test_wait_counts_what_fits_and_fails_at_the_deadline(self):
        self.post("/gate", b'{"type":"a"}')
        with self.assertRaisesRegex(AssertionError, "2 requests to /gate"):
            self.hooks.wait("/gate", count=2, timeout=0.1)
        with self.assertRaises(AssertionError):
            self.hooks.wait("/gate", timeout=0.1, predicate=lambda h: h.parsed["type"] == "b")


if __name__ == "__main__":
    unittest.main()
