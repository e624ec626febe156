"""A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager on 127.0.0.1.

    python3 tests/lib/controlplane.py start DIR     starts one, prints the path of its description (JSON)
    python3 tests/lib/controlplane.py stop DIR      ends it and removes its data

A suite calls shared(): the control plane that ROLLCALL_PLANE (path of a description) names, or else one of its own
that ends with the suite. Its kubeconfig files are for `rollcall` and for a person with kubectl.
"""

import argparse
import atexit
import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import rig
from kube import Kube

BUILD = rig.REPOSITORY / "tests/cluster/control-plane.sh"
CRDS = rig.REPOSITORY / "deploy/crds"
RBAC = rig.REPOSITORY / "deploy/rbac.yaml"
DESCRIPTION = "plane.json"

# The users' manifests ask for a cluster IP in this range.
SERVICE_IPS = "172.24.0.0/16"

# The user that deploy/rbac.yaml binds: the token stands for the ServiceAccount that a pod would have.
ROLLCALL_USER = "system:serviceaccount:rollcall:rollcall"
# Each has a token and a kubeconfig; names of their own keep them apart in the audit log.
USERS = {
    "admin": ("admin", ["system:masters"], "default"),
    "rollcall": (ROLLCALL_USER, ["system:serviceaccounts", "system:serviceaccounts:rollcall"], "rollcall"),
    "node": ("node", ["system:masters"], "default"),
    "controllers": ("controllers", ["system:masters"], "default"),
}

# There are no kubelets: `controller/node` or the test itself plays them. So whatever would take pods away from a
# node that sends no heartbeat stays off, and with it all that needs a cloud or disks.
CONTROLLERS = "*,-nodelifecycle,-podgc,-nodeipam,-route,-service,-cloud-node-lifecycle,-attachdetach,-ttl"

# Every request, once, with user, verb and object but without bodies; bench counts them.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:apiserver"]
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version"]
  - level: Metadata
