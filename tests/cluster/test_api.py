"""The REST API, the gates of a stock Flagger, and the command line against a service that runs: no pods are needed,
because everything that is asked stands before the first of them."""

import contextlib
import copy
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import controlplane  # noqa: E402
import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
DONE, FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE = range(6)
NAME = "api"


def waiting_canary(name, annotations):
    """A Canary at rest whose target has a new revision, so that it asks before its first pod; four objects."""
    target = copy.deepcopy(objects.DEPLOYMENT)
    target["metadata"].update(name=name, labels={"app": name})
    target["spec"].update(replicas=0, selector={"matchLabels": {"app": name}})
    target["spec"]["template"]["metadata"]["labels"] = {"app": name}
    primary = copy.deepcopy(target)
    primary["metadata"].update(name=f"{name}-primary", labels={"app": f"{name}-primary"})
    primary["spec"]["selector"] = {"matchLabels": {"app": f"{name}-primary"}}
    primary["spec"]["template"]["metadata"] = {"labels": {"app": f"{name}-primary"}, "annotations": {"flagger-id": "x"}}
    ingress = objects.ingress(host=f"{name}.example.com", service=name)
    ingress["metadata"]["name"] = name
    canary = objects.canary(name=name, annotations=annotations, interval="10s")
    canary["spec"]["targetRef"]["name"] = canary["spec"]["ingressRef"]["name"] = name
    canary["status"] = {"phase": "Initialized", "failedChecks": 0, "canaryWeight": 0, "iterations": 0,
                        "lastAppliedSpec": "9999999999", "lastPromotedSpec": "9999999999",
                        "conditions": [{"type": "Promoted", "status": "True", "reason": "Initialized"}]}
    return target, primary, ingress, canary


