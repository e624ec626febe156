"""Webhooks out, as their receivers meet them: signed, in order, again until they are taken, checked by the libraries that
receivers use."""

import base64
import json
import sys
import unittest
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pypi  # noqa: E402
import rig  # noqa: E402
from service import NAME, Service  # noqa: E402
from tests.fakes.hooks import HookListener  # noqa: E402

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 64).decode()


class Webhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hooks = HookListener().start()
        cls.addClassCleanup(cls.hooks.stop)
        cls.service = Service("webhooks", extra=f"""
webhooks:
  all: {{url: "{cls.hooks.url('/all')}", secret: {NEW}, previous_secret: {OLD}}}
  decisions: {{url: "{cls.hooks.url('/decisions')}", secret: {OTHER}, events: [approval.decided]}}
  elsewhere: {{url: "{cls.hooks.url('/elsewhere')}", secret: {OTHER}, namespace: "prod-*"}}
  shop: {{url: "{cls.hooks.url('/shop')}", secret: {OTHER}, labels: "team=shop", events: ["rollout.*"]}}
  inside: {{url: "{cls.hooks.url('/inside').replace('http://127.0.0.1', 'https://localhost')}", secret: {OTHER}, events: [approval.opened]}}
  impatient: {{url: "{cls.hooks.url('/impatient')}", secret: {OTHER}, events: ["approval.*"], retry_for: 1s}}
controller: {{egress: {{private: false, allow: ["127.0.0.1"]}}}}
""")
        cls.addClassCleanup(cls.service.close)
        cls.service.start()
        cls.service.canary(labels={"app": NAME, "team": "shop"})

    def events(self, path="/all", kind="", tag=""):
        return [hook for hook in self.hooks.requests(path)
                if kind in hook.parsed["type"] and tag in json.dumps(hook.parsed)]

    def wait(self, path, kind, tag="", count=1, timeout=30):
        def enough():
            found = self.events(path, kind, tag)
            return found if len(found) >= count else None
        return rig.wait_for(enough, timeout, lambda: f"{kind} at {path}\n{self.service.trouble()}")

    def test_events_are_signed_cloudevents(self):
        verify, cloudevents = pypi.load("standardwebhooks"), pypi.load("cloudevents.core.bindings.http")
        http_message = pypi.load("cloudevents.core.bindings.http").HTTPMessage
        tag = self.service.release()
        self.service.wait_gate()
        self.assertEqual(self.service.cli("approve", NAME, "looks", "good").returncode, 0)
        self.wait("/all", "rollout.succeeded", tag)
        received = self.events("/all", "", tag)
        self.assertGreater(len(received), 4)
        schema = pypi.load("jsonschema_rs").validator_for(json.loads((rig.REPOSITORY / "docs/webhooks.schema.json").read_text()))
        for hook in received:
            schema.validate(hook.parsed)
            headers = {name.lower(): text for name, text in hook.headers.items()}
            for secret in (NEW, OLD):
                self.assertEqual(verify.Webhook(secret).verify(hook.body, headers), hook.parsed)
            with self.assertRaises(verify.WebhookVerificationError):
                verify.Webhook(OTHER).verify(hook.body, headers)
            event = cloudevents.from_structured_event(http_message(headers, hook.body))
            self.assertEqual(event.get_id(), headers["webhook-id"])
            self.assertEqual((event.get_source(), event.get_subject()), ("/clusters/here", f"default/{NAME}"))
            self.assertEqual(event.get_data()["rollout"]["name"], NAME)
        kinds = [hook.parsed["type"].removeprefix("dev.rollcall.") for hook in received]
        for earlier, later in (("approval.opened", "approval.decided"), ("approval.decided", "rollout.succeeded")):
            self.assertLess(kinds.index(earlier), kinds.index(later), kinds)
        decided = next(h.parsed["data"] for h in received if h.parsed["type"].endswith("approval.decided"))
        self.assertEqual((decided["approval"]["state"], decided["approval"]["votes"][0]["reason"]),
                         ("approved", "looks good"))
        ids = [hook.headers["webhook-id"] for hook in received]
        self.assertEqual(len(ids), len(set(ids)))
        # filters
        self.wait("/decisions", "approval.decided", tag)
        self.assertEqual({h.parsed["type"] for h in self.events("/decisions")}, {"dev.rollcall.approval.decided"})
        self.wait("/shop", "rollout.succeeded", tag)
        self.assertEqual([h for h in self.events("/shop") if "approval" in h.parsed["type"]], [])
        self.assertEqual(self.hooks.requests("/elsewhere"), [])

    def test_a_receiver_that_is_down_gets_everything_in_order_and_delays_nobody(self):
        gate = self.hooks.set("/all", 503, times=2)
        tag = self.service.release()
        self.service.wait_gate()
        self.assertEqual(self.service.cli("approve", NAME).returncode, 0)
        self.wait("/decisions", "approval.decided", tag)
        self.wait("/all", "rollout.succeeded", tag)
        refused = [h for h in self.hooks.requests("/all") if h.status == 503]
        again = [h for h in self.hooks.requests("/all") if h.status == 200 and
                 h.headers["webhook-id"] == refused[0].headers["webhook-id"]]
        self.assertEqual((len(refused), len(again)), (2, 1))
        self.assertEqual(again[0].body, refused[0].body)
        taken = [h.parsed["time"] for h in self.hooks.requests("/all") if h.status == 200]
        self.assertEqual(taken, sorted(taken))
        del gate

    def test_what_is_refused_is_in_the_log_and_can_be_replayed(self):
        self.hooks.set("/decisions", 422)
        tag = self.service.release()
        self.service.wait_gate()
        self.assertEqual(self.service.cli("reject", NAME, "no").returncode, 0)
        refused, = self.wait("/decisions", "approval.decided", tag)

        def failed():
            rows = self.service.api("GET", "/hooks?receiver=decisions&state=failed").json()["hooks"]
            return [row for row in rows if row["event"] == refused.headers["webhook-id"]]
        row, = rig.wait_for(failed, 10, "the delivery has failed")
        self.assertEqual((row["status"], row["why"], row["tries"]), (422, "HTTP 422", 1))
        self.assertIn("HTTP 422", self.service.cli("hooks", "log", "decisions").stdout)
        self.hooks.set("/decisions", 200)
        done = self.service.cli("hooks", "replay", str(row["id"]))
        self.assertEqual((done.returncode, done.stderr), (0, "1 will be sent again\n"))
        _, once_more = self.wait("/decisions", "approval.decided", tag, count=2)
        self.assertEqual((once_more.body, once_more.headers["webhook-id"]),
                         (refused.body, refused.headers["webhook-id"]))
        self.assertEqual(self.service.cli("hooks", "replay", "999999").stderr, "0 will be sent again\n")
        self.assertEqual(self.service.api("POST", "/hooks/nine/replay").status, 400)

    def test_what_is_too_old_is_given_up_and_the_next_goes_out(self):
        self.hooks.set("/impatient", 503)
        tag = self.service.release()
        self.service.wait_gate()
        asked, = self.wait("/impatient", "approval.opened", tag)[:1]

        def given_up():
            rows = self.service.api("GET", "/hooks?receiver=impatient&state=failed").json()["hooks"]
            return [row for row in rows if row["event"] == asked.headers["webhook-id"]]
        row, = rig.wait_for(given_up, 20, lambda: f"it is given up\n{self.service.trouble()}")
        self.assertEqual((row["status"], row["why"]), (503, "HTTP 503"))
        self.assertGreater(row["tries"], 1)
        self.hooks.set("/impatient", 200)
        self.assertEqual(self.service.cli("reject", NAME, "over").returncode, 0)
        self.wait("/impatient", "approval.decided", tag)
        done = self.service.cli("hooks", "replay", "failed", "impatient")
        self.assertRegex(done.stderr, "^[1-9][0-9]* will be sent again")
        rig.wait_for(lambda: [h for h in self.events("/impatient", "approval.opened", tag) if h.status == 200], 20,
                     "what failed is sent again")

    def test_kill_9_loses_no_event_and_decides_none_twice(self):
        self.hooks.set("/all", 503)
        tag = self.service.release()
        self.service.wait_gate()
        self.wait("/all", "", tag)
        self.service.process.kill9()
        self.hooks.set("/all", 200)
        restarted = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
        self.service.start()
        self.wait("/all", "approval.opened", tag, timeout=60)
        rig.wait_for(lambda: [h for h in self.events("/all", "rollout.", tag) if h.status == 200 and
                              h.parsed["time"] > restarted], 20, lambda: f"where it stands is told\n{self.service.trouble()}")
        self.assertEqual(self.service.cli("reject", NAME, "no").returncode, 0)
        self.wait("/all", "approval.decided", tag)
        taken = [h.headers["webhook-id"] for h in self.events("/all", "approval.", tag) if h.status == 200]
        self.assertEqual(len(taken), len(set(taken)))

    def test_an_address_that_policy_forbids_is_never_called(self):
        tag = self.service.release()
        self.service.wait_gate()
        self.assertEqual(self.service.cli("reject", NAME, "no").returncode, 0)

        def put_off():
            rows = self.service.api("GET", "/hooks?receiver=inside").json()["hooks"]
            return [row for row in rows if row["tries"] and "egress policy" in row["why"]]
        self.assertTrue(rig.wait_for(put_off, 20, "the delivery is refused by policy"), tag)
        self.assertEqual(self.hooks.requests("/inside"), [])


if __name__ == "__main__":
    unittest.main()
