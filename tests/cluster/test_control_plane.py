"""What we install into a cluster, tried on a real API server: the CRDs, the users' own manifests, our rights."""

import copy
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import controlplane  # noqa: E402
import rig  # noqa: E402
from kube import ApiError  # noqa: E402

SEED = Path(__file__).resolve().parents[1] / "fixtures/seed"

CRDS = {
    "alertproviders.flagger.app": [("Type", 0)],
    "canaries.flagger.app": [
        ("Status", 0), ("Weight", 0), ("Suspended", 1), ("FailedChecks", 1), ("Interval", 1), ("Mirror", 1),
        ("StepWeight", 1), ("StepWeights", 1), ("MaxWeight", 1), ("LastTransitionTime", 0),
    ],
    "metrictemplates.flagger.app": [("Provider", 0)],
}

PLAIN = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "shop"},
    "spec": {
        "provider": "nginx",
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "shop"},
        "service": {"port": 80, "targetPort": "http"},
        "analysis": {"interval": "30s", "threshold": 5, "stepWeight": 10, "maxWeight": 50},
    },
}

WITHOUT = object()


def canary(changes):
    """PLAIN with values put at (or, with WITHOUT, taken from) paths such as `analysis.iterations`."""
    body = copy.deepcopy(PLAIN)
    for path, value in changes.items():
        *way, last = path.split(".")
        place = body["spec"]
        for step in way:
            place = place[step]
        if value is WITHOUT:
            del place[last]
        else:
            place[last] = value
    return body


def webhook(**changes):
    return [{"name": "gate", "url": "http://127.0.0.1/", **changes}]


class PlaneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = controlplane.shared()
        cls.admin = cls.plane.client("admin")
        cls.rollcall = cls.plane.client("rollcall")
        cls.addClassCleanup(cls.admin.close)
        cls.addClassCleanup(cls.rollcall.close)

    @classmethod
    def tearDownClass(cls):
        cls.plane.assert_running()
        cls.admin.empty_namespace("default")

    def setUp(self):
        self.plane.assert_running()
        self.admin.empty_namespace("default")

    def assert_refused(self, reason, call, *arguments):
        with self.assertRaises(ApiError) as refused:
            call(*arguments)
        self.assertEqual(refused.exception.reason, reason, refused.exception)
        return refused.exception


