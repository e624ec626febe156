"""An app whose tokens rotate: twelve hours each, and a refresh token that Slack takes once."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from talk import Conversation  # noqa: E402

FIRST = "xoxe-1-first-of-all"


class Rotation(Conversation, unittest.TestCase):
    scene_options = {"slack": f'client_id: "12.34"\n  client_secret: {"c" * 32}\n  refresh_token: {FIRST}'}

    @classmethod
    def prepare(cls):
        cls.slack.rotate(FIRST)

    def refreshed(self, times):
        return rig.wait_for(lambda: len([c for c in self.slack.calls_of("oauth.v2.access") if c.ok]) == times, 20,
                            lambda: f"refreshed {times} times\n{self.scene.trouble()}")

    def test_tokens_are_replaced_and_survive_a_restart(self):
        self.refreshed(1)
        self.question(self.released())
        self.slack.expire()
        self.question(self.released(), timeout=60)
        self.refreshed(2)
        self.scene.serve.stop()
        self.scene.start()
        self.question(self.released())
        self.assertEqual(len(self.slack.calls_of("oauth.v2.access")), 2, "the pair was kept")
        log = self.scene.serve.output()
        for secret in (self.slack.api.rotation["access"], self.slack.api.rotation["refresh"], FIRST, "c" * 32):
            self.assertNotIn(secret, log.split("event=serving", 1)[1])
        self.slack.assert_clean()


if __name__ == "__main__":
    unittest.main()
