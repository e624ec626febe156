"""A small Kubernetes REST client: what a user does with kubectl, over plain HTTPS, with the manifest's own bytes."""

import http.client
import json
import re
import ssl
import threading
from urllib.parse import quote, urlencode, urlsplit

import rig

# kind -> (apiVersion when none is asked for, plural, namespaced)
KINDS = {
    "ApisixRoute": ("apisix.apache.org/v2", "apisixroutes", True),
    "DestinationRule": ("networking.istio.io/v1beta1", "destinationrules", True),
    "HTTPProxy": ("projectcontour.io/v1", "httpproxies", True),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes", True),
    "TraefikService": ("traefik.io/v1alpha1", "traefikservices", True),
    "TrafficSplit": ("split.smi-spec.io/v1alpha3", "trafficsplits", True),
    "VirtualService": ("networking.istio.io/v1beta1", "virtualservices", True),
    "AlertProvider": ("flagger.app/v1beta1", "alertproviders", True),
    "Canary": ("flagger.app/v1beta1", "canaries", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ConfigMap": ("v1", "configmaps", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "Deployment": ("apps/v1", "deployments", True),
    "Endpoints": ("v1", "endpoints", True),
    "Event": ("v1", "events", True),
    "HorizontalPodAutoscaler": ("autoscaling/v1", "horizontalpodautoscalers", True),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "MetricTemplate": ("flagger.app/v1beta1", "metrictemplates", True),
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "Pod": ("v1", "pods", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Secret": ("v1", "secrets", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "TokenReview": ("authentication.k8s.io/v1", "tokenreviews", False),
}

JSON = "application/json"
YAML = "application/yaml"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class ApiError(rig.NotYet):
    """An answer of 400 or more. `reason` is the API's word for it (NotFound, Conflict, Invalid, Forbidden ...)."""

    def __init__(self, method, path, status, body):
        answer = _json_or_none(body) or {}
        self.status = status
        self.reason = answer.get("reason", "")
        self.message = answer.get("message", "") or body.decode(errors="replace")
        self.causes = (answer.get("details") or {}).get("causes") or []
        super().__init__(f"{method} {path}: {status} {self.reason}: {self.message}")


def path_of(kind, name=None, namespace="default", subresource=None, api_version=None):
    """The REST path of an object, or of the list when there is no name; namespace None lists all of them."""
    default_version, plural, namespaced = KINDS[kind]
    version = api_version or default_version
    words = ["apis" if "/" in version else "api", *version.split("/")]
    if namespaced and namespace:
        words += ["namespaces", namespace]
    words.append(plural)
    words += [word for word in (name, subresource) if word]
    return "/" + "/".join(quote(word) for word in words)


def split_documents(manifest):
    """The documents of a YAML stream, each with its bytes as they are; documents of blanks and comments left out."""
    documents, lines = [], []
    for line in manifest.splitlines(keepends=True):
        if re.fullmatch(rb"---[ \t]*\r?\n?", line):
            documents.append(b"".join(lines))
            lines = []
        else:
            lines.append(line)
    documents.append(b"".join(lines))
    return [document for document in documents if re.search(rb"^[^#\s]", document, re.M)]


def identity_of(document):
    """(apiVersion, kind, namespace or None, name) of one block style YAML document, without a YAML parser."""

    def top(key):
        found = re.search(rb"^%s:[ \t]*['\"]?([^\s'\"#]+)" % key, document, re.M)
        assert found, f"no {key.decode()} in manifest:\n{document.decode(errors='replace')}"
        return found.group(1).decode()

    metadata = re.search(rb"^metadata:[ \t]*\r?\n((?:(?:[ \t]+\S.*|[ \t]*|#.*)(?:\r?\n|\Z))*)", document, re.M)
    assert metadata, f"no metadata block in manifest:\n{document.decode(errors='replace')}"
    fields = {}
    indent = None
    for line in metadata.group(1).splitlines():
        entry = re.match(rb"([ \t]+)([A-Za-z]+):[ \t]*['\"]?([^\s'\"#]*)", line)
        if not entry:
            continue
        indent = indent or entry.group(1)
        if entry.group(1) == indent:
            fields[entry.group(2).decode()] = entry.group(3).decode()
    return top(b"apiVersion"), top(b"kind"), fields.get("namespace"), fields["name"]


class Kube:
    """One user's view of one API server. Safe to use from several threads: each has a connection of its own."""

    def __init__(self, server, token, ca_file, timeout=30):
        address = urlsplit(server)
        assert address.scheme == "https", f"not an https address: {server}"
        self.server = server
        self._host, self._port = address.hostname, address.port
        self._token = token
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._local = threading.local()

    # -- plain requests ------------------------------------------------------

    def raw(self, method, path, body=None, content_type=JSON, accept=JSON):
        """(status, body) of one request, whatever the status."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        fresh = getattr(self._local, "connection", None) is None
        try:
            return self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            self.close()
            # A kept connection may have been closed meanwhile; only a request that changes nothing is said twice.
            if fresh or method != "GET":
                raise
            return self._exchange(method, path, body, headers)

    def _exchange(self, method, path, body, headers):
        if getattr(self._local, "connection", None) is None:
            self._local.connection = self._connect(self._timeout)
        connection = self._local.connection
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _connect(self, timeout):
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)

    def close(self):
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection:
            connection.close()

    def request(self, method, path, body=None, content_type=JSON, accept=JSON):
        status, answer = self.raw(method, path, body, content_type, accept)
        if status >= 400:
            raise ApiError(method, path, status, answer)
        return _json_or_none(answer)

    # -- objects ---------------------------------------------------------------

    def get(self, kind, name, namespace="default", subresource=None, api_version=None):
        return self.request("GET", path_of(kind, name, namespace, subresource, api_version))

    def find(self, kind, name, namespace="default", api_version=None):
        """As get, but None when there is no such object."""
        try:
            return self.get(kind, name, namespace, api_version=api_version)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind, namespace="default", labels=None, fields=None, api_version=None):
        """The objects of a kind; namespace None for those of all namespaces."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        answer = self.request("GET", _with_query(path_of(kind, None, namespace, None, api_version), query))
        return answer["items"]

    def table(self, kind, namespace="default"):
        """What `kubectl get -o wide` shows: the column definitions and the rows' cells."""
        answer = self.request("GET", path_of(kind, None, namespace), accept=TABLE)
        return answer["columnDefinitions"], [row["cells"] for row in answer["rows"]]

    def create(self, body):
        metadata = body["metadata"]
        namespace = metadata.get("namespace", "default")
        return self.request("POST", path_of(body["kind"], None, namespace, None, body["apiVersion"]), body)

    def create_yaml(self, manifest):
        """Posts each document of a manifest as application/yaml, byte for byte; returns the created objects."""
        created = []
        for document in split_documents(manifest):
            api_version, kind, namespace, _ = identity_of(document)
            path = path_of(kind, None, namespace or "default", None, api_version)
            created.append(self.request("POST", path, document, content_type=YAML))
        return created

    def create_yaml_file(self, file):
        with open(file, "rb") as manifest:
            return self.create_yaml(manifest.read())

    def replace(self, body, subresource=None):
        metadata = body["metadata"]
        namespace = metadata.get("namespace", "default")
        path = path_of(body["kind"], metadata["name"], namespace, subresource, body["apiVersion"])
        return self.request("PUT", path, body)

    def patch(self, kind, name, change, namespace="default", subresource=None, api_version=None, how=MERGE_PATCH):
        path = path_of(kind, name, namespace, subresource, api_version)
        return self.request("PATCH", path, change, content_type=how)

    def delete(self, kind, name, namespace="default", api_version=None, propagation="Background"):
        """Asks for the deletion; True, or False when there was nothing to delete."""
        path = _with_query(path_of(kind, name, namespace, None, api_version), {"propagationPolicy": propagation})
        try:
            self.request("DELETE", path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def delete_and_wait(self, kind, name, namespace="default", timeout=30):
        self.delete(kind, name, namespace, propagation="Foreground")
        rig.wait_for(lambda: self.find(kind, name, namespace) is None, timeout, f"{kind} {namespace}/{name} to be gone")

    def watch(self, kind, namespace="default", resource_version=None, timeout=60, api_version=None):
        """Yields (type, object) until `timeout`, in seconds, has passed at the server; close() the generator to stop.

        Without a resourceVersion it starts with an ADDED for each object there is.
        """
        query = {"watch": "true", "timeoutSeconds": int(timeout), "resourceVersion": resource_version}
        path = _with_query(path_of(kind, None, namespace, None, api_version), query)
        connection = self._connect(timeout + self._timeout)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}", "Accept": JSON})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError("GET", path, answer.status, answer.read())
            for line in iter(answer.readline, b""):
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()

    # -- what a release is made of ----------------------------------------------

    def set_image(self, deployment, container, image, namespace="default"):
        """What `kubectl set image` does: the change that starts a release."""
        containers = [{"name": container, "image": image}]
        change = {"spec": {"template": {"spec": {"containers": containers}}}}
        return self.patch("Deployment", deployment, change, namespace, how=STRATEGIC_PATCH)

    def scale(self, deployment, replicas, namespace="default"):
        return self.patch("Deployment", deployment, {"spec": {"replicas": replicas}}, namespace, "scale")

    def events(self, name, namespace="default"):
        """The Events on an object, oldest first."""
        found = self.list("Event", namespace, fields=f"involvedObject.name={name}")
        return sorted(found, key=lambda event: int(event["metadata"]["resourceVersion"]))

    def create_namespace(self, name):
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        # Until the controller manager has made it, pods of the namespace could not be admitted.
        rig.wait_for(lambda: self.find("ServiceAccount", "default", name), 30, f"service account of namespace {name}")
        return name

    def empty_namespace(self, namespace="default", timeout=60):
        """Deletes everything a test can have left in a namespace, and waits until it is gone."""
        kinds = ("Canary", "MetricTemplate", "AlertProvider", "HorizontalPodAutoscaler", "Deployment", "DaemonSet",
                 "Ingress", "Service", "ConfigMap", "Secret", "Pod", "Event")

        def left():
            found = []
            for kind in kinds:
                for item in self.list(kind, namespace):
                    if not _belongs_to_the_cluster(kind, item):
                        found.append((kind, item))
            return found

        def nothing_left():
            remaining = left()
            for kind, item in remaining:
                if not item["metadata"].get("deletionTimestamp"):
                    self.delete(kind, item["metadata"]["name"], namespace)
                elif kind == "Canary" and item["metadata"].get("finalizers"):
                    self.patch(kind, item["metadata"]["name"], {"metadata": {"finalizers": None}}, namespace)
            # Pods with no kubelet are never confirmed as ended; a grace period of 0 ends them here.
            for kind, item in remaining:
                if kind == "Pod":
                    path = _with_query(path_of(kind, item["metadata"]["name"], namespace), {"gracePeriodSeconds": 0})
                    self.raw("DELETE", path)
            return not remaining

        rig.wait_for(nothing_left, timeout, f"namespace {namespace} to be empty")


def _belongs_to_the_cluster(kind, item):
    name = item["metadata"]["name"]
    return (
        (kind == "Service" and name == "kubernetes")
        or (kind == "ConfigMap" and name == "kube-root-ca.crt")
        or (kind == "Secret" and item.get("type") == "kubernetes.io/service-account-token")
    )


def _with_query(path, values):
    query = urlencode({key: value for key, value in values.items() if value is not None})
    return f"{path}?{query}" if query else path


def _json_or_none(body):
    try:
        return json.loads(body)
    except ValueError:
        return None
