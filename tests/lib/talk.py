"""A conversation about one canary that has no pods: what the suites that talk to the bot share."""

import json

import objects
import rig
import story
from story import CHANNEL, IMAGE

NAME = "app-0"


class Conversation:
    """Mixed into a TestCase: a scene for the class, releases that wait for people, and what is seen of them."""

    scene_options = {}

    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene(cls.__name__.lower(), node=False, **cls.scene_options)
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.slack = cls.scene.slack
        cls.kube.empty_namespace("default")
        bodies = objects.at_rest(0)
        bodies[3]["metadata"]["annotations"]["rollcall.dev/gates"] = "confirm-rollout"
        bodies[3]["spec"]["analysis"]["interval"] = "1s"
        objects.many(cls.kube, 1, lambda _: bodies)
        cls.prepare()
        cls.scene.start()
        cls.round = 0

    @classmethod
    def prepare(cls):
        """Before rollcall starts."""

    def setUp(self):
        self.slack.clear_faults()
        self.scene.dingtalk.clear_faults()

    def tearDown(self):
        self.scene.assert_healthy()

    def released(self):
        """A new revision waits for people; answers its tag."""
        type(self).round += 1
        tag = f"r{self.round}x"
        self.kube.set_image(NAME, "podinfod", f"{IMAGE}:{tag}")
        return tag

    def card(self, tag, predicate=lambda m: True, timeout=30):
        def look():
            return next((m for m in reversed(self.slack.messages(CHANNEL))
                         if not m.thread_ts and not m.deleted and tag in m.plain and predicate(m)), None)
        return rig.wait_for(look, timeout, lambda: f"a card about {tag}\n{self.slack.dump()}\n{self.scene.trouble()}")

    def question(self, tag, timeout=30):
        def look():
            return next((r for m in self.slack.messages(CHANNEL) for r in self.slack.replies(m)
                         if r.buttons and tag in r.plain), None)
        return rig.wait_for(look, timeout, lambda: f"a question about {tag}\n{self.slack.dump()}\n{self.scene.trouble()}")

    def told(self, user, text, timeout=15):
        return rig.wait_for(lambda: next((e for e in self.slack.ephemerals(CHANNEL, user) if text in e.plain), None),
                            timeout, lambda: f"{user} is told {text!r}\n{self.slack.dump()}\n{self.scene.trouble()}")

    def metric(self, name):
        """The lines of a metric, as {labels: value}."""
        found = {}
        for line in self.scene.admin("/metrics").splitlines():
            if line.startswith(name) and line[len(name)] in "{ ":
                series, _, value = line.rpartition(" ")
                found[series[len(name):]] = float(value)
        return found

    def raw_of(self, message):
        return json.dumps(message.blocks) + message.text
