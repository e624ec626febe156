"""The main job, written once over where objects live: the seed's manifests byte for byte, two releases of which one is rolled
back, and everything given back. A stage - a real API server, or one machine - says how its people do what they do."""

import copy
import unittest

import rig
import story
from story import IMAGE, SEED

NAME = "podinfo-default"
GATES = {"metadata": {"annotations": {"rollcall.dev/gates": "confirm-rollout,confirm-promotion"}}}
MANUAL = {"metadata": {"annotations": {"rollcall.dev/steps": "manual"}}}
TABLE = {20: (1, 3), 40: (2, 2), 60: (3, 1), 80: (4, 1), 100: (4, 0)}
USERS_OBJECTS = (("Deployment", "podinfo"), ("Service", "my-podinfo-svc"), ("Ingress", "podinfo"))
OURS = (("Deployment", "podinfo-primary"), ("Service", "my-podinfo-svc-primary"), ("Service", "my-podinfo-svc-canary"),
        ("Ingress", "podinfo-canary"), ("Canary", NAME))
NOISE = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp", "selfLink")


def wanted(item):
    """What a user asked for: an object without what the platform writes into it."""
    item = copy.deepcopy(item)
    item.pop("status", None)
    for key in NOISE:
        item["metadata"].pop(key, None)
    annotations = item["metadata"].get("annotations") or {}
    annotations.pop("deployment.kubernetes.io/revision", None)
    if not annotations:
        item["metadata"].pop("annotations", None)
    return item


class Ordered(unittest.TestCase):
    """The tests of a class are one story and run in the order of their names; what follows a failure is skipped."""

    broken = None

    def setUp(self):
        if self.broken:
            self.skipTest(f"allowed: the story broke off in {self.broken}")

    def run(self, result=None):
        before = getattr(result, "failed", len(result.failures) + len(result.errors))
        super().run(result)
        if getattr(result, "failed", len(result.failures) + len(result.errors)) > before:
            type(self).broken = self._testMethodName

    def serve_is(self, color):
        rig.wait_for(lambda: story.share(self.scene.web_port, color, 100) == 100, 90,
                     lambda: f"{color} answers through nginx\n{self.scene.trouble()}")

    def replicas_are(self, canary, source):
        rig.wait_for(lambda: (self.scene.replicas("podinfo"), self.scene.replicas("podinfo-primary"))
                     == (canary, source), 60, lambda: f"replicas {canary} and {source}\n{self.scene.trouble()}")

    def walk_to(self, weight, color="green", tolerance=5, requests=2000):
        rig.wait_for(lambda: self.scene.weight() == weight, 90, lambda: f"weight {weight}\n{self.scene.trouble()}")
        self.replicas_are(*TABLE[weight])
        rig.wait_for(lambda: abs(story.share(self.scene.web_port, color, requests) - weight) <= tolerance, 30,
                     f"{color} answers {weight} percent")

    def load(self):
        """Requests from here to assert_none_lost."""
        load = story.Load(self.scene.web_port)
        load.start()
        self.addCleanup(load.stop)
        return load

    def assert_none_lost(self, load):
        self.assertEqual(load.stop().failures, [])
        self.assertGreater(load.count, 100)


