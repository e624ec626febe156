"""Without the extension's annotation: the template is copied to the primary, the canary goes back to zero. With Ingresses
of both ages, and every type of webhook called at its moment."""

import base64
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from kube import STRATEGIC_PATCH  # noqa: E402
from story import IMAGE  # noqa: E402

NAME = "podinfo"
SECRET = "a-word-that-nobody-says"
TYPES = ("confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout",
         "rollback", "event")


class Plain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("plain")
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")
        cls.scene.start()

    def setUp(self):
        self.kube.empty_namespace("default")
        self.scene.hooks.clear()

    def tearDown(self):
        self.scene.assert_healthy()

    def running(self, body, replicas=2, ingress_version="networking.k8s.io/v1"):
        objects.application(self.kube, replicas, ingress_version)
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 100) == 100, 60,
                     lambda: f"blue answers\n{self.scene.trouble()}")
        load = story.Load(self.scene.web_port)
        load.start()
        self.addCleanup(load.stop)
        self.kube.create(body)
        self.scene.wait_phase("Initialized", timeout=90, name=NAME)
        return load

    def release(self, color):
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:{color}")

    def image_of(self, deployment):
        return self.kube.get("Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]["image"]

    def hook(self, kind, **more):
        return {"name": kind, "type": kind, "url": self.scene.hooks.url(f"/{kind}"), "timeout": "5s",
                "metadata": {"who": kind}, **more}

    def promoted(self, ingress_version):
        load = self.running(objects.canary(ingress_version=ingress_version), ingress_version=ingress_version)
        old = self.kube.get("Deployment", "podinfo-primary")["spec"]["template"]["metadata"]["annotations"]["flagger-id"]
        self.release("green")
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        rig.wait_for(lambda: self.scene.replicas("podinfo") == 0, 30, "the canary is at zero")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(self.image_of("podinfo-primary"), f"{IMAGE}:green")
        new = self.kube.get("Deployment", "podinfo-primary")["spec"]["template"]["metadata"]["annotations"]["flagger-id"]
        self.assertNotEqual(new, old)
        self.assertEqual(story.share(self.scene.web_port, "green", 300), 100)
        self.assertEqual(self.scene.weight(), 0)
        said = [text for text in self.scene.said(NAME) if "not ready" not in text]
        story_of_it = ["Initialization done! podinfo.default", "New revision detected! Scaling up podinfo.default",
                       "Starting canary analysis for podinfo.default", "Advance podinfo.default canary weight 50",
                       "Advance podinfo.default canary weight 100",
                       "Copying podinfo.default template spec to podinfo-primary.default",
                       "Routing all traffic to primary", "Promotion completed! Scaling down podinfo.default"]
        self.assertEqual([text for text in said if text in story_of_it], story_of_it)
        status = self.scene.status(NAME)
        self.assertEqual(status["lastAppliedSpec"], status["lastPromotedSpec"])
        self.assertEqual(status["conditions"][0]["message"],
                         "Canary analysis completed successfully, promotion finished.")

    def test_promoted_with_an_ingress_of_today(self):
        self.promoted("networking.k8s.io/v1")

    def test_promoted_with_an_ingress_of_old(self):
        self.promoted("extensions/v1beta1")

    def test_all_webhooks_at_their_moments(self):
        for kind in ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion"):
            self.scene.hooks.set(f"/{kind}", 200)
        self.scene.hooks.set("/rollback", 403)
        body = objects.canary(webhooks=[self.hook(kind) for kind in TYPES])
        self.running(body)
        self.scene.hooks.wait("/event", 1, 30, lambda h: "Initialization done!" in h.body.decode())
        self.release("green")
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        self.scene.hooks.wait("/post-rollout", 1, 30)
        self.scene.hooks.wait("/event", 1, 30, lambda h: "Promotion completed!" in h.body.decode())

        def phases(kind):
            return [h.parsed["phase"] for h in self.scene.hooks.requests(f"/{kind}")]
        self.assertEqual(phases("confirm-rollout"), ["Initialized"])
        self.assertEqual(phases("pre-rollout"), ["Progressing"])
        self.assertEqual(phases("confirm-traffic-increase"), ["Progressing"] * 3)
        self.assertEqual(phases("confirm-promotion"), ["Progressing"])
        self.assertEqual(phases("post-rollout"), ["Succeeded"])
        self.assertGreaterEqual(len(phases("rollout")), 1)
        self.assertGreaterEqual(len(phases("rollback")), 1)
        for kind in TYPES[:-1]:
            for h in self.scene.hooks.requests(f"/{kind}"):
                self.assertEqual(h.headers["Content-Type"], "application/json")
                self.assertEqual(list(h.parsed), ["name", "namespace", "phase", "checksum", "metadata"])
                self.assertEqual((h.parsed["name"], h.parsed["namespace"]), (NAME, "default"))
                self.assertEqual(h.parsed["metadata"], {"who": kind})
                self.assertRegex(h.parsed["checksum"], "^[4-9bcdf]{1,10}$")
        for h in self.scene.hooks.requests("/event"):
            self.assertEqual(sorted(h.parsed["metadata"]), ["eventMessage", "eventType", "timestamp", "who"])
        texts = [h.parsed["metadata"]["eventMessage"] for h in self.scene.hooks.requests("/event")]
        self.assertEqual([t for t in texts if "passed" in t], [
            "Confirm-rollout check confirm-rollout passed", "Pre-rollout check pre-rollout passed",
            "Confirm-traffic-increase check confirm-traffic-increase passed",
            "Confirm-traffic-increase check confirm-traffic-increase passed",
            "Confirm-traffic-increase check confirm-traffic-increase passed",
            "Confirm-promotion check confirm-promotion passed", "Post-rollout check post-rollout passed"])

    def test_the_seeds_hook_delivers_its_message(self):
        seed = (story.SEED / "podinfo-canary.yaml").read_text()
        data = json.loads(seed.split("data: ")[1].split("\n")[0])
        hook = {"name": "canary released", "type": "post-rollout", "timeout": "5s",
                "url": self.scene.hooks.url("/robot"), "metadata": {"data": data}}
        self.running(objects.canary(webhooks=[hook]))
        self.release("green")
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        self.scene.hooks.wait("/robot", 1, 30)
        (call,) = self.scene.hooks.requests("/robot")
        self.assertEqual(call.parsed["metadata"], {"data": '{"msgtype": "text","text": {"content": "deploy success"}}'})
        self.assertEqual(call.parsed["phase"], "Succeeded")

    def test_failed_checks_roll_back_with_no_failed_request(self):
        self.scene.hooks.set("/rollout", 500, b"no")
        load = self.running(objects.canary(webhooks=[self.hook("rollout")], threshold=2))
        self.release("red")
        self.scene.wait_phase("Failed", timeout=90, name=NAME)
        rig.wait_for(lambda: self.scene.replicas("podinfo") == 0, 30, "the canary is at zero")
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 200) == 100, 30, "blue answers alone")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(self.image_of("podinfo-primary"), f"{IMAGE}:blue")
        said = self.scene.said(NAME)
        self.assertIn("Rolling back podinfo.default failed checks threshold reached 2", said)
        self.assertIn("Canary failed! Scaling down podinfo.default", said)
        self.assertEqual(self.scene.status(NAME)["conditions"][0]["message"],
                         "Canary analysis failed, Deployment scaled to zero.")

    def test_a_new_revision_in_the_middle_starts_again(self):
        self.scene.hooks.set("/confirm-traffic-increase", 200)
        self.running(objects.canary(webhooks=[self.hook("confirm-traffic-increase")]))
        self.release("green")
        rig.wait_for(lambda: self.scene.weight() == 50, 60, lambda: f"weight 50\n{self.scene.trouble()}")
        self.scene.hooks.set("/confirm-traffic-increase", 403)
        self.release("yellow")
        rig.wait_for(lambda: "New revision detected! Restarting analysis for podinfo.default" in self.scene.said(NAME),
                     60, "the analysis starts again")
        rig.wait_for(lambda: self.scene.weight() == 0, 30, "the canary has no traffic")
        self.scene.hooks.set("/confirm-traffic-increase", 200)
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        self.assertEqual(self.image_of("podinfo-primary"), f"{IMAGE}:yellow")

    def configured(self, annotations=None):
        """The application with a ConfigMap and a Secret in its environment, stepped by a Canary."""
        self.kube.create({"apiVersion": "v1", "kind": "ConfigMap", "data": {"mood": "calm"},
                          "metadata": {"name": "cfg", "namespace": "default", "annotations": annotations or {}}})
        self.kube.create({"apiVersion": "v1", "kind": "Secret", "stringData": {"PASSWORD": SECRET},
                          "metadata": {"name": "key", "namespace": "default"}})
        objects.application(self.kube)
        self.kube.patch("Deployment", "podinfo", {"spec": {"template": {"spec": {"containers": [{
            "name": "podinfod", "env": [
                {"name": "MOOD", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "mood", "optional": True}}},
                {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "key", "key": "PASSWORD",
                                                                    "optional": True}}}]}]}}}}, how=STRATEGIC_PATCH)
        hooks = [self.hook("confirm-traffic-increase"), self.hook("confirm-promotion")]
        self.scene.hooks.set("/confirm-traffic-increase", 200)
        self.scene.hooks.set("/confirm-promotion", 403)
        self.kube.create(objects.canary(webhooks=hooks))
        self.scene.wait_phase("Initialized", timeout=90, name=NAME)

    def environment_of(self, deployment):
        (container,) = self.kube.get("Deployment", deployment)["spec"]["template"]["spec"]["containers"]
        return [next(iter(entry["valueFrom"].values()))["name"] for entry in container["env"]]

    def said_times(self, text):
        return sum(e.get("count") or 1 for e in self.kube.events(NAME) if e["message"] == text)

    def test_new_contents_of_a_config_are_a_release(self):
        self.configured()
        copy = self.kube.get("ConfigMap", "cfg-primary")
        (owner,) = copy["metadata"]["ownerReferences"]
        self.assertEqual((owner["kind"], owner["name"], owner["controller"]), ("Canary", NAME, True))
        self.assertEqual(copy["data"], {"mood": "calm"})
        self.assertEqual(self.kube.get("Secret", "key-primary")["data"], self.kube.get("Secret", "key")["data"])
        self.assertEqual(self.environment_of("podinfo-primary"), ["cfg-primary", "key-primary"])
        self.assertEqual(self.environment_of("podinfo"), ["cfg", "key"])
        tracked = self.scene.status(NAME)["trackedConfigs"]
        self.assertEqual(sorted(tracked), ["configmap/cfg", "secret/key"])
        old = self.kube.get("Deployment", "podinfo-primary")["spec"]["template"]["metadata"]["annotations"]

        self.kube.patch("ConfigMap", "cfg", {"data": {"mood": "wild"}})
        self.scene.wait_phase("Progressing", timeout=60, name=NAME)
        rig.wait_for(lambda: self.scene.weight() == 100, 90, lambda: f"weight 100\n{self.scene.trouble()}")
        self.kube.patch("ConfigMap", "cfg", {"data": {"mood": "mild"}})
        again = "New revision detected! Restarting analysis for podinfo.default"
        rig.wait_for(lambda: self.said_times(again) == 1, 60, lambda: f"it starts again\n{self.scene.trouble()}")
        rig.wait_for(lambda: self.scene.weight() == 100, 90, lambda: f"weight 100\n{self.scene.trouble()}")
        self.assertEqual(self.kube.get("ConfigMap", "cfg-primary")["data"], {"mood": "calm"})
        self.scene.hooks.set("/confirm-promotion", 200)
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        self.assertEqual(self.kube.get("ConfigMap", "cfg-primary")["data"], {"mood": "mild"})
        new = self.kube.get("Deployment", "podinfo-primary")["spec"]["template"]["metadata"]["annotations"]
        self.assertNotEqual(new["flagger-id"], old["flagger-id"])
        self.assertNotEqual(self.scene.status(NAME)["trackedConfigs"], tracked)

        rig.wait_for(lambda: self.scene.replicas("podinfo") == 0, 30, "the canary is at zero")
        self.kube.patch("Secret", "key", {"stringData": {"PASSWORD": SECRET + "-new"}})
        self.scene.wait_phase("Progressing", timeout=60, name=NAME)
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        self.assertEqual(self.kube.get("Secret", "key-primary")["data"], self.kube.get("Secret", "key")["data"])
        heard = self.scene.serve.output() + json.dumps(self.kube.events(NAME))
        self.assertNotIn(SECRET, heard)
        self.assertNotIn(base64.b64encode(SECRET.encode()).decode(), heard)

    def test_a_config_that_is_opted_out_is_nobodys_release(self):
        self.configured({"flagger.app/config-tracking": "disabled"})
        self.assertIsNone(self.kube.find("ConfigMap", "cfg-primary"))
        self.assertEqual(self.environment_of("podinfo-primary"), ["cfg", "key-primary"])
        self.assertEqual(list(self.scene.status(NAME)["trackedConfigs"]), ["secret/key"])
        self.kube.patch("ConfigMap", "cfg", {"data": {"mood": "wild"}})
        # What comes after it in the same watch has been acted on, so that the change has been seen.
        self.kube.patch("ConfigMap", "cfg", {"metadata": {"annotations": {"flagger.app/config-tracking": None}}})
        self.scene.wait_phase("Progressing", timeout=60, name=NAME)
        started = "New revision detected! Scaling up podinfo.default"
        rig.wait_for(lambda: self.said_times(started) == 1, 30, "one release, for being tracked now")
        self.scene.hooks.set("/confirm-promotion", 200)
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)
        self.assertEqual(self.said_times("New revision detected! Restarting analysis for podinfo.default"), 0)
        self.assertEqual(self.kube.get("ConfigMap", "cfg-primary")["data"], {"mood": "wild"})
        self.assertEqual(self.environment_of("podinfo-primary"), ["cfg-primary", "key-primary"])

    def test_a_missing_config_holds_the_start_and_is_told(self):
        objects.application(self.kube)
        self.kube.patch("Deployment", "podinfo", {"spec": {"template": {"spec": {"containers": [{
            "name": "podinfod", "envFrom": [{"configMapRef": {"name": "later"}}]}]}}}}, how=STRATEGIC_PATCH)
        self.kube.create(objects.canary())
        why = "GetTargetConfigs failed: configmap later.default get query error: not found"
        rig.wait_for(lambda: any(why in text for text in self.scene.said(NAME)), 30, "an Event says what is missing")
        self.assertIsNone(self.kube.find("Deployment", "podinfo-primary"))
        self.kube.create({"apiVersion": "v1", "kind": "ConfigMap", "data": {},
                          "metadata": {"name": "later", "namespace": "default"}})
        primary = rig.wait_for(lambda: self.kube.find("Deployment", "podinfo-primary"), 60, "the primary is made")
        (container,) = primary["spec"]["template"]["spec"]["containers"]
        self.assertEqual(container["envFrom"], [{"configMapRef": {"name": "later-primary"}}])

    def test_bad_canaries_are_told_and_others_go_on(self):
        self.running(objects.canary())
        bad = objects.canary(name="bad", webhooks=[{"name": "x", "url": "ftp://example.com/x"}])
        bad["spec"]["targetRef"]["name"] = "other"
        self.kube.create(bad)
        lost = objects.canary(name="lost")
        lost["spec"]["targetRef"]["name"] = "nowhere"
        self.kube.create(lost)
        rig.wait_for(lambda: any("ftp" in text for text in self.scene.said("bad")), 30, "an Event says what is wrong")
        condition = rig.wait_for(lambda: self.scene.status("bad").get("conditions"), 30, "a condition says it")
        self.assertIn("webhooks", condition[0]["message"])
        rig.wait_for(lambda: any("nowhere" in text for text in self.scene.said("lost")), 30, "a missing target is told")
        rig.wait_for(lambda: "nowhere" in self.scene.status("lost")["conditions"][0]["message"], 30,
                     "its condition says it too")
        self.release("green")
        self.scene.wait_phase("Succeeded", timeout=120, name=NAME)


if __name__ == "__main__":
    unittest.main()
