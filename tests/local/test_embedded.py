"""One machine without Kubernetes: `rollcall serve` with cluster.embedded, the seed's manifests byte for byte, a real nginx,
everything by the command line."""

import concurrent.futures
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
import seed  # noqa: E402
import story  # noqa: E402
from machine import Ordered  # noqa: E402
from seed import MANUAL, NAME, TABLE  # noqa: E402
from story import BUILD, IMAGE, SEED  # noqa: E402

DONE, FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE = range(6)


class Story(seed.Seed, Ordered):
    """The manifests that users have, untouched."""

    @classmethod
    def setUpClass(cls):
        cls.begin("seed", 0)

    def put_application(self):
        code, out, err = self.scene.cli("apply", "-f", SEED / "podinfo.yaml", token=self.scene.admin_token())
        self.assertEqual((out, err), ("deployment/podinfo created\nservice/my-podinfo-svc created\n"
                                      "ingress/podinfo created\n", ""))
        self.assertEqual(self.scene.cli("apply", "-f", SEED / "podinfo.yaml")[1],
                         "deployment/podinfo unchanged\nservice/my-podinfo-svc unchanged\ningress/podinfo unchanged\n")

    def put_canary(self):
        self.assertEqual(self.scene.cli("apply", "-f", SEED / "podinfo-canary.yaml")[1], f"canary/{NAME} created\n")

    def set_image(self, tag):
        self.assertEqual(self.scene.cli("set-image", "podinfo", f"podinfod={IMAGE}:{tag}")[1],
                         "deployment/podinfo image set\n")

    def agree(self, gate, tag):
        self.approve()

    def agree_to_a_step(self):
        self.approve()

    def test_12_what_runs_is_shown(self):
        self.assertRegex(self.scene.cli("get", "deployments")[1],
                         r"NAMESPACE +NAME +READY +UP-TO-DATE +AVAILABLE +AGE\n(.*\n)?default +podinfo-primary +4/4 +4 +")
        rig.wait_for(lambda: len(self.scene.cli("get", "pods", "-o", "name")[1].splitlines()) == 4, 30, "four pods")
        self.assertRegex(self.scene.cli("get", "pods", "-o", "wide")[1], rf"1/1 +Running +0 .*{self.scene.network}\.")

    def test_25_it_says_who_asked(self):
        self.assertRegex(self.scene.cli("status", NAME)[1], r"asked by +token:local")

    def test_70_the_record_names_who_put_what(self):
        rows = json.loads(self.scene.cli("history", "--limit", "500", "-o", "json")[1])
        told = [(r["actor"], r["action"], r["object"], r["outcome"]) for r in rows]
        for row in (("token:local", "object.apply", "here/default/podinfo", "created"),
                    ("token:local", "object.apply", "here/default/podinfo", "unchanged"),
                    ("token:local", "object.patch", f"here/default/{NAME}", "ok"),
                    ("token:local", "object.image", "here/default/podinfo", "ok")):
            self.assertIn(row, told)

    def test_80_an_orderly_end_ends_the_pods(self):
        self.assertEqual(len(self.scene.pods()), 4)
        self.assertEqual(self.scene.serve.stop(60), 0)
        self.assertEqual(self.scene.processes(), [])
        code, out, _ = self.scene.cli("audit", "verify", "--data-dir", self.scene.folder / "data")
        self.assertRegex(out, r"\d+ rows, whole")
        self.scene.start()
        self.serve_is("green")
        self.scene.assert_healthy()


def quick(text):
    """The seed's objects with faster probes and steps."""
    for pattern, value in ((r"minReadySeconds: \d+", "minReadySeconds: 0"), (r"interval: \w+", "interval: 1s"),
                           (r"initialDelaySeconds: \d+", "initialDelaySeconds: 0"),
                           (r"periodSeconds: \d+", "periodSeconds: 1"),
                           (r"terminationGracePeriodSeconds: \d+", "terminationGracePeriodSeconds: 5")):
        text = re.sub(pattern, value, text)
    return text


