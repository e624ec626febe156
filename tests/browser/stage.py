"""The stage of the console's tests: one machine with an embedded cluster, the seed's application, a Prometheus that says
what a test wants, and people in front of a browser."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from consoleclient import ask  # noqa: E402
from tests.fakes.http_server import HttpFake, json_answer  # noqa: E402

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
SEED = rig.REPOSITORY / "tests/fixtures/seed"
IMAGE = "registry.cn-hangzhou.aliyuncs.com/acs/rollouts-demo"
NAME = "podinfo-default"
PAGE = f"/#/default/{NAME}"
METRICS = [
    {"name": "success-rate", "interval": "1m", "thresholdRange": {"min": 99},
     "templateRef": {"name": "success-rate", "namespace": "default"}},
    {"name": "latency-p99", "interval": "1m", "thresholdRange": {"max": 500},
     "templateRef": {"name": "latency-p99", "namespace": "default"}},
]


class Prometheus(HttpFake):
    """Answers each query with the value set for the word in it."""

    def __init__(self):
        super().__init__()
        self.values = {"success": 99.97, "latency": 41.0}

    def handle(self, request):
        query = request.query.get("query", "")
        value = next((v for word, v in self.values.items() if word in query), 0)
        return json_answer({"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {}, "value": [request.time, str(value)]}]}})


class Stage:
    def __init__(self, name, number=0, policy="{approvers: [\"group:sre\"]}", people=True, metrics=False):
        self.folder = rig.scratch_folder(name)
        self.port, self.admin_port, self.web_port = rig.free_port(), rig.free_port(), rig.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.network = f"127.{20 + (os.getpid() + number) % 200}"
        self.prometheus = Prometheus().start() if metrics else None
        self.metrics = metrics
        self.serve = None
        self.config = self.folder / "config.yaml"
        self.config.write_text(f"""
listen: {{address: "127.0.0.1:{self.port}", admin: "127.0.0.1:{self.admin_port}"}}
data_dir: {self.folder}/data
log: {{level: debug, format: logfmt}}
cluster: {{embedded: true, name: here}}
controller: {{egress: {{private: true}}}}
users:
  lin.wei: {{identities: ["token:lin.wei"], groups: [sre]}}
  zhao: {{identities: ["token:zhao"], groups: [sre]}}
  guest: {{groups: [dev]}}
policies: {{default: {policy}}}
console: {{people: {"[lin.wei, zhao, guest]" if people else "[]"}}}
node:
  addresses: {self.network}.0.0/16
  images:
    - image: "{IMAGE}:*"
      command: ["{BUILD}/rollouts-demo", --address, "{{address}}", --port, "{{port}}", --color, "{{tag}}"]
  nginx: {{listen: "127.0.0.1:{self.web_port}"}}
""")

    # ---- the service ----

    def start(self):
        self.serve = rig.Process("serve", [BUILD / "rollcall", "serve", "--config", self.config],
                                 self.folder / "serve.log").start()
        self.serve.wait_ready(self._ready, 30, "rollcall is ready")
        return self

    def _ready(self):
        return self.ask("GET", "/readyz", port=self.admin_port)[0] == 200

    def close(self):
        if self.serve and not self.serve.alive():
            self.start()  # what a killed one has left is its to end
        if self.serve:
            self.serve.stop(60)
            for bad in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "Assertion"):
                assert bad not in self.serve.output(), f"{bad}\n{self.serve.tail(80)}"
        if self.prometheus:
            self.prometheus.stop()

    def admin(self):
        return (self.folder / "data/cli.token").read_text().strip()

    def ask(self, method, path, body=None, headers=None, port=None):
        """(status, headers, body)"""
        return ask(port or self.port, method, path, body, headers)

    def cli(self, *words, check=True):
        environment = {**os.environ, "ROLLCALL_SERVER": self.url, "ROLLCALL_TOKEN": self.admin()}
        done = subprocess.run([BUILD / "rollcall", *words], env=environment, capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, f"rollcall {' '.join(map(str, words))}: {done.stdout}{done.stderr}"
        return done.stdout

    def token(self, name, scope="decide"):
        return self.cli("token", "create", name, "--scope", scope).strip().splitlines()[-1]

    def trouble(self):
        return self.serve.tail(40)

    # ---- the application ----

    def object(self, kind, name):
        status, _, body = self.ask("GET", f"/api/v1/objects/{kind}/default/{name}",
                                   headers={"Authorization": f"Bearer {self.admin()}"})
        if status != 200:
            raise rig.NotYet(f"{status} {body[:200]}")
        return json.loads(body)

    def patch(self, kind, name, change):
        status, _, body = self.ask("PATCH", f"/api/v1/objects/{kind}/default/{name}", json.dumps(change),
                                   {"Authorization": f"Bearer {self.admin()}"})
        assert status == 200, body

    def apply(self, *documents):
        file = self.folder / "more.json"
        for document in documents:
            file.write_text(json.dumps(document))
            self.cli("apply", "-f", file)

    def prepare(self, gates="confirm-rollout,confirm-promotion", analysis=None):
        """The seed's application, initialized, with gates."""
        self.cli("apply", "-f", SEED / "podinfo.yaml", "-f", SEED / "podinfo-canary.yaml")
        change = {"metadata": {"annotations": {"rollcall.dev/gates": gates}},
                  "spec": {"analysis": {"webhooks": None, "interval": "1s", **(analysis or {})}}}
        if self.metrics:
            self.apply(*({"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate",
                          "metadata": {"name": m["name"], "namespace": "default"},
                          "spec": {"provider": {"type": "prometheus", "address": self.prometheus.base_url},
                                   "query": m["name"]}} for m in METRICS))
            change["spec"]["analysis"]["metrics"] = METRICS
        self.patch("Canary", NAME, change)
        self.wait_phase("Initialized", 120)

    def release(self, color, **variables):
        """Another image, and variables of its container."""
        if not variables:
            self.cli("set-image", "podinfo", f"podinfod={IMAGE}:{color}")
            return
        container = self.object("Deployment", "podinfo")["spec"]["template"]["spec"]["containers"][0]
        container["image"] = f"{IMAGE}:{color}"
        container["env"] = [{"name": k, "value": v} for k, v in variables.items()]
        self.patch("Deployment", "podinfo", {"spec": {"template": {"spec": {"containers": [container]}}}})

    def phase(self):
        return self.object("Canary", NAME).get("status", {}).get("phase", "")

    def wait_phase(self, phase, timeout=60):
        rig.wait_for(lambda: self.phase() == phase, timeout, lambda: f"{NAME} is {phase}\n{self.trouble()}")

    # ---- people ----

    def sign_in(self, page, name):
        page.go(self.url)
        page.click("button", name)
        page.shows("Live")
        return page