class CustomResources(PlaneTest):
    def test_definitions_are_accepted_as_they_stand(self):
        for name, columns in CRDS.items():
            with self.subTest(name):
                definition = self.admin.get("CustomResourceDefinition", name)
                conditions = {each["type"]: each["status"] for each in definition["status"]["conditions"]}
                self.assertEqual(conditions.get("Established"), "True")
                self.assertEqual(conditions.get("NamesAccepted"), "True")
                # A schema that is not structural is accepted, but neither prunes nor defaults.
                self.assertNotIn("NonStructuralSchema", conditions)
                version = definition["spec"]["versions"][0]
                printed = [(each["name"], each.get("priority", 0)) for each in version["additionalPrinterColumns"]]
                self.assertEqual(printed, columns)
                self.assertEqual(version["subresources"], {"status": {}})
                self.assertIn("all", definition["spec"]["names"]["categories"])

    def test_columns_show_spec_and_status(self):
        self.admin.create(canary({"suspend": True}))
        status = {"phase": "Progressing", "canaryWeight": 20, "failedChecks": 1, "iterations": 0}
        status["lastTransitionTime"] = "2024-05-01T10:00:00Z"
        self.rollcall.patch("Canary", "shop", {"status": status}, subresource="status")
        columns, rows = self.admin.table("Canary")
        shown = dict(zip((each["name"] for each in columns), rows[0]))
        wanted = {
            "Name": "shop", "Status": "Progressing", "Weight": "20", "Suspended": True, "FailedChecks": "1",
            "Interval": "30s", "Mirror": None, "StepWeight": "10", "StepWeights": None, "MaxWeight": "50",
            "LastTransitionTime": "2024-05-01T10:00:00Z",
        }
        self.assertEqual(shown, wanted)

    def test_status_is_written_only_through_its_subresource(self):
        body = canary({})
        body["status"] = {"phase": "Succeeded"}
        created = self.admin.create(body)
        self.assertNotIn("status", created)

        own = {"revision": "5c9d", "request": {"id": "r1", "outcome": "done"}, "steps": [{"weight": 20}]}
        status = {"phase": "WaitingPromotion", "canaryWeight": 0, "failedChecks": 0, "iterations": -1, "rollcall": own}
        status["conditions"] = [{"type": "Promoted", "status": "Unknown", "reason": "WaitingPromotion"}]
        changed = self.admin.patch("Canary", "shop", {"status": status, "spec": {"suspend": True}}, subresource="status")
        self.assertEqual(changed["status"], status)
        self.assertNotIn("suspend", changed["spec"])
        self.assertEqual(changed["metadata"]["generation"], created["metadata"]["generation"])

        again = self.admin.patch("Canary", "shop", {"status": {"phase": "Failed"}})
        self.assertEqual(again["status"], status)

    def test_status_with_an_old_resource_version_is_a_conflict(self):
        created = self.admin.create(canary({}))
        self.admin.patch("Canary", "shop", {"metadata": {"labels": {"team": "shop"}}})
        created["status"] = {"phase": "Initializing", "canaryWeight": 0, "failedChecks": 0, "iterations": 0}
        self.assert_refused("Conflict", self.rollcall.replace, created, "status")

    def test_a_phase_that_is_none_is_refused(self):
        self.admin.create(canary({}))
        change = {"status": {"phase": "Succeded"}}
        with self.assertRaises(ApiError) as refused:
            self.admin.patch("Canary", "shop", change, subresource="status")
        self.assertIn("status.phase", refused.exception.message)

    def test_every_strategy_is_accepted(self):
        none = {"analysis.stepWeight": WITHOUT, "analysis.maxWeight": WITHOUT}
        good = {
            "weights": {},
            "weights one by one": {**none, "analysis.stepWeights": [1, 2, 10, 80]},
            "iterations": {**none, "analysis.iterations": 10},
            "iterations with a match": {
                **none,
                "analysis.iterations": 10,
                "analysis.match": [{"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}}],
            },
            "manual weight": {"analysis.stepWeight": 0, "analysis.canaryWeight": 35, "analysis.canaryReplicas": 2},
            "replicas only": {**none, "analysis.stepReplicas": 1, "analysis.maxReplicas": 4},
            "replicas only, weight said to be none": {"analysis.stepWeight": 0, "analysis.stepReplicas": 1},
            "a stable version of one's own": {
                "sourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-v1"}
            },
        }
        self.assert_all_accepted(good)

    def test_every_webhook_type_and_scheme_is_accepted(self):
        types = ("", "confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion",
                 "post-rollout", "event", "rollback")
        good = {f"type {each!r}": {"analysis.webhooks": webhook(type=each)} for each in types}
        good["no type"] = {"analysis.webhooks": webhook()}
        good["our own scheme"] = {"analysis.webhooks": webhook(type="confirm-rollout", url="rollcall://gate/prod")}
        good["all fields"] = {
            "analysis.webhooks": webhook(
                timeout="5s", retries=3, disableTLS=True, muteAlert=True, metadata={"data": '{"msgtype": "text"}'}
            )
        }
        self.assert_all_accepted(good)

    def test_what_the_schema_can_know_to_be_wrong_is_refused(self):
        bad = {
            "iterations and stepWeight": ({"analysis.iterations": 10}, "spec.analysis"),
            "iterations and stepWeights": (
                {"analysis.stepWeight": WITHOUT, "analysis.iterations": 10, "analysis.stepWeights": [10]},
                "spec.analysis",
            ),
            "stepWeight and stepWeights": ({"analysis.stepWeights": [10, 20]}, "spec.analysis"),
            "no strategy": ({"analysis.stepWeight": WITHOUT}, "spec.analysis"),
            "no interval": ({"analysis.interval": WITHOUT}, "spec.analysis.interval"),
            "no threshold": ({"analysis.threshold": WITHOUT}, "spec.analysis.threshold"),
            "an interval that is none": ({"analysis.interval": "soon"}, "spec.analysis.interval"),
            "a weight as text": ({"analysis.stepWeight": "10"}, "spec.analysis.stepWeight"),
            "half a weight": ({"analysis.stepWeight": 2.5}, "spec.analysis.stepWeight"),
            "a weight over 100": ({"analysis.canaryWeight": 101}, "spec.analysis.canaryWeight"),
            "negative replicas": ({"analysis.canaryReplicas": -1}, "spec.analysis.canaryReplicas"),
            "no analysis": ({"analysis": WITHOUT}, "spec.analysis"),
            "no target": ({"targetRef": WITHOUT}, "spec.targetRef"),
            "a target of an unknown kind": ({"targetRef.kind": "StatefulSet"}, "spec.targetRef.kind"),
            "a target with no name": ({"targetRef.name": WITHOUT}, "spec.targetRef.name"),
            "a source with no kind": (
                {"sourceRef": {"apiVersion": "apps/v1", "name": "shop-v1"}}, "spec.sourceRef.kind"
            ),
            "an unknown provider": ({"provider": "ngnix"}, "spec.provider"),
            "a service with no port": ({"service": {"name": "shop"}}, "spec.service.port"),
            "an ingress of another kind": ({"ingressRef.kind": "Route"}, "spec.ingressRef.kind"),
            "an unknown webhook type": (
                {"analysis.webhooks": webhook(type="confirm-rolout")}, "spec.analysis.webhooks.type"
            ),
            "a webhook with no url": ({"analysis.webhooks": [{"name": "gate"}]}, "spec.analysis.webhooks.url"),
            "webhook metadata that is not text": (
                {"analysis.webhooks": webhook(metadata={"data": {"msgtype": "text"}})},
                "spec.analysis.webhooks.metadata.data",
            ),
            "an alert of an unknown severity": (
                {"analysis.alerts": [{"name": "a", "severity": "fatal", "providerRef": {"name": "slack"}}]},
                "spec.analysis.alerts.severity",
            ),
        }
        for what, (changes, field) in bad.items():
            with self.subTest(what):
                # One that got in when it should not must not hide the next.
                self.admin.delete("Canary", "shop")
                refusal = self.assert_refused("Invalid", self.admin.create, canary(changes))
                self.assertIn(field, refusal.message)

    def test_metric_templates(self):
        body = {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "MetricTemplate",
            "metadata": {"name": "errors"},
            "spec": {"provider": {"type": "prometheus", "address": "http://prometheus:9090"}, "query": "vector(1)"},
        }
        self.admin.create(body)
        columns, rows = self.admin.table("MetricTemplate")
        self.assertEqual(dict(zip((each["name"] for each in columns), rows[0])).get("Provider"), "prometheus")
        for what, change in {
            "type": {"spec": {"provider": {"type": "promtheus"}, "query": "1"}},
            "query": {"spec": {"provider": {"type": "prometheus"}}},
        }.items():
            with self.subTest(what):
                refusal = self.assert_refused("Invalid", self.admin.create, {**body, **change})
                self.assertIn(what, refusal.message)

    def test_alert_providers(self):
        def provider(**spec):
            return {
                "apiVersion": "flagger.app/v1beta1",
                "kind": "AlertProvider",
                "metadata": {"name": "oncall"},
                "spec": spec,
            }

        for kind in ("slack", "msteams", "discord", "rocket", "gchat", "dingtalk"):
            with self.subTest(kind):
                self.admin.create(provider(type=kind, address="https://127.0.0.1/hook"))
                columns, rows = self.admin.table("AlertProvider")
                self.assertEqual(dict(zip((each["name"] for each in columns), rows[0])).get("Type"), kind)
                self.admin.delete_and_wait("AlertProvider", "oncall")
        for what, spec in {
            "an unknown type": {"type": "pager", "address": "https://127.0.0.1/hook"},
            "neither address nor secret": {"type": "slack"},
            "both": {"type": "slack", "address": "https://127.0.0.1/hook", "secretRef": {"name": "hook"}},
        }.items():
            with self.subTest(what):
                self.assert_refused("Invalid", self.admin.create, provider(**spec))

    def assert_all_accepted(self, changes_by_name):
        for what, changes in changes_by_name.items():
            with self.subTest(what):
                self.admin.delete("Canary", "shop")
                body = canary(changes)
                created = self.admin.create(body)
                # Nothing of it was pruned, nothing was put in.
                self.assertEqual(created["spec"], body["spec"])


class Seed(PlaneTest):
    def test_the_users_manifests_are_accepted_byte_for_byte(self):
        created = self.admin.create_yaml_file(SEED / "podinfo.yaml")
        self.assertEqual(
            [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in created],
            [
                ("apps/v1", "Deployment", "podinfo"),
                ("v1", "Service", "my-podinfo-svc"),
                ("extensions/v1beta1", "Ingress", "podinfo"),
            ],
        )
        self.assertEqual(created[1]["spec"]["clusterIP"], "172.24.8.231")

        (release,) = self.admin.create_yaml_file(SEED / "podinfo-canary.yaml")
        self.assertEqual(release["metadata"]["annotations"], {"alicloud.canary.extension.switch": "true"})
        analysis = release["spec"]["analysis"]
        numbers = {key: value for key, value in analysis.items() if isinstance(value, int)}
        self.assertEqual(
            numbers,
            {
                "canaryReplicas": 1, "canaryWeight": 0, "maxReplicas": 4, "maxWeight": 100, "stepWeight": 20,
                "threshold": 5,
            },
        )
        message = json.loads(analysis["webhooks"][0]["metadata"]["data"])
        self.assertEqual(message, {"msgtype": "text", "text": {"content": "deploy success"}})

        # The controllers are at work: four pods, waiting for a node.
        pods = rig.wait_for(
            lambda: [each for each in self.admin.list("Pod", labels="app=podinfo")] if self._replicas() == 4 else None,
            30,
            "the Deployment's pods",
        )
        self.assertEqual({each["status"]["phase"] for each in pods}, {"Pending"})

    def test_what_a_canary_owns_goes_with_it(self):
        owner = self.admin.create(canary({}))
        reference = {"apiVersion": owner["apiVersion"], "kind": "Canary", "name": "shop", "controller": True}
        reference.update(uid=owner["metadata"]["uid"], blockOwnerDeletion=True)
        metadata = {"name": "shop-primary", "ownerReferences": [reference]}
        self.rollcall.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        self.rollcall.delete("Canary", "shop")
        rig.wait_for(lambda: self.admin.find("ConfigMap", "shop-primary") is None, 20, "the copy to be collected")

    def test_the_image_change_of_a_release_makes_a_new_replica_set(self):
        self.admin.create_yaml_file(SEED / "podinfo.yaml")
        rig.wait_for(lambda: self._replicas() == 4, 30, "the Deployment's pods")
        self.admin.set_image("podinfo", "podinfod", "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo:green")
        images = {
            "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo:blue",
            "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo:green",
        }

        def of_replica_sets():
            return {
                each["spec"]["template"]["spec"]["containers"][0]["image"]
                for each in self.admin.list("ReplicaSet", labels="app=podinfo")
            }

        rig.wait_for(lambda: of_replica_sets() == images, 30, "a ReplicaSet for each image")

    def test_the_ingress_is_one_object_in_both_api_groups(self):
        self.admin.create_yaml_file(SEED / "podinfo.yaml")
        modern = self.admin.get("Ingress", "podinfo", api_version="networking.k8s.io/v1")
        backend = modern["spec"]["rules"][0]["http"]["paths"][0]["backend"]
        self.assertEqual(backend, {"service": {"name": "my-podinfo-svc", "port": {"number": 80}}})

    def test_a_watch_tells_of_a_change(self):
        created = self.admin.create(canary({}))
        events = self.admin.watch("Canary", resource_version=created["metadata"]["resourceVersion"], timeout=30)
        self.addCleanup(events.close)
        self.admin.patch("Canary", "shop", {"spec": {"suspend": True}})
        kind, changed = next(events)
        self.assertEqual((kind, changed["spec"]["suspend"]), ("MODIFIED", True))

    def _replicas(self):
        return self.admin.get("Deployment", "podinfo").get("status", {}).get("replicas", 0)


class Rights(PlaneTest):
    """deploy/rbac.yaml, as the API server reads it."""

    def test_what_a_release_needs_is_allowed(self):
        self.admin.create_yaml_file(SEED / "podinfo.yaml")
        self.admin.create_yaml_file(SEED / "podinfo-canary.yaml")
        me = self.rollcall
        me.patch("Canary", "podinfo-default", {"status": {"phase": "Initializing"}}, subresource="status")
        me.patch("Canary", "podinfo-default", {"metadata": {"annotations": {"rollcall.dev/request": "{}"}}})
        me.scale("podinfo", 3)
        for api_version in ("extensions/v1beta1", "networking.k8s.io/v1"):
            me.patch("Ingress", "podinfo", {"metadata": {"labels": {"seen": "yes"}}}, api_version=api_version)
        copied = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "podinfo-primary"}}
        me.create(copied)
        self.assertEqual(me.get("Secret", "podinfo-primary")["type"], "Opaque")
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "rights-test", "namespace": "rollcall"},
            "spec": {"holderIdentity": "test"},
        }
        me.create(lease)
        me.delete("Lease", "rights-test", "rollcall")
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}}
        review["spec"] = {"token": self.plane.tokens["rollcall"]}
        answer = me.create(review)
        self.assertEqual(answer["status"]["user"]["username"], controlplane.ROLLCALL_USER)

    def test_all_else_is_forbidden(self):
        me = self.rollcall
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "own"},
            "spec": {"containers": [{"name": "own", "image": "own"}]},
        }
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "other"}, "spec": {}}
        forbidden = {
            "a pod of its own": (me.create, pod),
            "the end of a pod": (me.delete, "Pod", "own"),
            "the leases of others": (me.create, lease),
            "more rights": (me.patch, "ClusterRole", "rollcall", {"rules": []}),
            "the CRDs": (me.delete, "CustomResourceDefinition", "canaries.flagger.app"),
            "the end of a namespace": (me.delete, "Namespace", "default"),
            "nodes": (me.list, "Node"),
            "accounts": (me.list, "ServiceAccount"),
        }
        for what, (call, *arguments) in forbidden.items():
            with self.subTest(what):
                self.assert_refused("Forbidden", call, *arguments)

    def test_a_token_that_nobody_gave_is_refused(self):
        stranger = controlplane.Kube(self.plane.server, "0" * 48, self.plane.ca_file)
        self.addCleanup(stranger.close)
        self.assert_refused("Unauthorized", stranger.list, "Canary")


class Audit(PlaneTest):
    def test_requests_are_counted_by_user_verb_and_resource(self):
        self.admin.create(canary({}))
        mark = self.plane.audit.mark()
        self.rollcall.get("Canary", "shop")
        for phase in ("Initializing", "Initialized"):
            self.rollcall.patch("Canary", "shop", {"status": {"phase": phase}}, subresource="status")
        self.admin.list("Canary")
        wanted = {("get", "canaries"): 1, ("patch", "canaries/status"): 2}

        def counted():  # a watch of a service that a class before this one had is told when the server has ended it
            return {key: n for key, n in self.plane.audit.count(mark).items() if key[0] != "watch"}
        rig.wait_for(lambda: counted() == wanted, 10, lambda: str(counted()))
        by_admin = self.plane.audit.count(mark, user="admin", by=("user", "verb", "resource"))
        self.assertEqual(by_admin, {("admin", "list", "canaries"): 1})


if __name__ == "__main__":
    unittest.main()
