"""The objects of the shorter stories: the demo application that is ready at once, and Canaries in many shapes."""

import copy
import threading

from story import IMAGE

DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "podinfo", "namespace": "default", "labels": {"app": "podinfo"}},
    "spec": {
        "replicas": 2, "progressDeadlineSeconds": 60,
        "selector": {"matchLabels": {"app": "podinfo"}},
        "template": {
            "metadata": {"labels": {"app": "podinfo"}},
            "spec": {"containers": [{
                "name": "podinfod", "image": f"{IMAGE}:blue",
                "ports": [{"containerPort": 8080, "name": "http"}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
            }]},
        },
    },
}

SERVICE = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "default"},
    "spec": {"selector": {"app": "podinfo"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


def ingress(api_version="networking.k8s.io/v1", host="app.example.com", service="podinfo"):
    backend = {"service": {"name": service, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    if api_version == "extensions/v1beta1":
        path = {"path": "/", "backend": {"serviceName": service, "servicePort": 80}}
    return {
        "apiVersion": api_version, "kind": "Ingress", "metadata": {"name": "podinfo", "namespace": "default"},
        "spec": {"rules": [{"host": host, "http": {"paths": [path]}}]},
    }


def canary(name="podinfo", annotations=None, ingress_version="networking.k8s.io/v1", **analysis):
    body = {
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": "default", "annotations": dict(annotations or {})},
        "spec": {
            "provider": "nginx", "progressDeadlineSeconds": 60,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "ingressRef": {"apiVersion": ingress_version, "kind": "Ingress", "name": "podinfo"},
            "service": {"port": 80, "targetPort": 8080},
            "analysis": {"interval": "1s", "threshold": 3, "stepWeight": 50, "maxWeight": 100, **analysis},
        },
    }
    for key, value in list(body["spec"]["analysis"].items()):
        if value is None:
            del body["spec"]["analysis"][key]
    return body


def extension(**analysis):
    """The same as a release in the manner of the extension, four pods in all."""
    body = canary(annotations={"alicloud.canary.extension.switch": "true"},
                  canaryReplicas=1, maxReplicas=4, canaryWeight=0, stepWeight=25, **analysis)
    return body


def application(kube, replicas=2, ingress_version="networking.k8s.io/v1"):
    deployment = copy.deepcopy(DEPLOYMENT)
    deployment["spec"]["replicas"] = replicas
    kube.create(deployment)
    kube.create(SERVICE)
    kube.create(ingress(ingress_version))


def at_rest(i):
    """A Canary that has been initialized, with no pods, so that any number of them needs no processes."""
    name = f"app-{i}"
    target = copy.deepcopy(DEPLOYMENT)
    target["metadata"].update(name=name, labels={"app": name})
    target["spec"].update(replicas=0, selector={"matchLabels": {"app": name}})
    target["spec"]["template"]["metadata"]["labels"] = {"app": name}
    primary = copy.deepcopy(target)
    primary["metadata"].update(name=f"{name}-primary", labels={"app": f"{name}-primary"})
    primary["spec"]["selector"] = {"matchLabels": {"app": f"{name}-primary"}}
    primary["spec"]["template"]["metadata"] = {"labels": {"app": f"{name}-primary"}, "annotations": {"flagger-id": "x"}}
    front = ingress(host=f"{name}.example.com", service=name)
    front["metadata"]["name"] = name
    body = canary(name=name)
    body["spec"]["targetRef"]["name"] = body["spec"]["ingressRef"]["name"] = name
    body["spec"]["analysis"]["interval"] = "10s"
    body["status"] = {"phase": "Initialized", "failedChecks": 0, "canaryWeight": 0, "iterations": 0,
                        "lastAppliedSpec": "9999999999", "lastPromotedSpec": "9999999999",
                        "conditions": [{"type": "Promoted", "status": "True", "reason": "Initialized"}]}
    return target, primary, front, body


def many(kube, count, make, threads=8):
    """Creates make(i) for each i, from several threads."""
    numbers = iter(range(count))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                i = next(numbers, None)
            if i is None:
                return
            for body in make(i):
                kube.create(body)
                if body.get("status"):
                    kube.patch(body["kind"], body["metadata"]["name"], {"status": body["status"]},
                               subresource="status")
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