class Seed(Ordered):
    """scene and kube (what story.Scene asks of a cluster) are the stage's."""

    # -- what a stage says ---------------------------------------------------------------------------------------------

    def put_application(self):
        """podinfo.yaml comes in, and something runs it."""
        raise NotImplementedError

    def put_canary(self):
        raise NotImplementedError

    def set_image(self, tag):
        raise NotImplementedError

    def agree(self, gate, tag):
        """Whoever has to approves the gate ("rollout", "promotion") of this release."""
        raise NotImplementedError

    def agree_to_a_step(self):
        raise NotImplementedError

    # -- the story -----------------------------------------------------------------------------------------------------

    def test_10_initialized_without_a_lost_request(self):
        self.put_application()
        self.serve_is("blue")
        type(self).applied = {kind: wanted(self.kube.get(kind, name)) for kind, name in USERS_OBJECTS}
        load = self.load()
        self.put_canary()
        self.kube.patch("Canary", NAME, GATES)
        self.scene.wait_phase("Initialized", timeout=120)
        self.assert_none_lost(load)

        primary = self.kube.get("Deployment", "podinfo-primary")
        self.assertEqual(primary["spec"]["selector"]["matchLabels"], {"app": "podinfo-primary"})
        self.assertEqual((self.scene.replicas("podinfo-primary"), self.scene.replicas("podinfo")), (4, 0))
        for service, app in (("my-podinfo-svc", "podinfo-primary"), ("my-podinfo-svc-primary", "podinfo-primary"),
                             ("my-podinfo-svc-canary", "podinfo")):
            self.assertEqual(self.kube.get("Service", service)["spec"]["selector"], {"app": app}, service)
        canary = self.kube.find("Ingress", "podinfo-canary", api_version="extensions/v1beta1")
        path = canary["spec"]["rules"][0]["http"]["paths"][0]
        self.assertEqual(path["backend"]["serviceName"], "my-podinfo-svc-canary")
        annotations = canary["metadata"]["annotations"]
        self.assertEqual(annotations["nginx.ingress.kubernetes.io/canary"], "true")
        self.assertEqual(annotations["nginx.ingress.kubernetes.io/canary-weight"], "0")
        status = self.scene.status()
        self.assertEqual(status["conditions"][0]["message"], "Deployment initialization completed.")
        self.assertEqual(status["lastAppliedSpec"], status["lastPromotedSpec"])

    def test_20_nothing_moves_without_a_word(self):
        self.set_image("green")
        self.scene.wait_phase("Waiting", timeout=30)
        self.assertEqual(self.scene.replicas("podinfo"), 0)
        self.assertEqual(story.share(self.scene.web_port, "blue", 200), 100)

    def test_30_a_rollback_gives_the_traffic_back(self):
        self.kube.patch("Canary", NAME, MANUAL)
        self.set_image("yellow")
        load = self.load()
        self.agree("rollout", "yellow")
        self.scene.wait_phase("Progressing", timeout=30)
        self.agree_to_a_step()
        self.walk_to(20, "yellow")
        self.scene.cli("rollback", NAME, "the", "queue", "grows")
        self.scene.wait_phase("Failed", timeout=90)
        self.replicas_are(0, 4)
        self.serve_is("blue")
        self.assertEqual(self.scene.weight(), 0)
        self.assert_none_lost(load)

    def test_40_weights_replicas_and_shares(self):
        self.set_image("green")
        load = self.load()
        self.agree("rollout", "green")
        self.scene.wait_phase("Progressing", timeout=60)
        for weight in TABLE:
            with self.subTest(weight=weight):
                self.agree_to_a_step()
                self.walk_to(weight)
        self.assert_none_lost(load)

    def test_50_promoted_when_people_agree(self):
        load = self.load()
        self.scene.wait_phase("WaitingPromotion", timeout=60)
        self.agree("promotion", "green")
        self.scene.wait_phase("Succeeded", timeout=120)
        self.replicas_are(4, 0)
        self.assert_none_lost(load)
        self.serve_is("green")
        self.assertEqual(self.scene.status()["conditions"][0]["status"], "True")

    def test_60_complete_gives_everything_back(self):
        load = self.load()
        self.scene.cli("complete", NAME)
        for kind, name in reversed(OURS):
            rig.wait_for(lambda kind=kind, name=name: self.kube.find(kind, name) is None, 120,
                         lambda kind=kind, name=name: f"{kind} {name} is gone\n{self.scene.trouble()}")
        self.serve_is("green")
        self.assert_none_lost(load)
        green = copy.deepcopy(self.applied)
        green["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:green"
        for kind, name in USERS_OBJECTS:
            self.assertEqual(wanted(self.kube.get(kind, name)), green[kind], kind)
        self.scene.assert_healthy()