class Service:
    """`rollcall serve` on a control plane, without channels."""

    def __init__(self, plane, name):
        self.folder = rig.scratch_folder(name)
        self.plane = plane
        self.port, self.admin_port = rig.free_port(), rig.free_port()
        self.config = self.folder / "config.yaml"
        self.configure()
        self.process = None

    def configure(self, policies=None, level="info", **more):
        policies = policies or "default: {approvers: [group:sre], quorum: 2}"
        tls = f", tls: {{cert: {more['cert']}, key: {more['key']}}}" if "cert" in more else ""
        self.config.write_text(f"""
listen: {{address: "127.0.0.1:{self.port}", admin: "127.0.0.1:{self.admin_port}"{tls}}}
data_dir: {self.folder}/data
log: {{level: {level}, format: logfmt}}
cluster: {{kubeconfig: {self.plane.kubeconfig["rollcall"]}, name: test}}
users:
  lin: {{identities: ["token:lin"], groups: [sre]}}
  zhao: {{identities: ["token:zhao"], groups: [sre]}}
policies: {{{policies}}}
gates: {{allow_cidrs: {more.get("cidrs", "[]")}}}
""")

    def start(self):
        self.process = rig.Process("serve", [BUILD / "rollcall", "serve", "--config", self.config],
                                   self.folder / "serve.log").start()
        self.process.wait_ready(lambda: self.admin("/readyz")[0] == 200, 30, "it is ready")
        return self

    def stop(self):
        """SIGTERM; the exit code."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(10)

    def admin(self, path):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def ask(self, method, path, body=None, token=None, **headers):
        """(status, JSON or text)"""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            if token:
                headers["Authorization"] = f"Bearer {token}"
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path, text, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            read = answer.read().decode()
            is_json = answer.getheader("Content-Type", "").startswith("application/json")
            return answer.status, json.loads(read) if is_json else read

    def cli(self, *words, token=None):
        """(exit code, standard output, standard error); without a token: with the one that the service left."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")}
        environment.update(ROLLCALL_SERVER=f"http://127.0.0.1:{self.port}", ROLLCALL_DATA_DIR=str(self.folder / "data"))
        if token:
            environment["ROLLCALL_TOKEN"] = token
        done = subprocess.run([BUILD / "rollcall", *words], env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def token(self, name, scope):
        code, out, err = self.cli("token", "create", name, "--scope", scope)
        assert code == DONE, err
        return out.strip()


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = controlplane.shared()
        cls.kube = cls.plane.client("admin")
        cls.kube.empty_namespace("default")
        cls.service = Service(cls.plane, "api").start()
        cls.reader = cls.service.token("reader", "read")
        cls.lin = cls.service.token("lin", "decide")
        cls.zhao = cls.service.token("zhao", "decide")
        cls.guest = cls.service.token("guest", "decide")

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.kube.empty_namespace("default")
        cls.kube.close()
        output = cls.service.process.output()
        assert code == 0, cls.service.process.tail()
        for bad in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "Assertion", "level=error"):
            assert bad not in output, f"{bad}\n{cls.service.process.tail(60)}"

    def setUp(self):
        self.plane.assert_running()

    def canary(self, name, annotations=None, phase="Waiting"):
        for body in waiting_canary(name, annotations or {"rollcall.dev/gates": "confirm-rollout"}):
            self.kube.create(body)
            if body.get("status"):
                self.kube.patch(body["kind"], name, {"status": body["status"]}, subresource="status")
        rig.wait_for(lambda: self.rollout(name)["revision"], 30,
                     lambda: f"{name} is known\n{self.service.process.tail(30)}")
        self.kube.set_image(name, "podinfod", f"{story.IMAGE}:green")
        rig.wait_for(lambda: self.rollout(name).get("phase") == phase, 30,
                     lambda: f"{name} is {phase}\n{self.service.process.tail(30)}")

        rig.wait_for(lambda: self.approvals(name), 30, f"{name} is asked about")

    def approvals(self, name):
        return self.service.ask("GET", f"/api/v1/rollouts/default/{name}/approvals", token=self.reader)[1]["approvals"]

    def rollout(self, name):
        return self.service.ask("GET", f"/api/v1/rollouts/default/{name}", token=self.reader)[1]

    # -- who may ask --------------------------------------------------------------------------------------------------

    def test_every_door_wants_a_token(self):
        doors = [("GET", "/api/v1/rollouts"), ("GET", "/api/v1/rollouts/a/b"), ("GET", "/api/v1/approvals"),
                 ("GET", "/api/v1/rollouts/a/b/approvals"), ("GET", "/api/v1/rollouts/a/b/who"),
                 ("GET", "/api/v1/history"), ("GET", "/api/v1/outbox"), ("GET", "/api/v1/events"),
                 ("GET", "/api/v1/tokens"), ("GET", "/api/v1/version"), ("POST", "/api/v1/tokens"),
                 ("POST", "/api/v1/rollouts/a/b/promote"), ("POST", "/api/v1/outbox/1/retry"),
                 ("DELETE", "/api/v1/tokens/lin"), ("POST", "/gate/check"), ("POST", "/gate/open"),
                 ("POST", "/gate/close"), ("POST", "/rollback/check"), ("POST", "/rollback/open"),
                 ("POST", "/api/v1/apply"), ("GET", "/api/v1/objects/pods"), ("GET", "/api/v1/objects/pods/a/b"),
                 ("DELETE", "/api/v1/objects/pods/a/b"), ("POST", "/api/v1/objects/deployments/a/b/image")]
        for method, path in doors:
            for token in (None, "rct_" + "x" * 43, "", "Bearer"):
                with self.subTest(f"{method} {path} {token}"):
                    body = "{}" if method == "POST" else None
                    status, answer = self.service.ask(method, path, body, token=token)
                    self.assertEqual(status, 401)
                    self.assertIn("token", answer["error"])

    def test_a_scope_is_a_limit(self):
        for method, path, body in (("POST", "/api/v1/rollouts/default/x/promote", {}), ("POST", "/gate/open", {})):
            status, answer = self.service.ask(method, path, body, token=self.reader)
            self.assertEqual((status, answer["error"]), (403, 'token "reader" has the scope read, and this needs decide'))
        for method, path in (("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/tokens/reader"),
                             ("POST", "/api/v1/outbox/all/retry")):
            body = {} if method == "POST" else None
            status, answer = self.service.ask(method, path, body, token=self.lin)
            self.assertEqual((status, answer["error"]), (403, 'token "lin" has the scope decide, and this needs admin'))

    def test_objects_are_the_business_of_kubectl(self):
        for words in (("apply", "-f", story.SEED / "podinfo.yaml"), ("get", "pods"), ("set-image", "a", "b=c"),
                      ("delete", "pod", "x")):
            with self.subTest(words):
                self.assertEqual(self.service.cli(*words), (FAILED, "", f"rollcall {words[0]}: this service works on a "
                                                            "Kubernetes cluster (use kubectl)\n"))
        self.assertIsNone(self.kube.find("Deployment", "podinfo"))

    def test_a_revoked_token_opens_nothing(self):
        token = self.service.token("brief", "read")
        self.assertEqual(self.service.ask("GET", "/api/v1/version", token=token)[0], 200)
        self.assertEqual(self.service.cli("token", "revoke", "brief")[0], DONE)
        self.assertEqual(self.service.ask("GET", "/api/v1/version", token=token)[0], 401)
        self.assertEqual(self.service.cli("list", token=token)[0], REFUSED)

    def test_an_expired_token_opens_nothing(self):
        code, out, err = self.service.cli("token", "create", "short", "--scope", "read", "--expires", "100ms")
        self.assertEqual(code, DONE, err)
        rig.wait_for(lambda: self.service.ask("GET", "/api/v1/version", token=out.strip())[0] == 401, 10, "it expires")

    # -- what comes in ------------------------------------------------------------------------------------------------

    def test_bad_bodies_are_told_what_is_wrong(self):
        for body, said in {
            "{": "line 1", "[]": "the body must be a JSON object", '{"a":1,"a":2}': "",
            '{"reson": "x"}': 'unknown member "reson"; did you mean "reason"?',
            '{"reason": 7}': "reason must be text", '{"override": "yes"}': "override must be true or false",
            '{"weight": 5}': "weight belongs to the verb weight", json.dumps({"reason": "x" * 3000}): "longer than",
        }.items():
            with self.subTest(body[:40]):
                status, answer = self.service.ask("POST", "/api/v1/rollouts/default/none/promote", body, token=self.lin)
                self.assertEqual(status, 400)
                self.assertIn(said, answer["error"])
        for body in ({}, {"weight": -1}, {"weight": 101}, {"weight": 1.5}, {"weight": "5"}):
            status, _ = self.service.ask("POST", "/api/v1/rollouts/default/none/weight", body, token=self.lin)
            self.assertEqual(status, 400, body)
        status, answer = self.service.ask("POST", "/api/v1/rollouts/default/none/promte", {}, token=self.lin)
        self.assertEqual((status, answer["error"]), (404, 'there is no verb "promte"; did you mean "promote"?'))
        self.assertEqual(self.service.ask("POST", "/api/v1/tokens", {"name": "x"}, token=self.lin)[0], 403)
        self.assertEqual(self.service.ask("GET", "/api/v1/history?limit=0", token=self.lin)[0], 400)
        self.assertEqual(self.service.ask("GET", "/nothing", token=self.lin)[0], 404)
        self.assertEqual(self.service.ask("POST", "/api/v1/rollouts", {}, token=self.lin)[0], 405)

    # -- a decision ---------------------------------------------------------------------------------------------------

    def test_two_people_decide_and_the_record_says_so(self):
        name = "decide"
        self.canary(name)
        rollout = self.rollout(name)
        self.assertEqual(rollout["gate"]["type"], "confirm-rollout")
        open_one, = [a for a in self.service.ask("GET", "/api/v1/approvals", token=self.reader)[1]["approvals"]
                     if a["name"] == name]
        self.assertEqual((open_one["state"], open_one["quorum"], open_one["approvals"]), ("open", 2, 0))

        code, out, err = self.service.cli("approve", name, token=self.guest)
        self.assertEqual((code, out), (REFUSED, ""))
        self.assertIn("you may not approve under policy default", err)
        code, out, err = self.service.cli("approve", f"default/{name}", "looks", "good", token=self.lin)
        self.assertEqual(code, DONE, err)
        self.assertIn("1 of 2", out)
        self.assertEqual(self.rollout(name)["phase"], "Waiting")
        status, answer = self.service.ask("POST", f"/api/v1/rollouts/default/{name}/approve",
                                          {"request": open_one["id"], "revision": "another"}, token=self.zhao)
        self.assertEqual(status, 409)
        code, out, err = self.service.cli("approve", "-n", "default", name, token=self.zhao)
        self.assertEqual(code, DONE, err)
        rig.wait_for(lambda: self.rollout(name)["phase"] == "Progressing", 20, "it goes on")

        code, out, _ = self.service.cli("who", name, token=self.reader)
        self.assertEqual(code, DONE)
        self.assertIn("lin approved via cli: looks good", out)
        rows = json.loads(self.service.cli("history", name, "-o", "json")[1])
        votes = [(row["actor"], row["outcome"]) for row in rows if row["action"] in ("vote.approve", "refused")]
        self.assertEqual(votes[0][0], "guest")
        self.assertEqual([who for who, _ in votes[1:]], ["lin", "zhao", "zhao"])
        self.assertEqual({row["object"] for row in rows}, {f"test/default/{name}"})
        code, _, err = self.service.cli("approve", name, token=self.lin)
        self.assertEqual(code, NOT_FOUND)
        self.assertIn("nothing waits for a decision", err)

    def test_a_vote_with_the_same_key_counts_once(self):
        self.canary("twice")
        for expected in (202, 202):
            status, answer = self.service.ask("POST", "/api/v1/rollouts/default/twice/approve", {}, token=self.lin,
                                              Idempotency_Key="k1")
            self.assertIn(status, (expected, 409), answer)
        self.assertEqual(len(self.approvals("twice")[0]["votes"]), 1)

    def test_a_verb_is_carried_out_or_refused(self):
        self.canary("verbs")
        code, _, err = self.service.cli("rollback", "verbs", "bad latency", token=self.guest)
        self.assertEqual(code, REFUSED)
        self.assertIn("you may not roll back", err)
        code, _, err = self.service.cli("rollback", "verbs", "--revision", "another", token=self.lin)
        self.assertNotEqual(code, USAGE)
        code, out, err = self.service.cli("rollback", "verbs", "bad", "latency", token=self.lin)
        self.assertEqual(code, DONE, err)
        self.assertIn("rollback of default/verbs asked for by lin", out)
        rig.wait_for(lambda: self.rollout("verbs")["phase"] == "Failed", 20, "it is rolled back")
        code, _, err = self.service.cli("rollback", "nobody", token=self.lin)
        self.assertEqual((code, err), (NOT_FOUND, 'rollcall rollback: there is no rollout "nobody"\n'))

    # -- what is shown ------------------------------------------------------------------------------------------------

    def test_list_and_status(self):
        self.canary("shown")
        code, out, _ = self.service.cli("list", token=self.reader)
        self.assertEqual(code, DONE)
        head, *rows = out.splitlines()
        self.assertEqual(head.split(), ["NAMESPACE", "NAME", "PHASE", "WEIGHT", "STEP", "WAITS", "FOR", "AGE"])
        row, = [row for row in rows if row.split()[1] == "shown"]
        self.assertEqual(row.split()[:6], ["default", "shown", "Waiting", "0%", "0/2", "confirm-rollout"])
        self.assertNotIn("\033", out)
        self.assertIn("default/shown\n", self.service.cli("list", "-o", "name")[1])
        self.assertEqual(self.service.cli("list", "-n", "elsewhere", "-o", "name")[:2], (DONE, ""))
        self.assertIn("shown", {each["name"] for each in json.loads(self.service.cli("list", "-o", "json")[1])})
        code, out, _ = self.service.cli("status", "default/shown")
        self.assertEqual(code, DONE)
        self.assertEqual(out.split()[:5], ["shown", "default", "Waiting", "step", "0/2"])
        self.assertIn("confirm-rollout ○ default, 0 of 2", out)
        self.assertEqual(self.service.cli("status", "default/hidden")[0], NOT_FOUND)
        self.assertEqual(self.service.cli("status", "hidden")[0], NOT_FOUND)
        self.assertEqual(json.loads(self.service.cli("status", "shown", "-o", "json")[1])["uid"], self.rollout("shown")["uid"])

    def test_events_are_a_stream_that_begins_with_what_is(self):
        self.canary("stream")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=20)) as connection:
            connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {self.reader}"})
            answer = connection.getresponse()
            self.assertEqual(answer.getheader("Content-Type"), "text/event-stream")
            first = self.event(answer)
            self.assertEqual(first["event"], "rollouts")
            self.assertIn("stream", [each["name"] for each in json.loads(first["data"])])
            self.assertEqual(self.service.cli("approve", "stream", token=self.lin)[0], DONE)
            self.assertEqual(self.service.cli("approve", "stream", token=self.zhao)[0], DONE)
            seen = {}
            while json.loads(seen.get("data", "{}")).get("rollout", {}).get("phase") != "Progressing":
                seen = self.event(answer)
                self.assertTrue(seen["id"])

    def event(self, answer):
        fields = {}
        while True:
            line = answer.fp.readline().decode().rstrip("\n")
            if not line and fields:
                return fields
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value

    def test_health_and_metrics(self):
        self.assertEqual(self.service.admin("/healthz"), (200, "OK"))
        self.assertEqual(self.service.admin("/readyz"), (200, "OK"))
        status, text = self.service.admin("/metrics")
        self.assertEqual(status, 200)
        for name in ("rollcall_build_info", "process_resident_memory_bytes", "rollcall_ticks_total"):
            self.assertIn(f"# TYPE {name} ", text)
        self.assertEqual(self.service.admin("/api/v1/rollouts")[0], 404)
        self.assertEqual(self.service.ask("GET", "/metrics")[0], 404)

    # -- gates --------------------------------------------------------------------------------------------------------

    def gate(self, path, name, token=None):
        payload = {"name": name, "namespace": "default", "phase": "Waiting", "checksum": "x", "metadata": {"a": "b"}}
        return self.service.ask("POST", path, payload, token=token)

    def test_a_gate_opens_when_people_have_said_so(self):
        self.canary("gate")
        self.assertEqual(self.gate("/gate/check", "gate", self.reader), (403, "Forbidden"))
        self.assertEqual(self.gate("/gate/check", "nobody", self.reader), (403, "Forbidden"))
        self.assertEqual(self.gate("/gate/open", "gate", self.guest)[0], 403)
        self.assertEqual(self.gate("/gate/check", "gate", self.reader), (403, "Forbidden"))
        self.assertEqual(self.gate("/gate/open", "gate", self.lin)[0], 202)
        self.assertEqual(self.gate("/gate/check", "gate", self.reader), (403, "Forbidden"))
        self.assertEqual(self.gate("/gate/close", "gate", self.lin)[0], 202)
        self.assertEqual(self.gate("/gate/approve", "gate"), (200, "OK"))
        self.assertEqual(self.gate("/gate/halt", "gate"), (403, "Forbidden"))
        self.assertEqual(self.service.ask("POST", "/gate/check", "no json", token=self.reader)[0], 400)

    def test_a_rejected_revision_asks_to_be_rolled_back(self):
        self.canary("reverse", {"rollcall.dev/gates": "confirm-rollout", "rollcall.dev/policy": "default"})
        self.assertEqual(self.gate("/rollback/check", "reverse", self.reader), (403, "Forbidden"))
        self.assertEqual(self.service.cli("reject", "reverse", "no", token=self.lin)[0], DONE)
        rig.wait_for(lambda: self.rollout("reverse")["phase"] == "Failed", 20, "it is rolled back")


