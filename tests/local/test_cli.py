"""The command line on one machine, with no cluster and no service: what it prints, where, and how it ends."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import rig  # noqa: E402

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
SEED = rig.REPOSITORY / "tests/fixtures/seed"
DONE, FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE = range(6)


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = rig.scratch_folder("cli")
        self.data = self.folder / "data"

    def run_cli(self, *words, stdin="", **variables):
        """(exit code, standard output, standard error)"""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("ROLLCALL_") and name != "KUBECONFIG"}
        environment["ROLLCALL_DATA_DIR"] = str(self.data)
        environment.update(variables)
        done = subprocess.run([BUILD / "rollcall", *map(str, words)], input=stdin, env=environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=30)
        for bad in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            self.assertNotIn(bad, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    # -- words --------------------------------------------------------------------------------------------------------

    def test_version_and_help(self):
        code, out, err = self.run_cli("version")
        self.assertEqual((code, err), (DONE, ""))
        self.assertRegex(out, r"^rollcall \d+\.\d+\.\d+\n$")
        code, out, err = self.run_cli("help")
        self.assertEqual((code, err), (DONE, ""))
        for verb in ("serve", "check", "approve", "rollback", "token"):
            self.assertIn(f"\n  {verb} ", out)
        code, out, _ = self.run_cli("help", "token")
        self.assertEqual(code, DONE)
        self.assertIn("--scope SCOPE", out)
        self.assertEqual(self.run_cli("token", "--help")[:2], (DONE, out))

    def test_usage_errors_end_with_2_and_say_what_to_do(self):
        for words, said in {
            (): "what shall be done?",
            ("aprove", "x"): 'there is no "aprove"; did you mean "approve"?',
            ("help", "xyz"): 'there is no "xyz"',
            ("status",): "something is missing\nusage: rollcall status NAME",
            ("status", "a", "b"): '"b" is too much',
            ("list", "--outptu", "json"): 'unknown option "--outptu"; did you mean --output?',
            ("list", "-o", "xml"): "--output must be json, yaml, wide or name",
            ("list", "-o"): "--output wants FORMAT",
            ("list", "-A", "-n", "x"): "exclude each other",
            ("list", "--all-namespaces=yes"): "takes no value",
            ("list", "--scope", "read"): "--scope does not belong here",
            ("--scope", "read", "list"): "--scope does not belong here",
            ("weight", "a/b", "101"): "PERCENT must be a number from 0 to 100",
            ("weight", "a/b", "-1"): 'unknown option "-1"',
            ("approve", "a/b/c"): "a rollout is named NAME or NAMESPACE/NAME",
            ("approve", "a/b", "-n", "c"): "names a namespace, and so does --namespace",
            ("reject", "a/b", "why", "--reason", "because"): "there is a reason behind the name",
            ("token", "make"): '"make" is not create, list or revoke',
            ("token", "create", "x"): "--scope is missing",
            ("token", "create", "x", "--scope", "root"): 'scope "root" is not one of read, decide, admin',
            ("token", "create", "x", "--scope", "read", "--expires", "soon"): "such as 12h or 30d",
            ("token", "revoke"): "which token?",
            ("audit", "import"): "there is audit verify and audit export",
            ("policy", "lint", "x"): "there is only policy test",
        }.items():
            with self.subTest(words):
                code, out, err = self.run_cli(*words)
                self.assertEqual((code, out), (USAGE, ""))
                self.assertIn(said, err)

    def test_no_service(self):
        nobody = f"http://127.0.0.1:{rig.free_port()}"
        for words in (("list",), ("status", "a/b"), ("approve", "a/b"), ("history",), ("outbox",), ("token", "list")):
            with self.subTest(words):
                code, out, err = self.run_cli(*words, "--server", nobody)
                self.assertEqual((code, out), (UNREACHABLE, ""))
                self.assertIn("is `rollcall serve` running?", err)

    def test_a_server_that_is_not_rollcall(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
            port = server.getsockname()[1]
            asked = subprocess.Popen([BUILD / "rollcall", "list", "--server", f"http://127.0.0.1:{port}"],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            server.settimeout(20)
            peer, _ = server.accept()
            with contextlib.closing(peer):
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
                out, err = asked.communicate(timeout=20)
        self.assertEqual((asked.returncode, out), (FAILED, ""))
        self.assertIn("answers 200, and not as rollcall does", err)

    # -- check --------------------------------------------------------------------------------------------------------

    def test_check_takes_what_users_have(self):
        code, out, err = self.run_cli("check", SEED / "podinfo.yaml", SEED / "podinfo-canary.yaml",
                                      rig.REPOSITORY / "config.example.yaml")
        self.assertEqual((code, out), (DONE, ""), err)
        self.assertIn("podinfo-canary.yaml: ok", err)

    def test_check_tells_every_mistake_of_every_file(self):
        bad = self.write("bad.yaml", "listen: {adress: 127.0.0.1:1}\nslack: {bot_token: \"${env:NOT_SET}\"}\n")
        canary = self.write("canary.yaml", (SEED / "podinfo-canary.yaml").read_text().replace("stepWeight:", "stepWieght:")
                            .replace("threshold: 5", "threshold: -5"))
        broken = self.write("broken.yaml", "a: [1\n")
        code, out, _ = self.run_cli("check", bad, canary, broken, "nowhere.yaml")
        self.assertEqual(code, FAILED)
        self.assertIn('bad.yaml:1:10: listen.adress: unknown key; did you mean "address"?\n', out)
        self.assertIn("bad.yaml:2:1: slack: needs a signing_secret", out)
        self.assertIn("bad.yaml:2:20: slack.bot_token: the environment variable NOT_SET is not set\n", out)
        self.assertRegex(out, r"canary\.yaml:\d+:\d+: spec\.analysis.*stepWieght.*")
        self.assertRegex(out, r"canary\.yaml:\d+:\d+: spec\.analysis\.threshold: ")
        self.assertRegex(out, r"broken\.yaml:\d+:\d+: ")
        self.assertIn("nowhere.yaml: No such file or directory\n", out)

    def test_check_names_a_field_once(self):
        file = self.folder / "field.yaml"
        file.write_text("apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: shop}\n"
                        "spec: {provider: ngnix, targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}\n")
        code, out, err = self.run_cli("check", file)
        self.assertEqual(code, 1)
        line = next(line for line in (out + err).splitlines() if "ngnix" in line)
        self.assertEqual(line.count("spec.provider"), 1, line)
        self.assertIn('did you mean "nginx"', line)

    def test_check_says_what_one_machine_does_not_take(self):
        file = self.write("many.yaml", """
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Service, metadata: {name: shop}, spec: {type: LoadBalancer, ports: [{port: 80}]}}
  - apiVersion: flagger.app/v1beta1
    kind: Canary
    metadata: {name: shop}
    spec: {provider: nginx, targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, service: {prot: 80}}