class Killed(Ordered):
    """kill -9 of the service in the middle of a rollout."""

    @classmethod
    def setUpClass(cls):
        cls.begin("killed", 1)

    def test_1_initialized(self):
        all_in_one = self.scene.folder / "all.yaml"
        all_in_one.write_text(quick((SEED / "podinfo.yaml").read_text() + "\n---\n"
                                    + (SEED / "podinfo-canary.yaml").read_text()))
        self.assertEqual(len(self.scene.cli("apply", "-f", all_in_one)[1].splitlines()), 4)
        self.scene.wait_phase("Initialized", timeout=60)
        self.serve_is("blue")

    def test_2_it_goes_on_where_it_was(self):
        load = story.Load(self.scene.web_port)
        load.start()
        self.kube.patch("Canary", NAME, MANUAL)
        self.scene.cli("set-image", "podinfo", f"podinfod={IMAGE}:green")
        for weight in TABLE:
            with self.subTest(weight=weight):
                self.approve()
                if weight in (40, 80):  # the decision is on disk; how far the step has come is chance
                    before = set(self.scene.pods())
                    self.scene.serve.kill9()
                    self.assertLessEqual(before, set(self.scene.pods()), "pods and nginx outlive the service")
                    self.scene.start()
                self.walk_to(weight, requests=1000)
        self.scene.wait_phase("Succeeded", timeout=60)
        self.serve_is("green")
        self.assertEqual(load.stop().failures, [])
        self.scene.assert_healthy()

    def test_3_after_a_crash_the_same_processes_serve(self):
        rig.wait_for(lambda: len(self.scene.pods()) == 4, 30, lambda: f"four pods are left: {self.scene.processes()}\n"
                     f"{self.scene.cli('get', 'pods', '-o', 'wide')[1]}")
        pods = self.scene.pods()
        load = story.Load(self.scene.web_port)
        load.start()
        self.scene.serve.kill9()
        self.assertEqual(self.scene.pods(), pods)
        self.scene.start()
        self.serve_is("green")
        self.assertEqual(self.scene.pods(), pods)
        self.assertEqual(load.stop().failures, [])

    def test_4_a_process_that_was_not_written_down_is_ended(self):
        pod, spared = self.kube.list("Pod")[:2]
        lost = int(pod["status"]["containerStatuses"][0]["containerID"].rsplit("/", 1)[-1])
        self.assertIn(lost, self.scene.pods())
        mark = f"ROLLCALL_CONTAINER=rollcall/{spared['metadata']['uid']}/podinfod"
        other = f"ROLLCALL_CONTAINER=rollcall/{'0' * 8}-0000-4000-8000-{'0' * 12}/podinfod"
        helpers = [subprocess.Popen(["sleep", "120"], env={"ROLLCALL_CONTAINER": value.split("=", 1)[1]},
                                    start_new_session=True) for value in (mark, other)]
        self.addCleanup(lambda: [(helper.kill(), helper.wait()) for helper in helpers])
        self.scene.serve.kill9()
        (self.scene.folder / f"data/node/pods/{pod['metadata']['uid']}.json").unlink()
        self.scene.start()
        rig.wait_for(lambda: lost not in self.scene.pods() and len(self.scene.pods()) == 4, 30,
                     lambda: f"another one runs in the place of {lost}\n{self.scene.trouble()}")
        self.assertEqual([helper.poll() for helper in helpers], [None, None], "one of a pod that is well, one of others")
        self.serve_is("green")