"""

START_ATTEMPTS = 3
START_SECONDS = 90


class Unavailable(Exception):
    """This machine has no binaries to start; the text says what to do."""


def binaries():
    """The folder with kube-apiserver and kube-controller-manager, and the path of etcd."""
    answer = subprocess.run([BUILD, "--if-built"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Unavailable(answer.stderr.strip() or f"{BUILD} --if-built: exit {answer.returncode}")
    etcd = shutil.which("etcd")
    if not etcd:
        raise Unavailable("etcd is not installed (package etcd-server)")
    return Path(answer.stdout.strip()), etcd


class ControlPlane:
    """One control plane in one folder. A description is enough to use it from another process."""

    def __init__(self, description):
        self.server = description["server"]
        self.ca_file = description["ca"]
        self.tokens = description["tokens"]
        self.kubeconfig = description["kubeconfig"]
        self.pids = description["pids"]
        self._started = description["started"]
        self._folder = Path(description["folder"])
        self.audit = AuditLog(description["audit"])

    @classmethod
    def attach(cls, description_file):
        return cls(json.loads(Path(description_file).read_text()))

    def client(self, user="admin"):
        return Kube(self.server, self.tokens[user], self.ca_file)

    def assert_running(self):
        """For setUp: a control plane that has crashed fails each test at once, and with the reason."""
        for name, pid in self.pids.items():
            if not _runs(pid, self._started[name]):
                log = self._folder / f"{name}.log"
                raise AssertionError(f"{name} of the control plane has ended\n{rig.tail(log)}")


class AuditLog:
    """What the API server was asked, by whom: counts since a mark."""

    def __init__(self, file):
        self.file = Path(file)

    def mark(self):
        """The present end of the log, to count from."""
        return self.file.stat().st_size

    def entries(self, since=0, user=ROLLCALL_USER):
        """The requests of one user (None: of all). A watch is one entry, at its beginning."""
        seen = set()
        with open(self.file, "rb") as log:
            log.seek(since)
            for line in log:
                if not line.endswith(b"\n"):
                    return
                entry = json.loads(line)
                if entry["auditID"] in seen or (user and entry["user"]["username"] != user):
                    continue
                seen.add(entry["auditID"])
                yield entry

    def count(self, since=0, user=ROLLCALL_USER, by=("verb", "resource")):
        """{(verb, "resource/subresource"): requests}, or by any of user, verb, resource, code."""
        counts = {}
        for entry in self.entries(since, user):
            key = tuple(_audit_field(entry, name) for name in by)
            counts[key] = counts.get(key, 0) + 1
        return counts


def _audit_field(entry, name):
    reference = entry.get("objectRef", {})
    if name == "resource":
        subresource = reference.get("subresource")
        resource = reference.get("resource") or entry["requestURI"].partition("?")[0]
        return f"{resource}/{subresource}" if subresource else resource
    return {
        "user": entry["user"]["username"],
        "verb": entry["verb"],
        "code": entry.get("responseStatus", {}).get("code"),
    }[name]


class Starter:
    """Brings one control plane up in a folder. `processes` holds what runs, in the order of starting."""

    def __init__(self, folder, detached=False):
        self.folder = Path(folder).resolve()
        self.detached = detached
        self.processes = []
        self.tokens = {user: secrets.token_hex(24) for user in USERS}

    def start(self):
        bin_folder, etcd = binaries()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_files()
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                return self._start(bin_folder, etcd)
            except rig.ProcessEnded as ended:
                self.stop()
                # A port can be taken between our look and the bind; everything else is a real failure.
                if attempt == START_ATTEMPTS or "address already in use" not in str(ended):
                    raise
            except BaseException:
                self.stop()
                raise

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    # -- the pieces ------------------------------------------------------------

    def _start(self, bin_folder, etcd):
        etcd_url = self._start_etcd(etcd)
        server = self._start_api_server(bin_folder / "kube-apiserver", etcd_url)
        admin = Kube(server, self.tokens["admin"], self._file("ca.crt"))
        _load_manifests(admin)
        _wait_established(admin)
        # Only now: the garbage collector looks for new kinds once in 30 s, so let it find ours at its first look.
        controllers = self._start_controllers(bin_folder / "kube-controller-manager")
        controllers.wait_ready(
            lambda: admin.find("ServiceAccount", "default") and admin.find("ServiceAccount", "default", "rollcall"),
            START_SECONDS,
            "the controllers at work",
        )
        admin.close()
        return ControlPlane(self._describe(server))

    def _run(self, name, argv):
        process = rig.Process(name, argv, self.folder / f"{name}.log", detached=self.detached)
        self.processes.append(process.start())
        return process

    def _start_etcd(self, etcd):
        client = f"http://127.0.0.1:{rig.free_port()}"
        peer = f"http://127.0.0.1:{rig.free_port()}"
        process = self._run("etcd", [
            etcd, "--name=test", f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync", "--auto-compaction-retention=5m",
            f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=test={peer}",
        ])
        process.wait_ready(lambda: _answers(f"{client}/health"), START_SECONDS, "etcd to be healthy")
        return client

    def _start_api_server(self, program, etcd_url):
        port = rig.free_port()
        process = self._run("kube-apiserver", [
            program, f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={port}",
            # It would publish a loopback address as the endpoint of the Service `kubernetes`, which is refused.
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={self._file('server.crt')}", f"--tls-private-key-file={self._file('server.key')}",
            "--authorization-mode=RBAC", f"--token-auth-file={self._file('tokens.csv')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._file('accounts.key')}",
            f"--service-account-signing-key-file={self._file('accounts.key')}",
            # Without kubelets there is nobody to mount the tokens that it would add to each pod.
            "--disable-admission-plugins=ServiceAccount",
            f"--service-cluster-ip-range={SERVICE_IPS}",
            f"--audit-policy-file={self._file('audit-policy.yaml')}", f"--audit-log-path={self._file('audit.log')}",
            "--audit-log-format=json", "--audit-log-maxsize=2000",
        ])
        server = f"https://127.0.0.1:{port}"
        trust = ssl.create_default_context(cafile=self._file("ca.crt"))
        process.wait_ready(lambda: _answers(f"{server}/readyz", trust), START_SECONDS, "the API server to be ready")
        self._write_kubeconfigs(server)
        return server

    def _start_controllers(self, program):
        return self._run("kube-controller-manager", [
            program, f"--kubeconfig={self._file('controllers.kubeconfig')}", "--leader-elect=false",
            f"--service-account-private-key-file={self._file('accounts.key')}", f"--root-ca-file={self._file('ca.crt')}",
            f"--controllers={CONTROLLERS}",
            # The defaults are those of a cluster that lives for years; a test makes a release in seconds.
            "--kube-api-qps=200", "--kube-api-burst=400",
            "--port=0", "--secure-port=0",
        ])

    # -- files -----------------------------------------------------------------

    def _file(self, name):
        return str(self.folder / name)

    def _write_files(self):
        self._write_keys()
        rows = [
            f'{self.tokens[user]},{name},{name},"{",".join(groups)}"\n' for user, (name, groups, _) in USERS.items()
        ]
        _write_private(self.folder / "tokens.csv", "".join(rows))
        _write_private(self.folder / "audit-policy.yaml", AUDIT_POLICY)
        _write_private(self.folder / "audit.log", "")

    def _write_keys(self):
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
        self._openssl(
            "req", "-x509", *new_key, "-subj", "/CN=test control plane CA", "-keyout", "ca.key", "-out", "ca.crt",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )
        self._openssl("req", *new_key[:-2], "-subj", "/CN=kube-apiserver", "-keyout", "server.key", "-out", "server.csr")
        (self.folder / "server.ext").write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\n"
            "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n"
            "authorityKeyIdentifier=keyid\n"
        )
        self._openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "2",
            "-days", "30", "-extfile", "server.ext", "-out", "server.crt",
        )
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "accounts.key")

    def _openssl(self, *words):
        answer = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"openssl {words[0]}: {answer.stderr}"

    def _write_kubeconfigs(self, server):
        authority = base64.b64encode((self.folder / "ca.crt").read_bytes()).decode()
        for user, (_, _, namespace) in USERS.items():
            _write_private(self.folder / f"{user}.kubeconfig", f"""\
apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {user}
  user:
    token: {self.tokens[user]}
contexts:
- name: test
  context:
    cluster: test
    user: {user}
    namespace: {namespace}
current-context: test
""")

    def _describe(self, server):
        description = {
            "folder": str(self.folder),
            "server": server,
            "ca": self._file("ca.crt"),
            "tokens": self.tokens,
            "kubeconfig": {user: self._file(f"{user}.kubeconfig") for user in USERS},
            "audit": self._file("audit.log"),
            "pids": {process.name: process.pid for process in self.processes},
            "started": {process.name: _stat(process.pid)[1] for process in self.processes},
        }
        _write_private(self.folder / DESCRIPTION, json.dumps(description, indent=2) + "\n")
        return description


def _write_private(file, text):
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.write(text)


def _answers(url, trust=None):
    try:
        with urllib.request.urlopen(url, timeout=5, context=trust) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        raise rig.NotYet(f"{url}: {error.code} {error.read().decode(errors='replace')}") from None


def _load_manifests(admin):
    for file in [*sorted(CRDS.glob("*.yaml")), RBAC]:
        admin.create_yaml_file(file)


def _wait_established(admin):
    def served():
        for definition in admin.list("CustomResourceDefinition"):
            conditions = {each["type"]: each for each in definition["status"].get("conditions") or []}
            established = conditions.get("Established", {}).get("status")
            assert established == "True", f"{definition['metadata']['name']}: {conditions}"
        # Established comes a moment before the handler serves it.
        return all(isinstance(admin.list(kind), list) for kind in ("Canary", "MetricTemplate", "AlertProvider"))

    rig.wait_for(served, START_SECONDS, "the CRDs of deploy/crds to be established")


_own = None


def shared():
    """The control plane of this test run; skips the test when this machine has none."""
    global _own
    description = os.environ.get("ROLLCALL_PLANE")
    if description:
        return ControlPlane.attach(description)
    if _own is None:
        starter = Starter(rig.scratch_folder("plane"))
        try:
            _own = starter.start()
        except Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None
        atexit.register(starter.stop)
    return _own


# -- as a command ----------------------------------------------------------------


def _stat(pid):
    """State and start time of a process, or None; a pid alone may mean another process later."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], fields[19]


def _runs(pid, started):
    found = _stat(pid)
    # What has ended but was not waited for by its parent does not run.
    return found is not None and found[0] != "Z" and found[1] == started


def _end(name, pid, started):
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        if not _runs(pid, started):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        with contextlib.suppress(AssertionError):
            rig.wait_for(lambda: not _runs(pid, started), patience, f"the end of {name}")
            return
    sys.exit(f"{name} (pid {pid}) does not end")


def _stop_described(folder):
    description = json.loads((folder / DESCRIPTION).read_text())
    for name, pid in reversed(list(description["pids"].items())):
        _end(name, pid, description["started"][name])
    shutil.rmtree(folder / "etcd", ignore_errors=True)
    (folder / DESCRIPTION).unlink()


def main():
    parser = argparse.ArgumentParser(description="start or stop a Kubernetes control plane for tests")
    parser.add_argument("verb", choices=["start", "stop"])
    parser.add_argument("folder", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    if arguments.verb == "stop":
        if not (arguments.folder / DESCRIPTION).exists():
            sys.exit(f"no control plane in {arguments.folder}")
        _stop_described(arguments.folder)
        return
    if (arguments.folder / DESCRIPTION).exists():
        sys.exit(f"{arguments.folder} has a control plane already; stop it first")
    began = time.monotonic()
    try:
        Starter(arguments.folder, detached=True).start()
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        sys.exit(77)
    print(f"ready after {time.monotonic() - began:.1f} s", file=sys.stderr)
    print(arguments.folder.resolve() / DESCRIPTION)


if __name__ == "__main__":
    main()
