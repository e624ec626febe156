"""Every traffic provider on a real API server, with its project's resources reduced to what a canary writes: what is
written at each weight is read back from the server, and what its schema does not know would be gone."""

import copy
import json
import re
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import IMAGE  # noqa: E402

CRDS = rig.REPOSITORY / "tests/fixtures/crds"


def named(weights, primary, canary):
    """(primary, canary) of a list of what has a name and a weight."""
    found = {name: int(weight) for name, weight in weights}
    return found.get(primary, 0), found.get(canary, 0)


def of_traefik(o, name):
    return named([(s["name"], s["weight"]) for s in o["spec"]["weighted"]["services"]], f"{name}-primary", f"{name}-canary")


def of_contour(o, name):
    return named([(s["name"], s["weight"]) for s in o["spec"]["routes"][0]["services"]], f"{name}-primary", f"{name}-canary")


def of_split(o, name):
    return named([(b["service"], b["weight"]) for b in o["spec"]["backends"]], f"{name}-primary", f"{name}-canary")


def of_apisix(o, name):
    return named([(b["serviceName"], b["weight"]) for b in o["spec"]["http"][0]["backends"]], f"{name}-primary",
                 f"{name}-canary")


def of_istio(o, name):
    return named([(d["destination"]["host"], d["weight"]) for d in o["spec"]["http"][-1]["route"]], f"{name}-primary",
                 f"{name}-canary")


def of_gateway(o, name):
    return named([(b["name"], b["weight"]) for b in o["spec"]["rules"][-1]["backendRefs"]], f"{name}-primary",
                 f"{name}-canary")


def of_skipper(o, name):
    weights = json.loads(o["metadata"]["annotations"]["zalando.org/backend-weights"])
    return weights[f"{name}-primary"], weights[f"{name}-canary"]


GATEWAY = {"gatewayRefs": [{"name": "gateway", "namespace": "infra"}], "hosts": ["app.example.com"], "timeout": "5s",
           "match": [{"uri": {"prefix": "/"}, "headers": {"x-a": {"exact": "b"}}}],
           "headers": {"request": {"add": {"x-b": "c"}}}}
STICKY = {"sessionAffinity": {"cookieName": "c", "primaryCookieName": "p"}}
# provider: (kind of the route, apiVersion, weights of it, its name, more of spec.service, more of spec.analysis)
PROVIDERS = {
    "traefik": ("TraefikService", None, of_traefik, "{}", {}, {}),
    "contour": ("HTTPProxy", None, of_contour, "{}", {"timeout": "5s", "retries": {"attempts": 2, "retryOn": "5xx"}}, {}),
    "linkerd": ("TrafficSplit", "split.smi-spec.io/v1alpha1", of_split, "{}", {}, {}),
    "smi:v1alpha3": ("TrafficSplit", "split.smi-spec.io/v1alpha3", of_split, "{}", {}, {}),
    "apisix": ("ApisixRoute", None, of_apisix, "{0}-{0}-canary", {}, {}),
    "skipper": ("Ingress", None, of_skipper, "{}-canary", {}, {}),
    "istio": ("VirtualService", None, of_istio, "{}",
              {"gateways": ["public"], "trafficPolicy": {"tls": {"mode": "DISABLE"}}}, STICKY),
    "gatewayapi:v1": ("HTTPRoute", None, of_gateway, "{}", GATEWAY, STICKY),
    "gatewayapi:v1beta1": ("HTTPRoute", "gateway.networking.k8s.io/v1beta1", of_gateway, "{}", GATEWAY, {}),
}


class History(threading.Thread):
    """The weights that a route has had, in their order."""

    def __init__(self, kube, kind, version, name, read, app):
        super().__init__(daemon=True)
        self.kube, self.kind, self.version, self.name, self.read, self.app = kube, kind, version, name, read, app
        self.weights, self.last = [], None

    def run(self):
        for _, item in self.kube.watch(self.kind, timeout=120, api_version=self.version):
            if item["metadata"]["name"] != self.name:
                continue
            self.last = item
            weights = self.read(item, self.app)
            if not self.weights or self.weights[-1] != weights:
                self.weights.append(weights)