class Reload(unittest.TestCase):
    """A service of its own, because its configuration changes."""

    def setUp(self):
        self.plane = controlplane.shared()
        self.service = Service(self.plane, "reload").start()
        self.addCleanup(self.service.process.stop)

    def reload(self, said):
        before = self.service.process.output().count(said)
        os.kill(self.service.process.pid, signal.SIGHUP)
        rig.wait_for(lambda: self.service.process.output().count(said) > before, 10,
                     lambda: f"{said}\n{self.service.process.tail(20)}")

    def test_all_or_nothing(self):
        gate = {"name": "x", "namespace": "default"}
        self.service.configure(level="debug")
        self.reload("event=config_reloaded keys_changed=1")
        self.service.configure(level="loud")
        self.reload("event=config_kept")
        self.assertIn("event=config_mistake", self.service.process.output())
        self.assertIn('\\"loud\\" is not one of', self.service.process.output())
        self.service.configure(level="debug", cidrs="[127.0.0.0/8]")
        self.assertEqual(self.service.ask("POST", "/gate/check", gate)[0], 401)
        self.reload("event=restart_needed key=gates.allow_cidrs")
        self.assertEqual(self.service.ask("POST", "/gate/check", gate)[0], 401)
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        self.assertEqual(self.service.ask("POST", "/gate/check", gate), (403, "Forbidden"))
        rows = json.loads(self.service.cli("history", "-o", "json")[1])
        self.assertEqual([(row["action"], row["outcome"]) for row in rows],
                         [("start", "ok"), ("config.changed", "ok"), ("config.changed", "refused"),
                          ("config.changed", "ok"), ("stop", "ok"), ("start", "ok")])
        self.assertEqual(self.service.stop(), 0)
        self.assertNotIn("Sanitizer", self.service.process.output())

    def test_a_certificate_is_renewed_in_place(self):
        cert, key = self.certificate("one")
        self.service.stop()
        self.service.configure(cert=cert, key=key)
        self.service.start()
        self.assertEqual(self.subject(), "one")
        self.certificate("two")
        self.assertEqual(self.subject(), "one")
        self.reload("event=config_reloaded")
        self.assertEqual(self.subject(), "two")
        Path(cert).write_text("nonsense")
        self.reload("event=config_kept")
        self.assertEqual(self.subject(), "two")
        self.assertEqual(self.service.stop(), 0)

    def certificate(self, subject):
        cert, key = self.service.folder / "cert.pem", self.service.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={subject}",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        return cert, key

    def subject(self):
        pem = ssl.get_server_certificate(("127.0.0.1", self.service.port), timeout=10)
        shown = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, text=True,
                               check=True).stdout
        return shown.strip().rsplit("=", 1)[1].strip()


if __name__ == "__main__":
    unittest.main()