class Door(Ordered):
    """What comes in that is wrong, and who may."""

    @classmethod
    def setUpClass(cls):
        cls.begin("door", 2)

    def write(self, name, text):
        file = self.scene.folder / name
        file.write_text(text)
        return file

    def apply(self, *words, **more):
        return self.scene.cli("apply", *words, check=False, **more)

    def test_mistakes_have_a_place(self):
        seed = (SEED / "podinfo.yaml").read_text()
        broken = self.write("broken.yaml", "a: [1\n")
        code, out, err = self.apply("-f", broken)
        self.assertEqual((code, out), (FAILED, ""))
        self.assertRegex(err, rf"^{re.escape(str(broken))}:\d+:\d+: ")

        canary = (SEED / "podinfo-canary.yaml").read_text().replace("stepWeight:", "stepWieght:").replace(
            "threshold: 5", "threshold: -5")
        line = 1 + canary[:canary.index("stepWieght")].count("\n")
        file = self.write("canary.yaml", canary)
        code, out, err = self.apply("-f", file)
        self.assertEqual((code, out), (FAILED, ""))
        self.assertRegex(err, rf"canary\.yaml:{line}:\d+: spec\.analysis.*stepWieght.*")
        self.assertRegex(err, r"canary\.yaml:\d+:\d+: spec\.analysis\.threshold: ")
        self.assertIsNone(self.kube.find("Canary", NAME))

        bad = seed.replace("clusterIP: 172.24.8.231", "type: ExternalName\n  clusterIP: 172.24.8.231").replace(
            "type: ClusterIP", "externalName: x")
        file = self.write("service.yaml", bad)
        code, out, err = self.apply("-f", file)
        self.assertEqual(code, FAILED)
        self.assertIn("deployment/podinfo created\n", out)  # one after the other, as kubectl does
        self.assertRegex(err, r"service\.yaml:\d+:\d+: service/my-podinfo-svc: spec\.")
        self.assertEqual(int(re.search(r":(\d+):\d+: service", err)[1]),
                         1 + bad[:bad.index("type: ExternalName")].count("\n"))

        for text, said in (("apiVersion: v1\nkind: Potato\nmetadata: {name: x}\n", "Potato"),
                           ("apiVersion: v1\nkind: Service\nmetadata: {}\nspec: {}\n", "metadata.name: missing"),
                           ("- 1\n", "not a manifest"), ("hello\n", "not a manifest")):
            code, out, err = self.apply("-f", self.write("one.yaml", text))
            self.assertEqual((code, out), (FAILED, ""))
            self.assertRegex(err, rf"one\.yaml:\d+:\d+: .*{re.escape(said)}")
        self.assertIn("there is no manifest in it", self.apply("-f", self.write("none.yaml", "# nothing\n"))[2])
        self.assertIn("nowhere.yaml: No such file", self.apply("-f", "nowhere.yaml")[2])

    def test_apply_merges_three_ways(self):
        def config(data, **labels):
            return json.dumps({"apiVersion": "v1", "kind": "ConfigMap",
                               "metadata": {"name": "cfg", "labels": labels}, "data": data})
        file = self.write("cfg.json", config({"a": "1", "b": "2"}, x="y"))
        self.assertEqual(self.apply("-f", file)[1], "configmap/cfg created\n")
        self.kube.patch("ConfigMap", "cfg", {"data": {"theirs": "3"}})
        self.write("cfg.json", config({"a": "1"}))
        self.assertEqual(self.apply("-f", file)[1], "configmap/cfg configured\n")
        found = self.kube.get("ConfigMap", "cfg")
        self.assertEqual(found["data"], {"a": "1", "theirs": "3"})
        self.assertNotIn("x", found["metadata"].get("labels") or {})
        self.assertEqual(self.apply("-f", file)[1], "configmap/cfg unchanged\n")
        self.assertEqual(self.scene.cli("delete", "cm", "cfg")[1], "cm/cfg deleted\n")
        self.assertEqual(self.scene.cli("get", "cm", "cfg", check=False)[0], NOT_FOUND)
        self.assertEqual(self.apply("-f", file, "-n", "shop")[1], "configmap/cfg created\n")
        self.assertIn("shop", self.scene.cli("get", "configmaps", "-n", "shop")[1])

    def test_who_may(self):
        admin = self.scene.admin_token()
        decider = self.scene.cli("token", "create", "lin", "--scope", "decide", token=admin)[1].strip().splitlines()[-1]
        file = self.write("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hush}\n")
        code, _, err = self.apply("-f", file, token=decider)
        self.assertEqual(code, REFUSED)
        self.assertIn('token "lin" has the scope decide, and this needs admin', err)
        for method, path in (("PATCH", "/api/v1/objects/cm/default/x"), ("DELETE", "/api/v1/objects/cm/default/x"),
                             ("POST", "/api/v1/objects/deploy/default/x/image"), ("POST", "/api/v1/apply")):
            self.assertEqual(self.kube.ask(method, path, "{}" if method != "DELETE" else None, token=decider)[0], 403)
            self.assertEqual(self.kube.ask(method, path, "{}" if method != "DELETE" else None, token="x")[0], 401)
        self.assertEqual(self.apply("-f", file)[1], "secret/s created\n")
        for words in (("get", "secrets"), ("get", "secret", "s")):
            code, out, err = self.scene.cli(*words, check=False)
            self.assertEqual((code, out), (REFUSED, ""))
            self.assertIn("secrets are not shown", err)

    def test_words(self):
        for words, code, said in ((("get", "deploymnts"), NOT_FOUND, 'there is no kind "deploymnts"; did you mean "deployments"?'),
                                  (("get", "pods", "x"), NOT_FOUND, "there is no Pod default/x"),
                                  (("delete", "pod", "x"), NOT_FOUND, "there is no Pod default/x"),
                                  (("set-image", "x", "a=b"), NOT_FOUND, "there is no Deployment default/x"),
                                  (("set-image", "x", "a"), USAGE, '"a" is not CONTAINER=IMAGE'),
                                  (("get", "pods", "-A", "-n", "x"), USAGE, "exclude each other"),
                                  (("apply",), USAGE, "something is missing")):
            with self.subTest(words):
                got, out, err = self.scene.cli(*words, check=False)
                self.assertEqual((got, out), (code, ""))
                self.assertIn(said, err)
        self.assertEqual(self.scene.cli("get", "hpa", "-A")[2], "nothing found\n")

    def test_hostile_bodies_get_an_answer(self):
        one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x%d}\n"
        for body in ("", "\0", "---\n---\n", "metadata: []", "kind: 1\nmetadata: {name: 1}", "metadata: {name: {a: b}}",
                     "metadata: {namespace: 7, name: x}\nkind: ConfigMap\napiVersion: v1", "a: &a [*a]", "{" * 100,
                     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../../x}", "kind: Canary\nmetadata: {name: c}",
                     "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: c}\nspec: 7",
                     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: 3}", "[[[1]]]",
                     "---\n".join(one % i for i in range(1001))):
            with self.subTest(body[:60]):
                status, answer = self.kube.ask("POST", "/api/v1/apply", body)
                refused = status == 400 and "error" in answer
                self.assertTrue(refused or status == 200 and answer["errors"] == len(answer["objects"]), answer)
        self.assertEqual(self.kube.ask("POST", "/api/v1/apply", "a" * ((1 << 20) + 1))[0], 413)
        self.assertEqual(self.kube.ask("POST", "/api/v1/apply", one % 1)[0], 200)
        for body, status in (("", 400), ("null", 400), ("[]", 400), ("7", 400), ("{", 400), ('{"kind":"Pod"}', 400),
                             ('{"metadata":{"resourceVersion":"1"}}', 409), ('{"metadata":null}', 400), ('{"data":{"k":"v"}}', 200)):
            with self.subTest(body):
                self.assertEqual(self.kube.ask("PATCH", "/api/v1/objects/cm/default/x1", body)[0], status)
        for body in ("", "null", "[]", "{}", '{"a":1}', '{"a":""}', '{"a":{}}'):
            with self.subTest(body):
                self.assertEqual(self.kube.ask("POST", "/api/v1/objects/deploy/default/x/image", body)[0], 400)
        self.assertEqual(self.kube.ask("GET", "/api/v1/objects/cm/..%2f/x")[0], 404)

    def test_a_hundred_at_once(self):
        def put(number):
            text = "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: n{number}-{i}}}\ndata: {{a: b}}\n"
                                for i in range(20))
            if number % 5 == 0:  # goes away before the answer
                with contextlib.closing(socket.create_connection(("127.0.0.1", self.scene.port))) as peer:
                    peer.sendall(f"POST /api/v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n"
                                 f"Authorization: Bearer {self.scene.admin_token()}\r\n\r\n{text}".encode())
                    return 200, {"errors": 0}
            return self.kube.ask("POST", "/api/v1/apply", text)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            for status, answer in pool.map(put, range(100)):
                self.assertEqual((status, answer["errors"]), (200, 0))
        rig.wait_for(lambda: len([o for o in self.kube.list("ConfigMap") if o["metadata"]["name"][0] == "n"]) >= 80 * 20,
                     20, "all are there")

    def test_configuration(self):
        text = self.scene.config.read_text().replace("name: here", "name: here, kubeconfig: x, leader_election: {enabled: true}")
        code, out, _ = self.scene.cli("check", self.write("both.yaml", text), check=False)
        self.assertEqual(code, FAILED)
        for key in ("kubeconfig", "leader_election"):
            self.assertRegex(out, rf"both\.yaml:\d+:\d+: cluster\.{key}: is for Kubernetes, and cluster\.embedded is true")
        code, _, err = self.scene.cli("node", "--config", self.scene.config, check=False)
        self.assertEqual(code, FAILED)
        self.assertIn("`rollcall serve` runs the node itself", err)

    def test_z_a_second_service_leaves_the_first_alone(self):
        code, _, err = self.scene.cli("serve", "--config", self.scene.config, check=False)
        self.assertEqual(code, FAILED)
        self.assertIn(str(self.scene.serve.pid), err)
        self.assertEqual(self.scene.cli("get", "pods", "-A", check=False)[0], DONE)
        self.scene.assert_healthy()

    def test_zz_a_reload_does_not_make_it_another_cluster(self):
        text = self.scene.config.read_text()
        self.scene.config.write_text(text.replace("embedded: true", "embedded: false"))
        self.addCleanup(self.scene.config.write_text, text)
        self.scene.serve.signal(signal.SIGHUP)
        rig.wait_for(lambda: "key=cluster.embedded" in self.scene.serve.output(), 10, "it says that a restart is needed")
        self.assertEqual(self.scene.cli("get", "pods", "-A", check=False)[0], DONE)
        self.assertEqual(self.scene.serve.stop(60), 0)
        self.scene.assert_healthy()


if __name__ == "__main__":
    unittest.main()
