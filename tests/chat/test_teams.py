"""Teams by a flow: cards that it takes, decisions by the page that they lead to, and flows in trouble."""

import hashlib
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from service import NAME, Service  # noqa: E402
from tests.chat.official import bridge  # noqa: E402
from tests.fakes.browser import Browser  # noqa: E402
from tests.fakes.teams import FakeTeams  # noqa: E402

PIN = "4711-zhao"


class Teams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.teams = FakeTeams().start()
        cls.addClassCleanup(cls.teams.stop)
        pin = "salt:" + hashlib.sha256(f"salt:{PIN}".encode()).hexdigest()
        gone = cls.teams.add_flow("gone")
        cls.service = Service("teams", extra=f"""
users: {{zhao: {{groups: [sre], pin_sha256: "{pin}"}}}}
teams:
  channels:
    releases: {{url: "{cls.teams.add_flow('releases')}"}}
    gone: {{url: "{gone[:-3]}xyz"}}
routes: [{{channels: ["teams:releases", "teams:gone"]}}]
languages: {{"teams:releases": en}}
""", policies="{default: {approvers: [\"group:sre\", \"token:local\"], self_approval: true, link_identity: pin}}")
        cls.addClassCleanup(cls.service.close)
        cls.service.start()
        cls.service.canary()

    def tearDown(self):
        self.teams.assert_clean()

    def question(self, tag):
        return self.teams.wait_message("releases", lambda m: tag in m.plain and "Review" in m.links, 30)

    def test_a_question_leads_to_a_decision(self):
        tag = self.service.release()
        card = self.question(tag)
        self.assertIn(f"Approve the rollout of {NAME}?", card.plain)
        browser = Browser()
        page = browser.open(card.links["Review"])
        done = browser.submit(page, "Approve", user="zhao", pin=PIN, reason="looks good")
        self.assertEqual(done.status, 200, done.text)
        self.teams.wait_message("releases", lambda m: "zhao" in m.plain and "1 of 1" in m.plain, 20)
        row = next(r for r in reversed(self.service.history()) if r["action"] == "vote.approve")
        self.assertEqual((row["actor"], row["reason"]), ("zhao", "looks good"))
        self.service.wait_phase("Succeeded", timeout=60)
        self.teams.wait_message("releases", lambda m: tag in m.plain and "Succeeded" in m.plain, 20)

    def test_a_flow_that_is_slowed_down_gets_everything_once(self):
        self.teams.order(429, times=2, retry_after=1)
        tag = self.service.release()
        self.question(tag)
        self.assertEqual(self.service.cli("reject", NAME, "no").returncode, 0)
        self.teams.wait_message("releases", lambda m: tag in m.plain and ("Failed" in m.plain or "olled back" in m.plain), 30)
        questions = [m for m in self.teams.messages if tag in m.plain and "Review" in m.links]
        self.assertEqual(len({m.raw for m in questions}), len(questions))

    def test_a_flow_that_is_gone_is_told_and_delays_nobody(self):
        tag = self.service.release()
        self.question(tag)

        def dead():
            rows = self.service.api("GET", "/outbox").json()["outbox"]
            return [r for r in rows if r["channel"] == "teams:gone" and r["state"] == "dead"]
        row = rig.wait_for(dead, 20, "a dead letter")[0]
        self.assertIn("copy the flow's URL again", row["why"])
        self.assertNotIn("sig=", self.service.process.output())
        self.assertEqual(self.service.cli("reject", NAME, "over").returncode, 0)

class OfficialRenderer(unittest.TestCase):
    """Every golden card, as the renderer that Teams uses takes it."""

    def judged(self, *files):
        environment = {**os.environ, "NODE_PATH": bridge.modules()}
        done = subprocess.run(["node", Path(bridge.__file__).parent / "adaptive_cards.js", *files], env=environment,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_it_takes_every_card(self):
        files = sorted((rig.REPOSITORY / "tests/golden/cards").glob("*.teams.*.json"))
        self.assertGreater(len(files), 20)
        for file, judged in zip(files, self.judged(*files), strict=True):
            content = json.loads(file.read_text())["attachments"][0]["content"]
            self.assertEqual(judged["complaints"], [], file.name)
            self.assertEqual(judged["actions"], len(content["actions"]), file.name)
            self.assertGreater(judged["elements"], len(content["body"]), file.name)

    def test_it_would_complain(self):
        broken = rig.scratch_folder("cards") / "broken.json"
        broken.write_text(json.dumps({"attachments": [{"content": {
            "type": "AdaptiveCard", "version": "1.4", "body": [{"type": "Nonsense"}],
            "actions": [{"type": "Action.OpenUrl", "title": "no address"}]}}]}))
        self.assertEqual(len(self.judged(broken)[0]["complaints"]), 2)


if __name__ == "__main__":
    unittest.main()
