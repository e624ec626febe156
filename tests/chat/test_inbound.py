"""Webhooks in: what other systems may say, and everything that they may not."""

import base64
import concurrent.futures
import json
import sys
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pypi  # noqa: E402
import rig  # noqa: E402
from service import NAME, Service  # noqa: E402
from tests.fakes import senders  # noqa: E402

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
HUB = "It's a Secret to Everybody"
POLICIES = """
  default:
    approvers: ["token:local", "webhook:ci", "webhook:github"]
    self_approval: true
    rights:
      rollback: ["webhook:alerts", "webhook:grafana", "token:local"]
      pause: ["webhook:hold"]
"""


class Inbound(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service("inbound", policies=POLICIES, extra=f"""
inbound:
  ci: {{secret: {NEW}, previous_secret: {OLD}}}
  alerts: {{format: alertmanager, token: alertmanager}}
  grafana: {{format: grafana, secret: {NEW}, when: {{status: [firing], labels.severity: [critical, page]}}}}
  hold: {{format: alertmanager, secret: {NEW}, action: hold, labels: "app={{labels.app}}"}}
  github:
    secret: "{HUB}"
    signature: hub
    when: {{action: [completed]}}
    action: "{{workflow_run.conclusion}}"
    words: {{success: approve, failure: reject}}
    namespace: default
    rollout: "{{repository.name}}"
    reason: "{{workflow_run.name}}: {{workflow_run.html_url}}"
    id: "{{workflow_run.id}}"
  slow: {{secret: {NEW}, per_minute: 3}}
""")
        cls.addClassCleanup(cls.service.close)
        cls.service.start()
        cls.service.canary()
        made = cls.service.cli("token", "create", "alertmanager", "--scope", "decide")
        cls.alertmanager = {"Authorization": f"Bearer {made.stdout.strip().splitlines()[-1]}"}

    def post(self, endpoint, message, headers=None, secret=NEW, **sign):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = senders.standard(secret, body, **sign) if headers is None else headers
        return self.service.ask("POST", f"/inbound/{endpoint}", body, headers)

    def say(self, action, name=NAME, reason="because", **more):
        return {"action": action, "namespace": "default", "name": name, "reason": reason, **more}

    def outcome(self, reply):
        return reply.status, [r["outcome"] for r in reply.json()["results"]]

    def waiting(self):
        tag = self.service.release()
        self.service.wait_gate()
        return tag

    def rolled_back(self):
        return self.service.wait_phase("Failed", timeout=60)

    # -- what it is for ------------------------------------------------------------------------------------------------

    def test_ci_approves_with_the_official_signature_and_is_on_record(self):
        self.waiting()
        body = json.dumps(self.say("approve", reason="e2e is green")).encode()
        message, now = "msg_green", datetime.now(timezone.utc)
        official = pypi.load("standardwebhooks").Webhook(NEW)
        headers = {"webhook-id": message, "webhook-timestamp": str(int(now.timestamp())),
                   "webhook-signature": official.sign(message, now, body.decode())}
        self.assertEqual(self.outcome(self.post("ci", body, headers)), (200, ["done"]))
        rig.wait_for(lambda: not self.service.rollout()["gate"], 30, "the gate is open")
        row = next(r for r in reversed(self.service.history()) if r["action"] == "vote.approve")
        self.assertEqual((row["actor"], row["reason"]), ("webhook:ci", "e2e is green"))
        again = self.post("ci", body, headers)
        self.assertEqual(self.outcome(again), (200, ["duplicate"]))
        self.service.wait_phase("Succeeded", "Failed", timeout=90)

    def test_a_firing_alert_rolls_back_once_and_a_resolved_one_does_nothing(self):
        self.waiting()
        resolved = senders.alertmanager(senders.alert(NAME, "resolved"))
        self.assertEqual(self.outcome(self.post("alerts", resolved, self.alertmanager)), (200, ["ignored"]))
        self.assertEqual(self.service.phase(), "Waiting")
        started = datetime.now(timezone.utc).isoformat()
        firing = senders.alertmanager(senders.alert(NAME, started=started), senders.alert("elsewhere", started=started))
        self.assertEqual(self.outcome(self.post("alerts", firing, self.alertmanager)), (200, ["done", "not_found"]))
        self.rolled_back()
        self.assertEqual(self.outcome(self.post("alerts", firing, self.alertmanager)), (200, ["duplicate", "not_found"]))
        row = next(r for r in reversed(self.service.history()) if r["action"] == "verb.rollback")
        self.assertEqual((row["actor"], row["reason"]), ("webhook:alerts", "HighErrorRate: 5xx above 5%"))

    def test_grafana_and_its_severities(self):
        self.waiting()
        started = datetime.now(timezone.utc).isoformat()
        warning = senders.grafana(senders.alert(NAME, started=started, severity="warning"))
        self.assertEqual(self.outcome(self.post("grafana", warning)), (200, ["ignored"]))
        critical = senders.grafana(senders.alert(NAME, started=started, severity="page"))
        self.assertEqual(self.outcome(self.post("grafana", critical)), (200, ["done"]))
        self.rolled_back()

    def test_an_alert_holds_what_has_its_labels(self):
        self.waiting()
        started = datetime.now(timezone.utc).isoformat()
        held = senders.alertmanager(senders.alert("", started=started, app=NAME))
        self.assertEqual(self.outcome(self.post("hold", held)), (200, ["done"]))
        rig.wait_for(lambda: self.service.rollout()["paused"], 20, "it is held")
        other = senders.alertmanager(senders.alert("", started=started, app="other"))
        self.assertEqual(self.outcome(self.post("hold", other)), (404, ["not_found"]))
        none = senders.alertmanager(senders.alert("", started=started))
        self.assertEqual(self.outcome(self.post("hold", none)), (400, ["invalid"]))
        self.assertEqual(self.service.cli("rollback", NAME).returncode, 0)
        self.rolled_back()

    def test_github_says_it_in_its_own_words(self):
        self.waiting()
        for run, conclusion, outcome in ((1, "cancelled", "ignored"), (2, "failure", "done")):
            body = json.dumps(senders.workflow_run(conclusion, NAME, run)).encode()
            self.assertEqual(self.outcome(self.post("github", body, senders.hub(HUB, body))), (200, [outcome]))
        self.rolled_back()
        # the same body under another delivery id: the id is not signed, the body is
        self.assertEqual(self.outcome(self.post("github", body, senders.hub(HUB, body))), (200, ["duplicate"]))

    def test_annotate_is_on_record_and_changes_nothing(self):
        self.waiting()
        before = self.service.rollout()
        self.assertEqual(self.outcome(self.post("ci", self.say("annotate", reason="load test begins"))), (200, ["done"]))
        row = next(r for r in reversed(self.service.history()) if r["action"] == "note")
        self.assertEqual((row["actor"], row["reason"], row["object"]),
                         ("webhook:ci", "load test begins", f"here/default/{NAME}"))
        self.assertEqual(self.service.rollout()["gate"], before["gate"])
        self.assertEqual(self.service.cli("reject", NAME, "over").returncode, 0)

    # -- what may not be ---------------------------------------------------------------------------------------------------

    def test_rights_are_the_policies(self):
        self.waiting()
        reply = self.post("ci", self.say("rollback"))
        self.assertEqual(self.outcome(reply), (403, ["refused"]))
        self.assertIn("may not roll back", reply.json()["error"])
        body = senders.alertmanager(senders.alert(NAME, started="x"))
        made = self.service.cli("token", "create", "stranger", "--scope", "admin")
        stranger = {"Authorization": f"Bearer {made.stdout.strip().splitlines()[-1]}"}
        self.assertEqual(self.post("alerts", body, stranger).status, 403)
        self.assertEqual(self.post("alerts", body, {}).status, 401)
        self.assertEqual(self.post("alerts", body, {"Authorization": "Bearer nothing"}).status, 401)
        self.assertEqual(self.service.phase(), "Waiting")
        self.assertEqual(self.service.cli("reject", NAME, "over").returncode, 0)

    def test_forgeries(self):
        body = json.dumps(self.say("rollback")).encode()
        good = senders.standard(NEW, body)
        now = time.time()
        for what, headers, sent in (
                ("another secret", senders.standard("whsec_" + base64.b64encode(b"x" * 32).decode(), body), body),
                ("body changed", good, body.replace(b"rollback", b"promote ")),
                ("body longer", good, body + b" "),
                ("old", senders.standard(NEW, body, at=now - 400), body),
                ("early", senders.standard(NEW, body, at=now + 400), body),
                ("no number", {**good, "webhook-timestamp": "now"}, body),
                ("negative", {**good, "webhook-timestamp": "-1"}, body),
                ("another time", {**good, "webhook-timestamp": str(int(now) - 3)}, body),
                ("another id", {**good, "webhook-id": "msg_other"}, body),
                ("long id", senders.standard(NEW, body, message="m" * 300), body),
                ("no signature", {k: v for k, v in good.items() if k != "webhook-signature"}, body),
                ("no id", {k: v for k, v in good.items() if k != "webhook-id"}, body),
                ("empty signature", {**good, "webhook-signature": "v1,"}, body),
                ("hub instead", senders.hub(NEW, body), body),
                ("nothing", {}, body)):
            with self.subTest(what):
                self.assertEqual(self.post("ci", sent, headers).status, 401)
        for what, headers in (("another secret", senders.hub("x", body)), ("nothing", {}),
                              ("SHA-1", {"X-Hub-Signature": "sha1=" + "0" * 40}),
                              ("upper case", {"X-Hub-Signature-256": senders.hub(HUB, body)["X-Hub-Signature-256"].upper()}),
                              ("cut", {"X-Hub-Signature-256": senders.hub(HUB, body)["X-Hub-Signature-256"][:-1]})):
            with self.subTest(what):
                self.assertEqual(self.post("github", body, headers).status, 401)
        self.assertEqual(self.post("nobody", body, good).status, 404)
        self.assertEqual(self.outcome(self.post("ci", self.say("annotate"), secret=OLD)), (200, ["done"]))

    def test_shapes(self):
        for what, body, said in (
                ("no JSON", b"{", "line 1 column 2"), ("a list", b"[]", "object"), ("text", b'"x"', "object"), ("nothing", b"", ""),
                ("twice", b'{"action":"hold","action":"rollback"}', "second time"),
                ("deep", b'{"a":' * 70 + b"1" + b"}" * 70, "deep"), ("not UTF-8", b'{"action":"\xff"}', "UTF-8"),
                ("no action", b'{"namespace":"default","name":"podinfo"}', "action"),
                ("no verb", json.dumps(self.say("destroy")).encode(), "destroy"),
                ("no name", b'{"action":"rollback"}', "names no rollout"),
                ("action is a number", b'{"action":5,"name":"podinfo"}', "5"),
                ("name is an object", b'{"action":"rollback","name":{"a":1}}', "names no rollout")):
            with self.subTest(what):
                reply = self.post("ci", body)
                self.assertEqual(reply.status, 400, reply.body)
                self.assertIn(said, reply.json()["error"])
        for what, body in (("no list", {"alerts": "none"}), ("missing", {}), ("of numbers", {"alerts": [1]}),
                           ("too many", {"alerts": [{}] * 51})):
            with self.subTest(what):
                self.assertEqual(self.post("alerts", body, self.alertmanager).status, 400)
        self.assertEqual(self.post("ci", self.say("rollback", name="nobody")).status, 404)
        self.assertEqual(self.post("ci", b" " * (1 << 20) + b"{}").status, 413)
        self.assertEqual(self.service.ask("GET", "/inbound/ci").status, 405)
        self.assertEqual(self.post("alerts", {"alerts": []}, self.alertmanager).status, 200)

    def test_no_more_than_so_many_a_minute(self):
        statuses = [self.post("slow", self.say("annotate")).status for _ in range(5)]
        self.assertEqual(statuses, [200, 200, 200, 429, 429])
        self.assertEqual(self.post("slow", b"{}", {}).status, 401)

    def test_the_same_id_at_the_same_time_acts_once(self):
        body = json.dumps(self.say("annotate", reason="at once")).encode()
        headers = senders.standard(NEW, body)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: self.post("ci", body, headers), range(8)))
        outcomes = [r.json()["results"][0]["outcome"] for r in replies]
        self.assertEqual(outcomes.count("done"), 1, outcomes)
        self.assertLessEqual(set(outcomes), {"done", "duplicate", "busy"})
        self.assertEqual(len([r for r in self.service.history() if r["reason"] == "at once"]), 1)


if __name__ == "__main__":
    unittest.main()