---
apiVersion: apps/v1
kind: Deploymnet
metadata: {name: shop}
""")
        code, out, _ = self.run_cli("check", file)
        self.assertEqual(code, FAILED)
        self.assertIn('many.yaml:5:68: warning: spec.type: "LoadBalancer" is not supported by the embedded platform', out)
        self.assertRegex(out, r'many\.yaml:9:\d+: spec\.service\.prot: no such field; did you mean "port"')
        self.assertIn('warning: kind: "Deploymnet" is not known here, and only read; did you mean "Deployment"?', out)

    def test_check_reads_standard_input(self):
        code, out, _ = self.run_cli("check", "-", stdin="log: {level: loud}\n")
        self.assertEqual((code, out), (FAILED, '-:1:14: log.level: "loud" is not one of error, warn, info, debug\n'))

    def test_a_secret_is_never_printed(self):
        secret = "xoxb-1234567890-secret"
        bad = self.write("c.yaml", f"slack: {{bot_token: {secret}, signing_secret: {secret}, path: x}}\n")
        for words in (("check", bad), ("serve", "--config", bad)):
            code, out, err = self.run_cli(*words)
            self.assertEqual(code, FAILED)
            self.assertNotIn(secret, out + err)

    def test_config_prints_the_example(self):
        code, out, err = self.run_cli("config")
        self.assertEqual((code, err), (DONE, ""))
        self.assertEqual(out, (rig.REPOSITORY / "config.example.yaml").read_text())

    # -- one source: help, completions, the manual -----------------------------------------------------------------

    def verbs(self):
        out = self.run_cli("help")[1]
        return re.findall(r"^  ([a-z][a-z-]*) ?[^ ]*", out.split("\nOptions:")[0], re.MULTILINE)

    def test_every_verb_has_help_that_names_its_options(self):
        verbs = self.verbs()
        self.assertGreater(len(verbs), 25)
        self.assertEqual(len(verbs), len(set(verbs)))
        for verb in verbs:
            code, out, err = self.run_cli("help", verb)
            self.assertEqual((code, err), (DONE, ""))
            self.assertTrue(out.startswith(f"usage: rollcall {verb}"), out)
            self.assertIn("--server URL", out)

    def test_completions_are_scripts_that_their_shells_take(self):
        verbs = self.verbs()
        for shell, check in {"bash": ["-n"], "zsh": ["-n"], "fish": ["--no-execute"]}.items():
            code, out, err = self.run_cli("completion", shell)
            self.assertEqual((code, err), (DONE, ""))
            for verb in verbs:
                self.assertIn(verb, out)
            if shutil.which(shell):
                script = self.write(f"rollcall.{shell}", out)
                subprocess.run([shell, *check, self.folder / script], check=True, timeout=30)
        self.assertEqual(self.run_cli("completion", "tcsh")[0], USAGE)

    def test_bash_completes(self):
        script = self.write("rollcall.bash", self.run_cli("completion", "bash")[1])
        for words, answer in {("wat",): "watch", ("list", "--out"): "--output=", ("list", "-o", "y"): "yaml",
                              ("list", "--output", "=", "w"): "wide", ("token", ""): "create list revoke",
                              ("wait", "x", "--for", "d"): "decided", ("completion", "z"): "zsh"}.items():
            line = f"compopt() {{ :; }}; source {script}; COMP_WORDS=(rollcall {' '.join(w or chr(39) * 2 for w in words)}); " \
                   f"COMP_CWORD={len(words)}; _rollcall; echo \"${{COMPREPLY[*]}}\""
            out = subprocess.run(["bash", "-c", line], cwd=self.folder, capture_output=True, text=True, timeout=30)
            self.assertEqual(out.stdout.strip(), answer, (words, out.stderr))

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes(self):
        script = self.write("rollcall.fish", self.run_cli("completion", "fish")[1])
        for words, answer in {"rollcall wat": {"watch"}, "rollcall token ": {"create", "list", "revoke"},
                              "rollcall wait x --for ": {"promoted", "decided", "failed"}}.items():
            out = subprocess.run(["fish", "-c", f"source {script}; complete -C '{words}'"], cwd=self.folder,
                                 capture_output=True, text=True, timeout=30, env={**os.environ, "HOME": str(self.folder)})
            self.assertEqual({line.split("\t")[0] for line in out.stdout.splitlines()}, answer, out.stderr)

    def test_the_manual_page_is_clean_and_whole(self):
        code, out, err = self.run_cli("man")
        self.assertEqual((code, err), (DONE, ""))
        for verb in self.verbs():
            self.assertIn(f"\\fB{verb}".replace("-", "\\-"), out)
        if not shutil.which("man"):
            self.skipTest("man is not installed")
        page = self.write("rollcall.1", out)
        shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], cwd=self.folder, capture_output=True,
                               text=True, timeout=30, env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("rollcall simulate canary.yaml --fail-at 60", shown.stdout)

    def test_it_is_a_plugin_of_kubectl_by_its_name(self):
        plugin = self.folder / "kubectl-rollcall"
        plugin.symlink_to(BUILD / "rollcall")
        done = subprocess.run([plugin, "aprove"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn('kubectl rollcall: there is no "aprove"; did you mean "approve"?', done.stderr)
        done = subprocess.run([plugin, "help", "list"], capture_output=True, text=True, timeout=30)
        self.assertTrue(done.stdout.startswith("usage: kubectl rollcall list\n"), done.stdout)

    # -- simulate -----------------------------------------------------------------------------------------------------

    GATED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {replicas: 3}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: shop
  annotations: {rollcall.dev/gates: confirm-rollout, rollcall.dev/policy: prod}
spec:
  provider: nginx
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: shop}
  service: {port: 80}
  analysis:
    interval: 1m
    threshold: 2
    stepWeight: 25
    maxWeight: 50
    metrics: [{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}]
    webhooks: [{name: smoke, type: pre-rollout, url: "http://tests/smoke"}]
"""

    def simulate(self, *words, code=DONE):
        done, out, err = self.run_cli("simulate", *words, "--json")
        self.assertEqual(done, code, err)
        return json.loads(out)

    def test_simulate_plays_the_users_own_canary(self):
        story = self.simulate(SEED / "podinfo-canary.yaml")
        self.assertEqual((story["name"], story["outcome"]), ("podinfo-default", "Succeeded"))
        replicas = {}
        for scene in story["timeline"]:
            replicas[scene["weight"]] = (scene["canary"]["wanted"], scene["stable"]["wanted"])
            if scene["weight"]:
                self.assertGreater(scene["canary"]["ready"], 0)
        self.assertEqual(list(replicas), [0, 20, 40, 60, 80, 100])
        texts = [event["text"] for scene in story["timeline"] for event in scene["events"]]
        self.assertIn('post-rollout hook "canary released" is called', texts)

    def test_simulate_asks_people_and_waits_for_them(self):
        file = self.write("shop.yaml", self.GATED)
        story = self.simulate(file, "--approve-after", "10m")
        first, approved = story["timeline"][0], story["timeline"][1]
        self.assertEqual((first["phase"], first["stable"]["wanted"]), ("Waiting", 3))
        self.assertIn({"kind": "asked", "text": "people are asked: confirm-rollout (policy prod)"}, first["events"])
        self.assertEqual(approved["atMs"], 600000)
        self.assertEqual(self.simulate(file)["tookMs"] + 600000, story["tookMs"])
        never = self.simulate(file, "--approve-after", "never", code=FAILED)
        self.assertEqual((never["outcome"], len(never["timeline"])), ("stands", 1))

    def test_simulate_fails_where_it_is_told_to(self):
        file = self.write("shop.yaml", self.GATED)
        story = self.simulate(file, "--fail-at", "50")
        self.assertEqual(story["outcome"], "Failed")
        self.assertEqual([*dict.fromkeys(scene["weight"] for scene in story["timeline"])], [0, 25, 50])
        self.assertEqual(story["timeline"][-1]["weight"], 0)
        self.assertEqual(self.simulate(file, "--fail-at", "60")["outcome"], "Succeeded")
        self.assertEqual(self.simulate(SEED / "podinfo-canary.yaml", "--fail-at", "60")["outcome"], "Failed")

    def test_simulate_draws(self):
        code, out, err = self.run_cli("simulate", self.write("shop.yaml", self.GATED))
        self.assertEqual((code, err), (DONE, ""))
        self.assertIn("default/shop: a new image in Deployment shop, 3 replicas, checks every 1m\n", out)
        self.assertRegex(out, r"\n +1m2s +Progressing +█████░{15} +25% +●●● 3/3 +●●● 3/3 ")
        self.assertRegex(out, r"\nSucceeded after \w+\n$")
        self.assertNotIn("\033", out)

    def test_simulate_refuses_what_check_refuses(self):
        bad = self.write("bad.yaml", self.GATED.replace("stepWeight: 25", "stepWieght: 25"))
        code, out, err = self.run_cli("simulate", bad)
        self.assertEqual((code, out), (FAILED, ""))
        self.assertRegex(err, r"bad\.yaml:\d+:\d+: spec\.analysis.*stepWieght")
        for words, code, said in (
            ((SEED / "podinfo.yaml",), NOT_FOUND, "there is no Canary in it"),
            ((SEED / "podinfo-canary.yaml", "other"), NOT_FOUND, "there is no Canary other in it"),
            ((SEED / "podinfo-canary.yaml", "--fail-at", "101"), USAGE, "--fail-at must be a weight from 0 to 100"),
            ((SEED / "podinfo-canary.yaml", "--approve-after", "soon"), USAGE, "--approve-after must be a time"),
            ((SEED / "podinfo-canary.yaml", "--replicas", "1000"), USAGE, "--replicas must be a number from 1 to"),
            (("nowhere.yaml",), FAILED, "nowhere.yaml: No such file or directory"),
        ):
            with self.subTest(words):
                self.assertEqual(self.run_cli("simulate", *words)[0], code)
                self.assertIn(said, self.run_cli("simulate", *words)[2])

    # -- serve that cannot start --------------------------------------------------------------------------------------

    def serve_config(self, port, **more):
        text = f"listen: {{address: 127.0.0.1:{port}, admin: 127.0.0.1:0}}\ndata_dir: {self.data}\n"
        text += f"cluster: {{kubeconfig: {more.get('kubeconfig', self.kubeconfig())}}}\n"
        return self.write("serve.yaml", text + more.get("extra", ""))

    def kubeconfig(self):
        (self.folder / "kubeconfig").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],
            "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }))
        return self.folder / "kubeconfig"

    def assert_one_line(self, code, out, err, said):
        self.assertEqual((code, out), (FAILED, ""))
        lines = [line for line in err.splitlines() if not line.startswith("{")]
        self.assertEqual(len(lines), 1, err)
        self.assertIn(said, lines[0])

    def test_serve_refuses_a_port_that_is_taken(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
            port = server.getsockname()[1]
            self.assert_one_line(*self.run_cli("serve", "--config", self.serve_config(port)),
                                 f"127.0.0.1 port {port}: Address already in use")

    def test_serve_refuses_a_kubeconfig_that_is_not_there(self):
        config = self.serve_config(0, kubeconfig="/nowhere/kubeconfig")
        self.assert_one_line(*self.run_cli("serve", "--config", config), "/nowhere/kubeconfig: no such file")

    def test_serve_refuses_to_be_reached_in_the_clear(self):
        config = self.write("c.yaml", "listen: {address: 0.0.0.0:8484}\n")
        code, out, err = self.run_cli("serve", "--config", config)
        self.assertEqual((code, out), (FAILED, ""))
        self.assertIn("c.yaml:1:19: listen.address: 0.0.0.0:8484 can be reached from other machines", err)
        self.assertFalse(self.data.exists())

    def test_serve_refuses_a_data_folder_that_it_cannot_make(self):
        config = self.write("c.yaml", "data_dir: /nowhere/data\n")
        self.assert_one_line(*self.run_cli("serve", "--config", config), "data_dir: /nowhere/data: No such file or directory")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_serve_refuses_a_data_folder_of_somebody_else(self):
        self.folder.chmod(0o755)
        self.data.mkdir(mode=0o700)
        config = self.write("c.yaml", f"data_dir: {self.data}\ncluster: {{embedded: true}}\n")
        done = subprocess.run([BUILD / "rollcall", "serve", "--config", self.folder / config], user=65534, group=65534,
                              extra_groups=[], capture_output=True, text=True, timeout=30, cwd="/")
        self.assert_one_line(done.returncode, done.stdout, done.stderr,
                             f"data_dir: {self.data} belongs to user 0, and user 65534 may not write there")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "only root can mount a small disk")
    def test_serve_refuses_a_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
            self.skipTest("this machine allows no mounts")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        config = self.write("c.yaml", f"data_dir: {disk}/data\ncluster: {{embedded: true}}\n")
        self.assert_one_line(*self.run_cli("serve", "--config", config), "no space left for the database")

    def test_serve_stops_in_time_and_alone_on_its_data(self):
        port = rig.free_port()
        config = self.serve_config(port)
        serve = rig.Process("serve", [BUILD / "rollcall", "serve", "--config", self.folder / config],
                            self.folder / "serve.log").start()
        self.addCleanup(serve.stop)
        serve.wait_ready(lambda: "event=serving" in serve.output() or '"serving"' in serve.output(), 20, "it serves")
        self.assert_one_line(*self.run_cli("serve", "--config", config), f"is in use by process {serve.pid}")
        # A cluster that cannot be reached is no reason to be silent: reading says that it waits.
        code, _, err = self.run_cli("list", "--server", f"http://127.0.0.1:{port}")
        self.assertEqual(code, UNREACHABLE)
        self.assertIn("the cluster is still being read", err)
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        for file in self.data.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)
        os.kill(serve.pid, 15)
        self.assertEqual(serve.wait(10), 0)
        self.assertNotIn("Sanitizer", serve.output())

    # -- tokens without a service -------------------------------------------------------------------------------------

    def test_tokens_are_made_listed_and_revoked(self):
        code, token, err = self.run_cli("token", "create", "ci", "--scope", "decide", "--expires", "30d")
        self.assertEqual((code, err), (DONE, ""))
        token = token.strip()
        self.assertRegex(token, r"^rct_[A-Za-z0-9_-]{43}$")
        code, out, _ = self.run_cli("token", "list", "-o", "json")
        row, = json.loads(out)
        self.assertEqual((row["name"], row["scope"], row["usedAt"]), ("ci", "decide", ""))
        self.assertGreater(row["expiresAt"], row["createdAt"])
        code, _, err = self.run_cli("token", "create", "ci", "--scope", "read")
        self.assertEqual(code, FAILED)
        self.assertIn('there is a token "ci" already', err)
        for name, said in {"local": "the command line's own", "a b": "letters, digits", "x" * 64: "letters, digits"}.items():
            code, _, err = self.run_cli("token", "create", name, "--scope", "read")
            self.assertEqual(code, FAILED)
            self.assertIn(said, err)
        self.assertEqual(self.run_cli("token", "revoke", "ci")[0], DONE)
        self.assertEqual(self.run_cli("token", "revoke", "ci")[0], NOT_FOUND)
        self.assertEqual(self.run_cli("token", "list", "-o", "name")[1], "")

    def test_a_token_is_stored_as_its_hash_alone(self):
        token = self.run_cli("token", "create", "ci", "--scope", "read")[1].strip()
        for file in self.data.iterdir():
            self.assertNotIn(token.encode(), file.read_bytes(), file)
        with contextlib.closing(sqlite3.connect(self.data / "rollcall.db")) as db:
            stored, = db.execute("SELECT hash FROM tokens").fetchone()
        self.assertEqual(stored, hashlib.sha256(token.encode()).hexdigest())

    # -- the record ---------------------------------------------------------------------------------------------------

    def test_audit_verify_finds_the_row_that_was_changed(self):
        self.assertEqual(self.run_cli("audit", "verify")[0], NOT_FOUND)
        for name in ("a", "b", "c"):
            self.run_cli("token", "create", name, "--scope", "read")
        self.assertEqual(self.run_cli("audit", "verify")[:2], (DONE, "3 rows, whole\n"))
        with contextlib.closing(sqlite3.connect(self.data / "rollcall.db")) as db:
            db.execute("DROP TRIGGER audit_no_update")
            db.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
            db.commit()
        code, out, err = self.run_cli("audit", "verify")
        self.assertEqual((code, out), (FAILED, ""))
        self.assertIn("audit row 2 was changed after it was written", err)

    def test_data_folder_by_option_and_by_configuration(self):
        self.run_cli("token", "create", "a", "--scope", "read")
        config = self.write("c.yaml", f"data_dir: {self.data}\n")
        for words in (("--data-dir", self.data), ("--config", config)):
            self.assertEqual(self.run_cli("audit", "verify", *words, ROLLCALL_DATA_DIR="/nowhere")[:2],
                             (DONE, "1 rows, whole\n"))
        self.assertEqual(self.run_cli("audit", "verify", "--config", "nowhere.yaml")[0], FAILED)

    def test_audit_export_can_be_checked_by_anybody(self):
        for name in ("a", "b"):
            self.run_cli("token", "create", name, "--scope", "read")
        code, out, err = self.run_cli("audit", "export")
        self.assertEqual((code, err), (DONE, "2 rows, whole\n"))
        before = ""
        for line in out.splitlines():
            row = json.loads(line)
            fields = [row[key] for key in ("seq", "atMs", "actor", "identity", "action", "object", "request", "outcome",
                                           "reason", "detail")]
            before = hashlib.sha256((before + json.dumps(fields, separators=(",", ":"))).encode()).hexdigest()
            self.assertEqual(row["hash"], before)
        with contextlib.closing(sqlite3.connect(self.data / "rollcall.db")) as db:
            db.execute("DROP TRIGGER audit_no_update")
            db.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
            db.commit()
        code, out, err = self.run_cli("audit", "export")
        self.assertEqual((code, len(out.splitlines())), (FAILED, 1))
        self.assertIn("audit row 2 was changed after it was written", err)

    # -- policies -----------------------------------------------------------------------------------------------------

    POLICIES = """
users:
  lin: {groups: [sre], identities: ["slack:U1"]}
  zhao: {groups: [sre]}
  lead: {groups: [leads]}
freezes: {weekends: {days: [sat, sun]}}
policies:
  prod:
    approvers: ["group:sre", "group:leads"]
    quorum: 2
    freezes: [weekends]
    require_reason: [reject]
    rights: {promote: ["group:leads"], override: ["group:leads"]}
"""

    def test_policy_test_judges_as_the_service_does(self):
        config = self.write("config.yaml", self.POLICIES)
        cases = self.write("cases.yaml", """
cases:
  - name: two of them
    policy: prod
    steps: [{by: lin}, {by: zhao}]
    expect: approved
  - name: one person on two platforms is one
    policy: prod
    steps: [{by: lin}, {by: "slack:U1"}]
    expect: open
  - name: nobody approves what is their own
    policy: prod
    requested_by: lin
    steps: [{by: "slack:U1", refused: somebody else}, {by: zhao}, {by: lead}]
    expect: approved
  - name: a no has a reason
    policy: prod
    steps: [{by: zhao, verb: reject, refused: wants a reason}, {by: zhao, verb: reject, reason: slow}]
    expect: rejected
  - name: weekends are quiet
    policy: prod
    at: 2026-11-28T12:00:00Z
    steps: [{by: lin, refused: the freeze weekends holds}, {by: lead, override: true, refused: wants a reason},
            {by: lead, override: true, reason: outage}, {by: zhao, override: true, refused: may not override}]
    expect: open
  - name: only leads promote
    policy: prod
    steps: [{by: lin, verb: promote, refused: "these may: group:leads"}, {by: lead, verb: promote}]
""")
        code, out, err = self.run_cli("policy", "test", cases, "--config", config)
        self.assertEqual((code, out.count("ok  "), err), (DONE, 6, "6 cases, 0 failed\n"), out)
        wrong = self.write("wrong.yaml", "cases:\n  - {policy: prod, name: x, steps: [{by: lin}], expect: approved}\n"
                           "  - {policy: prod, name: y, steps: [{by: lin, verb: promote}]}\n"
                           "  - {policy: prod, name: z, steps: [{by: lead, verb: promote, refused: no}]}\n")
        code, out, err = self.run_cli("policy", "test", wrong, "--config", config)
        self.assertEqual((code, err), (FAILED, "3 cases, 3 failed\n"))
        self.assertEqual(out, "FAIL  x: is open (1 of 2 approvals, 0 of 1 rejections), not approved\n"
                         "FAIL  y: step 1: refused: you may not promote under policy prod; these may: group:leads\n"
                         "FAIL  z: step 1: lead may promote, and should be refused\n")

    def test_policy_test_tells_mistakes_of_the_cases(self):
        config = self.write("config.yaml", self.POLICIES)
        bad = self.write("bad.yaml", "cases:\n  - {polcy: prod}\n  - {policy: nowhere}\n"
                         "  - {policy: prod, steps: [{by: nobody}]}\n  - {policy: prod, expect: maybe}\n")
        code, out, _ = self.run_cli("policy", "test", bad, "--config", config)
        self.assertEqual(code, FAILED)
        self.assertIn('bad.yaml:2:6: unknown key "polcy"; did you mean "policy"?', out)
        for said in ('bad.yaml:3:5: policy: there is no "nowhere" under policies',
                     'by: "nobody" is nobody under users', 'expect: "maybe" is not approved, rejected or open'):
            self.assertIn(said, out)
        self.assertEqual(self.run_cli("policy", "test", self.write("empty.yaml", "{}"), "--config", config)[0], FAILED)

    # -- PINs ---------------------------------------------------------------------------------------------------------

    def test_pin_makes_a_line_that_check_takes(self):
        code, line, err = self.run_cli("pin", stdin="246810\n")
        self.assertEqual((code, err), (DONE, ""))
        salt, digest = line.split('"')[1].split(":")
        self.assertEqual(digest, hashlib.sha256(f"{salt}:246810".encode()).hexdigest())
        self.assertNotEqual(line, self.run_cli("pin", stdin="246810\n")[1])
        config = self.write("c.yaml", f"users: {{lin: {{{line.strip()}}}}}\n")
        self.assertEqual(self.run_cli("check", config)[:2], (DONE, ""))
        self.assertEqual(self.run_cli("pin", stdin="123\n")[0], FAILED)
        self.assertEqual(self.run_cli("pin")[0], FAILED)


if __name__ == "__main__":
    unittest.main()