class Routers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("routers")
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")
        cls.addClassCleanup(cls.without_crds)
        cls.without_crds()
        cls.scene.start()

    @classmethod
    def without_crds(cls):
        for crd in cls.kube.list("CustomResourceDefinition", None):
            if crd["spec"]["group"] != "flagger.app":
                cls.kube.delete_and_wait("CustomResourceDefinition", crd["metadata"]["name"], None)

    def ticks(self):
        return float(re.search(r"^rollcall_ticks_total (\S+)", self.scene.admin("/metrics"), re.M)[1])

    def application(self, name):
        deployment = copy.deepcopy(objects.DEPLOYMENT)
        deployment["metadata"].update(name=name, labels={"app": name})
        deployment["spec"].update(replicas=1, selector={"matchLabels": {"app": name}})
        deployment["spec"]["template"]["metadata"]["labels"] = {"app": name}
        self.kube.create(deployment)
        front = objects.ingress(service=name, host=f"{name}.example.com")
        front["metadata"]["name"] = name
        self.kube.create(front)

    def canary(self, name, provider):
        _, _, _, _, service, analysis = PROVIDERS[provider]
        body = objects.canary(name=name, **analysis)
        body["spec"].update(provider=provider, targetRef={**body["spec"]["targetRef"], "name": name},
                            service={**body["spec"]["service"], **service})
        body["spec"]["ingressRef"]["name"] = name
        if provider == "apisix":
            body["spec"]["routeRef"] = {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": name}
        return body

    def test_each_provider_shifts_the_traffic(self):
        # What is not installed is told, names what is missing, and is no trouble of the others.
        self.application("traefik")
        self.kube.create(self.canary("traefik", "traefik"))
        rig.wait_for(lambda: any("traefikservices" in text for text in self.scene.said("traefik")), 60,
                     lambda: f"what is missing is told\n{self.scene.trouble()}")
        for file in sorted(CRDS.glob("*.yaml")):
            self.kube.create_yaml_file(file)

        names = {provider: provider.replace(":", "-") for provider in PROVIDERS}
        for provider, name in names.items():
            if provider == "traefik":
                continue
            self.application(name)
            if provider == "apisix":
                self.kube.create({"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute",
                                  "metadata": {"name": name, "namespace": "default"},
                                  "spec": {"http": [{"name": "web", "match": {"paths": ["/*"]}, "backends": [
                                      {"serviceName": name, "servicePort": 80}]}]}})
            self.kube.create(self.canary(name, provider))
        for name in names.values():
            self.scene.wait_phase("Initialized", timeout=90, name=name)

        histories = {}
        for provider, name in names.items():
            kind, version, read, pattern, _, _ = PROVIDERS[provider]
            histories[provider] = History(self.kube, kind, version, pattern.format(name), read, name)
            histories[provider].start()
            rig.wait_for(lambda: histories[provider].weights == [(100, 0)], 30, f"{provider}: all to the primary")
            self.kube.set_image(name, "podinfod", f"{IMAGE}:green")
        for provider, name in names.items():
            self.scene.wait_phase("Succeeded", timeout=120, name=name)
            with self.subTest(provider=provider):
                rig.wait_for(lambda: histories[provider].weights == [(100, 0), (50, 50), (0, 100), (100, 0)], 10,
                             lambda: f"{provider}: the weights of the release: {histories[provider].weights}")
                self.assertEqual(self.kube.get("Deployment", f"{name}-primary")["spec"]["template"]["spec"]["containers"]
                                 [0]["image"], f"{IMAGE}:green")
        for provider in ("istio", "gatewayapi:v1"):
            status = self.scene.status(names[provider])
            self.assertRegex(status["previousSessionAffinityCookie"], r"^c=[a-zA-Z]{10}$")
        # Looked at again, nothing is written: what the server adds by default is no difference.
        mark, ticks = self.scene.plane.audit.mark(), self.ticks()
        for name in names.values():
            self.kube.patch("Canary", name, {"metadata": {"annotations": {"looked": "at"}}})
        rig.wait_for(lambda: self.ticks() >= ticks + len(names), 30, "every canary has been looked at")
        writes = {key: n for key, n in self.scene.plane.audit.count(mark).items()
                  if key[0] in ("create", "update", "patch") and key[1] not in ("canaries", "events")}
        self.assertEqual(writes, {})
        self.scene.assert_healthy()


if __name__ == "__main__":
    unittest.main()
