"""The console without a browser: what a page may do, what a stranger may not, and events that are missed by nobody."""

import json
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage  # noqa: E402
from stage import NAME, SEED, rig  # noqa: E402

from consoleclient import Person, Stream  # noqa: E402


class Doors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (stage.BUILD / "rollcall").exists():
            raise unittest.SkipTest(f"{stage.BUILD / 'rollcall'} has not been built")
        cls.stage = stage.Stage("doors", 3)
        cls.addClassCleanup(cls.stage.close)
        cls.stage.start()
        cls.stage.cli("apply", "-f", SEED / "podinfo.yaml", "-f", SEED / "podinfo-canary.yaml")
        cls.path = f"/console/rollouts/default/{NAME}"

    def change(self, key, value):
        self.stage.patch("Canary", NAME, {"metadata": {"annotations": {key: value}}})

    def test_the_page_lets_nothing_else_in(self):
        status, headers, body = self.stage.ask("GET", "/")
        self.assertEqual(status, 200)
        policy = headers["Content-Security-Policy"]
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';"), policy)
        self.assertNotIn("unsafe", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        page = body.decode()
        self.assertIsNone(re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", page))
        links = re.findall(r'(?:src|href)="([^"]+)"', page)
        self.assertGreater(len(links), 5)
        for link in links:
            self.assertTrue(link.startswith("/console/files/"), link)
            status, headers, packed = self.stage.ask("GET", link, headers={"Accept-Encoding": "gzip"})
            self.assertEqual((status, headers.get("Content-Encoding")), (200, "gzip"), link)
            self.assertIn("immutable", headers["Cache-Control"])
            self.assertGreater(len(self.stage.ask("GET", link)[2]), len(packed))
        self.assertEqual(self.stage.ask("GET", links[0].replace("files/", "files/0"))[0], 404)
        etag = self.stage.ask("GET", "/")[1]["ETag"]
        self.assertEqual(self.stage.ask("GET", "/", headers={"If-None-Match": etag})[::2], (304, b""))

    def test_nothing_without_signing_in(self):
        for path in ("/console/events", self.path, f"{self.path}/runs", "/console/runs/1", "/console/audit"):
            self.assertEqual(self.stage.ask("GET", path)[0], 401, path)
            self.assertEqual(self.stage.ask("GET", path, headers={"Cookie": "rollcall_session=x"})[0], 401, path)
        for body in ({"token": "rct_guessed"}, {"person": "nobody"}, {"person": "ghost"}, {}):
            self.assertEqual(Person(self.stage.port, **body).sign_in[0], 403, body)
        self.assertEqual(Person(self.stage.port, pin="1").sign_in[0], 400)

    def test_the_cookie(self):
        cookie = Person(self.stage.port, person="zhao").sign_in[1]["Set-Cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
            self.assertIn(word, cookie)

    def test_only_our_own_page_may_decide(self):
        lin = Person(self.stage.port, person="lin.wei")
        pause = f"{self.path}/pause"
        for headers in ({"Origin": None}, {"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"X_Rollcall_Csrf": None}, {"X_Rollcall_Csrf": "0" * 64},
                        {"Sec_Fetch_Site": "same-site"}, {"Host": "evil.example"}):
            self.assertEqual(lin.post(pause, **headers)[0], 403, headers)
        zhao = Person(self.stage.port, person="zhao")
        self.assertEqual(lin.post(pause, X_Rollcall_Csrf=zhao.csrf)[0], 403)
        # a name of somebody else's that leads to this machine opens nothing
        evil = {"Host": "evil.example:80", "Origin": "http://evil.example:80"}
        self.assertEqual(self.stage.ask("GET", "/console/session", headers={**evil, "Cookie": lin.cookie})[0], 403)
        self.assertEqual(self.stage.ask("POST", "/console/session", '{"person":"zhao"}', evil)[0], 403)
        self.assertEqual(lin.post(f"{self.path}/dance")[0], 404)
        self.assertEqual(lin.post(pause, {"why": "x"})[0], 400)
        self.assertEqual(lin.post(pause, {"reason": 7})[0], 400)
        self.assertEqual(lin.post("/console/rollouts/default/none/pause")[0], 404)
        self.assertEqual(lin.post(pause, {"reason": "ours"})[0], 202)
        guest = Person(self.stage.port, person="guest")
        status, answer = guest.post(pause)
        self.assertEqual(status, 403, answer)
        lin.post(f"{self.path}/resume")

    def test_a_token_signs_in_and_its_end_signs_out(self):
        looker = Person(self.stage.port, token=self.stage.token("looker", "read"))
        me = looker.get("/console/session")["person"]
        self.assertEqual((me["name"], me["identity"], me["scope"]), ("looker", "token:looker", "read"))
        self.assertEqual(looker.post(f"{self.path}/pause")[0], 403)
        stream = Stream(looker)
        stream.until(lambda event, *_: event == "snapshot")
        self.stage.cli("token", "revoke", "looker")
        self.assertEqual(looker.get("/console/audit"), 401)
        with self.assertRaises(EOFError):
            stream.until(lambda *_: False)  # ended at a heartbeat
        other = Person(self.stage.port, token=self.stage.token("looker", "read"))
        self.assertEqual(looker.get("/console/audit"), 401, "another token of that name is another token")
        status, _, _ = self.stage.ask("DELETE", "/console/session", headers={
            "Cookie": other.cookie, "Origin": self.stage.url, "X-Rollcall-Csrf": other.csrf})
        self.assertEqual((status, other.get("/console/audit")), (200, 401))

    def test_events_are_missed_by_nobody(self):
        lin = Person(self.stage.port, person="lin.wei")
        self.addCleanup(self.change, "rollcall.dev/policy", None)
        stream = Stream(lin)
        _, value, _ = stream.until(lambda event, *_: event == "snapshot")
        self.assertEqual([r["name"] for r in value["rollouts"]], [NAME])
        self.change("rollcall.dev/policy", "default")
        stream.until(lambda event, data, _: event == "rollout" and data.get("policy") == "default")
        seen = stream.last
        stream.close()
        self.change("rollcall.dev/policy", "gone")
        watcher = Stream(lin)  # so that the change is known to have been told
        watcher.until(lambda event, data, _: (event == "snapshot" and data["rollouts"][0].get("policy") == "gone")
                      or (event == "rollout" and data.get("policy") == "gone"))
        watcher.close()
        again = Stream(lin, seen)
        again.until(lambda event, data, _: event == "rollout" and data.get("policy") == "gone")
        self.assertNotIn("snapshot", again.events)
        again.close()
        for strange in ("", "other.7", seen.split(".")[0] + ".999999", seen.split(".")[0] + ".x"):
            fresh = Stream(lin, strange)
            self.assertEqual(fresh.read()[0], "snapshot", strange)
            fresh.close()

    def test_sessions_outlive_a_restart(self):
        zhao = Person(self.stage.port, person="zhao")
        rig.wait_for(lambda: b"zhao" in self.stage.ask("GET", "/console/audit?limit=50", headers={
            "Cookie": zhao.cookie})[2], 10, "the session is on record")
        self.stage.serve.kill9()
        self.stage.start()
        self.assertEqual(zhao.get("/console/session")["person"]["name"], "zhao")
        self.assertEqual(zhao.get("/console/session")["person"]["csrf"], zhao.csrf)

    def test_the_audit_in_pieces(self):
        zhao = Person(self.stage.port, person="zhao")
        newest = zhao.get("/console/audit?limit=2")["audit"]
        older = zhao.get(f"/console/audit?limit=2&before={newest[1]['seq']}")["audit"]
        self.assertEqual([r["seq"] for r in newest + older], [newest[0]["seq"] - i for i in range(4)])
        self.assertEqual(zhao.get("/console/audit?object=here/default/none")["audit"], [])
        for wrong in ("limit=0x5", "limit=501", "before=-1"):
            self.assertEqual(zhao.get(f"/console/audit?{wrong}"), 400, wrong)
