"""One machine without Kubernetes: a service with an embedded cluster, its pods and its nginx."""

import http.client
import json
import os
import unittest
from pathlib import Path

import rig
import seed
import story
from story import BUILD, IMAGE


class ApiError(rig.NotYet):
    pass


class Objects:
    """What story.Scene asks of a cluster, answered by the service's own API."""

    def __init__(self, scene):
        self.scene = scene

    def ask(self, method, path, body=None, token=None):
        """(status, the answer)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.scene.port, timeout=20)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {token or self.scene.admin_token()}"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def find(self, kind, name, **_):
        status, answer = self.ask("GET", f"/api/v1/objects/{kind}/default/{name}")
        if status not in (200, 404):
            raise ApiError(f"{status} {answer}")
        return answer if status == 200 else None

    def get(self, kind, name):
        found = self.find(kind, name)
        if found is None:
            raise ApiError(f"no {kind} {name}")
        return found

    def list(self, kind):
        status, answer = self.ask("GET", f"/api/v1/objects/{kind}?ns=default")
        if status != 200:
            raise ApiError(f"{status} {answer}")
        return answer["items"]

    def patch(self, kind, name, change):
        status, answer = self.ask("PATCH", f"/api/v1/objects/{kind}/default/{name}", json.dumps(change))
        if status != 200:
            raise ApiError(f"{status} {answer}")
        return answer


class Machine(story.Scene):
    """A service with an embedded cluster, and nothing else."""

    def __init__(self, name, number, extra=""):  # the other scene's fakes and control plane are not wanted
        self.folder = rig.scratch_folder(name)
        self.port, self.admin_port, self.web_port = rig.free_port(), rig.free_port(), rig.free_port()
        self.kube, self.node, self.serve, self.starts = Objects(self), None, None, 0
        self.network = f"127.{20 + (os.getpid() + number) % 200}"
        self.config = self.folder / "config.yaml"
        self.config.write_text(f"""
listen: {{address: "127.0.0.1:{self.port}", admin: "127.0.0.1:{self.admin_port}"}}
data_dir: {self.folder}/data
log: {{level: debug, format: logfmt}}
cluster: {{embedded: true, name: here}}
controller: {{egress: {{private: true}}}}
node:
  addresses: {self.network}.0.0/16
  images:
    - image: "{IMAGE}:*"
      command: ["{BUILD}/rollouts-demo", --address, "{{address}}", --port, "{{port}}", --color, "{{tag}}"]
  nginx: {{listen: "127.0.0.1:{self.web_port}"}}
{extra}
""")

    def admin_token(self):
        return (self.folder / "data/cli.token").read_text().strip()

    def token(self, name):
        return self.admin_token()

    def close(self):
        if self.serve and not self.serve.alive():
            self.start()  # what a killed one has left is its to end
        if self.serve:
            self.serve.stop(60)

    def processes(self):
        """The processes of pods and of nginx: those that listen in our network or at our port, by /proc."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"--address {self.network}." in line or f"{self.folder}/data/node" in line:
                found.append((int(folder.name), line))
        return found

    def pods(self):
        return sorted(pid for pid, line in self.processes() if "rollouts-demo" in line)


class Ordered(seed.Ordered):
    """A story on a machine of its own."""

    @classmethod
    def begin(cls, name, number, extra=""):
        for program in ("rollcall", "rollouts-demo"):
            if not (BUILD / program).exists():
                raise unittest.SkipTest(f"{BUILD / program} has not been built")
        cls.scene = Machine(name, number, extra)
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.scene.start()

    def approve(self):
        self.scene.until_approved(seed.NAME, "local")
