"""`rollcall serve` on one machine, with one Canary that waits for people: for suites about its doors. No control plane, no
nginx, two pods."""

import copy
import http.client
import json
import os
import subprocess
from dataclasses import dataclass, field

import objects
import rig
from story import BUILD, IMAGE

NAME = "podinfo"


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict = field(default_factory=dict)

    def json(self):
        return json.loads(self.body)


class Service:
    def __init__(self, name, extra="", policies="{default: {approvers: [\"token:local\"], self_approval: true}}"):
        self.folder = rig.scratch_folder(name)
        self.port, self.admin_port = rig.free_port(), rig.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.round = 0
        self.config = self.folder / "config.yaml"
        self.config.write_text(f"""
listen: {{address: "127.0.0.1:{self.port}", admin: "127.0.0.1:{self.admin_port}"}}
public_url: {self.url}
data_dir: {self.folder}/data
log: {{level: debug, format: logfmt}}
cluster: {{embedded: true, name: here}}
node:
  addresses: 127.{20 + os.getpid() % 200}.0.0/16
  images:
    - image: "{IMAGE}:*"
      command: ["{BUILD}/rollouts-demo", --address, "{{address}}", --port, "{{port}}", --color, "{{tag}}"]
policies: {policies}
{extra}
""")

    def start(self):
        self.process = rig.Process("serve", [BUILD / "rollcall", "serve", "--config", self.config],
                                   self.folder / "serve.log").start()
        self.process.wait_ready(lambda: self.ask("GET", "/readyz", port=self.admin_port).status == 200, 30, "ready")
        return self

    def close(self):
        if not self.process.alive() and self.process.exit_code < 0:
            self.start()  # what a killed one has left is its to end
        self.process.stop(60)
        self.assert_healthy()

    def assert_healthy(self):
        output = self.process.output()
        for bad in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "Assertion"):
            assert bad not in output, f"{bad}\n{self.process.tail(80)}"

    def token(self):
        return (self.folder / "data/cli.token").read_text().strip()

    def ask(self, method, path, body=None, headers=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, raw, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()})
        finally:
            connection.close()

    def api(self, method, path, body=None, token=None):
        return self.ask(method, "/api/v1" + path, body, {"Authorization": f"Bearer {token or self.token()}"})

    def cli(self, *words, token=None):
        environment = {**os.environ, "ROLLCALL_SERVER": self.url, "ROLLCALL_TOKEN": token or self.token()}
        return subprocess.run([BUILD / "rollcall", *words], env=environment, capture_output=True, text=True, timeout=60,
                              check=False)

    # -- the Canary ----------------------------------------------------------------------------------------------------

    def apply(self, *bodies):
        file = self.folder / "apply.json"
        for body in bodies:
            file.write_text(json.dumps(body))
            done = self.cli("apply", "-f", file)
            assert done.returncode == 0, done.stderr

    def canary(self, gates="confirm-rollout", name=NAME, labels=None, **analysis):
        """An application of one pod whose Canary asks before a rollout."""
        target = copy.deepcopy(objects.DEPLOYMENT)
        target["metadata"].update(name=name, labels={"app": name})
        target["spec"].update(replicas=1, selector={"matchLabels": {"app": name}})
        target["spec"]["template"]["metadata"]["labels"] = {"app": name}
        front = objects.ingress(host=f"{name}.example.com", service=name)
        front["metadata"]["name"] = name
        body = objects.canary(name=name, annotations={"rollcall.dev/gates": gates} if gates else {}, **analysis)
        body["metadata"]["labels"] = labels or {"app": name}
        body["spec"]["targetRef"]["name"] = body["spec"]["ingressRef"]["name"] = name
        self.apply(target, front, body)
        rig.wait_for(lambda: self.phase(name) == "Initialized", 60, lambda: f"{name} is initialized\n{self.trouble()}")

    def release(self, name=NAME):
        """A new revision; answers its tag."""
        self.round += 1
        tag = f"r{self.round}x"
        done = self.cli("set-image", name, f"podinfod={IMAGE}:{tag}")
        assert done.returncode == 0, done.stderr
        return tag

    def rollout(self, name=NAME):
        return self.api("GET", f"/rollouts/default/{name}").json()

    def phase(self, name=NAME):
        return self.rollout(name).get("phase")

    def wait_phase(self, *phases, name=NAME, timeout=60):
        return rig.wait_for(lambda: self.phase(name) in phases, timeout,
                            lambda: f"{name} is {' or '.join(phases)}\n{self.trouble()}")

    def wait_gate(self, name=NAME, timeout=60):
        """Waits for the question of the newest release."""
        return rig.wait_for(lambda: (self.rollout(name)["gate"] and f"r{self.round}x" in
                                     self.rollout(name)["canary"]["images"]) or None, timeout,
                            lambda: f"{name} waits at a gate\n{self.trouble()}")

    def history(self):
        return self.api("GET", "/history?limit=1000").json()["history"]

    def trouble(self):
        return self.process.tail(40)
