"""The whole scene of an end-to-end story: a real control plane, a node that runs pods and a real nginx, rollcall itself,
a workspace in Slack, a group in DingTalk, a listener for webhooks, and a load of requests that must lose nothing."""

import collections
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import controlplane
import rig
from apiproxy import ApiProxy
from tests.fakes.dingtalk import FakeDingTalk
from tests.fakes.hooks import HookListener
from tests.fakes.slack import FakeSlack

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
SEED = rig.REPOSITORY / "tests/fixtures/seed"
CHANNEL = "C09RELEASES"
HOST = "app.example.com"
IMAGE = "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo"
PIN = "4711-zhao"


class Load(threading.Thread):
    """Requests through nginx, one after the other, as a user of the application would see them."""

    def __init__(self, port, host=HOST, pause=0.004):
        super().__init__(daemon=True)
        self.port, self.host, self.pause = port, host, pause
        self.colors = collections.Counter()
        self.failures = []
        self.count = 0
        self._enough = threading.Event()

    def run(self):
        while not self._enough.is_set():
            try:
                status, color = ask(self.port, self.host)
                self.count += 1
                self.colors[color] += 1
                if status != 200:
                    self.failures.append(f"{time.strftime('%X')} status {status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
            self._enough.wait(self.pause)

    def stop(self):
        self._enough.set()
        self.join()
        return self


def ask(port, host=HOST, headers=None):
    """(status, colour) of one request to the application through nginx."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Host": host, **(headers or {})})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("X-Color", "")


def share(port, color, requests=2000, host=HOST):
    """Percent of requests that a colour answers; every one must be answered."""
    seen = collections.Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        for _ in range(requests):
            status, answered = _again(connection, host)
            assert status == 200, f"status {status}"
            seen[answered] += 1
    return 100.0 * seen[color] / requests


def _again(connection, host):
    """One request over a kept connection; a server may close one between two requests, and clients then connect anew."""
    for last in (False, True):
        try:
            connection.request("GET", "/", headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("X-Color", "")
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()
            if last:
                raise
    raise AssertionError("unreachable")


class Scene:
    """Everything that a story needs, started once for a class of tests."""

    def __init__(self, name, policies=None, extra="", node=True, through_proxy=False, socket=False, slack=""):
        self.folder = rig.scratch_folder(name)
        self.plane = controlplane.shared()
        self.kube = self.plane.client("admin")
        self.proxy = ApiProxy(self.plane, self.folder).__enter__() if through_proxy else None
        self.hooks = HookListener().start()
        self.slack = FakeSlack().start()
        self.dingtalk = FakeDingTalk().start()
        self.port, self.admin_port, self.web_port = rig.free_port(), rig.free_port(), rig.free_port()
        self.slack.by_socket = socket
        self.slack_lines = slack
        self.slack.bot_url = f"http://127.0.0.1:{self.port}/slack/events"
        self._people()
        self.config = self.folder / "config.yaml"
        self.config.write_text(self._configuration(policies, extra))
        self.node_config = self.folder / "node.yaml"
        self.node_config.write_text(self._node_configuration())
        self.node = rig.Process("node", [BUILD / "rollcall", "node", "--config", self.node_config],
                                self.folder / "node.log") if node else None
        self.serve = None
        self.starts = 0

    def _people(self):
        self.slack.add_user("ULIN", "lin.wei")
        self.slack.add_user("UZHAO", "zhao")
        self.slack.add_user("UGUEST", "guest")
        self.slack.add_channel(CHANNEL, "releases", members=["ULIN", "UZHAO", "UGUEST"])
        self.dingtalk.add_robot("releases", "releases", secret="SEC" + "0" * 61)

    def _configuration(self, policies, extra):
        pin = "salt:" + hashlib.sha256(f"salt:{PIN}".encode()).hexdigest()
        policies = policies or """
  default:
    approvers: ["group:sre"]
    quorum: 2
    link_identity: pin
    rights:
      promote: ["group:sre"]
      rollback: [anyone-in-channel, "group:sre"]
      complete: ["group:sre"]
"""
        return f"""
listen:
  address: 127.0.0.1:{self.port}
  admin: 127.0.0.1:{self.admin_port}
public_url: http://127.0.0.1:{self.port}
data_dir: {self.folder}/data
log: {{level: debug, format: logfmt}}
cluster: {{kubeconfig: {self.proxy.kubeconfig if self.proxy else self.plane.kubeconfig["rollcall"]}, name: test}}
controller:
  provider: nginx
  egress: {{private: true}}
users:
  lin.wei: {{identities: ["slack:ULIN", "token:lin.wei"], groups: [sre]}}
  zhao: {{identities: ["slack:UZHAO", "dingtalk:zhao", "token:zhao"], groups: [sre], pin_sha256: "{pin}"}}
policies: {policies}
slack:
  bot_token: {self.slack.bot_token}
  {f"app_token: {self.slack.app_token}" if self.slack.by_socket else f"signing_secret: {self.slack.signing_secret}"}
  api_url: {self.slack.api_url}
  {self.slack_lines}
  response_hosts: [127.0.0.1]
dingtalk:
  robots:
    releases: {{url: "{self.dingtalk.webhook("releases")}", secret: SEC{"0" * 61}}}
routes:
  - channels: ["slack:{CHANNEL}", "dingtalk:releases"]
{extra}
"""

    def _node_configuration(self):
        return f"""
data_dir: {self.folder}/node
log: {{level: debug, format: logfmt}}
cluster: {{kubeconfig: {self.plane.kubeconfig["node"]}, name: test}}
node:
  name: here
  addresses: 127.{20 + os.getpid() % 200}.0.0/16
  images:
    - image: "{IMAGE}:*"
      command: ["{BUILD}/rollouts-demo", --address, "{{address}}", --port, "{{port}}", --color, "{{tag}}"]
  nginx: {{listen: 127.0.0.1:{self.web_port}}}
"""

    # -- rollcall itself --------------------------------------------------------------------------------------------

    def start(self):
        """Starts rollcall (again); its log goes on in the same file."""
        self.starts += 1
        if self.node and not self.node.alive():
            self.node.start()
        self.serve = rig.Process(f"serve", [BUILD / "rollcall", "serve", "--config", self.config],
                                 self.folder / "serve.log")
        self.serve.start()
        self.serve.wait_ready(self.ready, 30, "rollcall is ready")
        return self

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200

    def admin(self, path):
        """The body of an answer on the port for metrics and health."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def close(self, timeout=60):
        for process in (self.serve, self.node):
            if process and process.alive():
                process.stop()
        self.kube.empty_namespace("default", timeout)
        self.kube.close()
        if self.proxy:
            self.proxy.__exit__()
        for fake in (self.hooks, self.slack, self.dingtalk):
            fake.stop()

    def cli(self, *words, token=None, check=True):
        """Runs the command line; (exit code, stdout, stderr)."""
        environment = {**os.environ, "ROLLCALL_SERVER": f"http://127.0.0.1:{self.port}",
                       "ROLLCALL_TOKEN": token or self.token("lin.wei")}
        done = subprocess.run([BUILD / "rollcall", *words], env=environment, capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, f"rollcall {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.returncode, done.stdout, done.stderr

    def until_approved(self, name, user):
        """Approves by command line as soon as there is something to approve."""
        rig.wait_for(lambda: self.cli("approve", name, token=self.token(user), check=False)[0] == 0, 60,
                     lambda: f"{user} approves {name}\n{self.trouble()}", interval=0.3)

    def token(self, name):
        """A token of that name; made once."""
        file = self.folder / f"token-{name}"
        if not file.exists():
            admin = (self.folder / "data/cli.token").read_text().strip()
            _, out, _ = self.cli("token", "create", name, "--scope", "decide", token=admin)
            file.write_text(out.strip().splitlines()[-1])
        return file.read_text()

    # -- the cluster as a person sees it -----------------------------------------------------------------------------

    def status(self, name="podinfo-default"):
        return self.kube.get("Canary", name).get("status", {})

    def phase(self, name="podinfo-default"):
        return self.status(name).get("phase", "")

    def wait_phase(self, *phases, timeout=60, name="podinfo-default"):
        return rig.wait_for(lambda: self.phase(name) in phases and self.phase(name), timeout,
                            lambda: f"{name} is {' or '.join(phases)}\n{self.trouble()}")

    def weight(self, ingress="podinfo-canary"):
        found = self.kube.find("Ingress", ingress)
        annotations = (found or {}).get("metadata", {}).get("annotations", {})
        return int(annotations.get("nginx.ingress.kubernetes.io/canary-weight", "0"))

    def replicas(self, deployment):
        found = self.kube.find("Deployment", deployment)
        return found["spec"]["replicas"] if found else None

    def available(self, deployment):
        found = self.kube.find("Deployment", deployment)
        return found.get("status", {}).get("availableReplicas", 0) if found else 0

    def said(self, name="podinfo-default"):
        """The texts of the events of a Canary, oldest first."""
        events = self.kube.events(name)
        events.sort(key=lambda e: (e.get("firstTimestamp") or "", int(e["metadata"]["resourceVersion"])))
        return [e["message"] for e in events]

    def trouble(self):
        """What to read when a story fails."""
        tails = []
        for process in (self.serve, self.node):
            if process:
                tails.append(f"--- {process.name}\n{process.tail(30)}")
        return "\n".join(tails)

    def assert_healthy(self):
        """No sanitizer report, no assertion, no error that a person would have to act on."""
        for process in (self.serve, self.node):
            if not process:
                continue
            output = process.output()
            for bad in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "Assertion"):
                assert bad not in output, f"{process.name}: {bad}\n{process.tail(80)}"
