"""Deciding from everywhere: a link in DingTalk, the command line, commands in Slack; every copy of the card shows it."""

import re
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import CHANNEL, IMAGE, PIN  # noqa: E402
from tests.fakes.browser import Browser  # noqa: E402

NAME = "podinfo"


class Decide(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("decide")
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")
        cls.scene.start()

    def setUp(self):
        self.kube.empty_namespace("default")

    def tearDown(self):
        self.scene.assert_healthy()

    def initialized(self, **annotations):
        objects.application(self.kube, 4)
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 100) == 100, 60,
                     lambda: f"blue answers\n{self.scene.trouble()}")
        body = objects.extension()
        body["metadata"]["annotations"].update({f"rollcall.dev/{k}": v for k, v in annotations.items()})
        self.kube.create(body)
        self.scene.wait_phase("Initialized", timeout=90, name=NAME)

    def release(self, color):
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:{color}")

    def loaded(self):
        load = story.Load(self.scene.web_port)
        load.start()
        self.addCleanup(load.stop)
        return load

    def link_in_dingtalk(self, color):
        message = self.scene.dingtalk.wait_message("releases", lambda m: color in m.plain and m.links and "/decide/" in
                                                   m.links[0].target, 30)
        return message.links[0].target

    def test_from_dingtalk_and_the_command_line(self):
        self.initialized(gates="confirm-rollout")
        self.release("green")
        link = self.link_in_dingtalk("green")
        message = next(m for m in self.scene.dingtalk.messages("releases") if m.links and m.links[0].target == link)
        self.assertEqual({answer.status for answer in self.scene.dingtalk.preview(message)}, {200})
        browser = Browser()
        self.scene.wait_phase("Waiting", timeout=20, name=NAME)
        page = browser.open(link)
        self.assertEqual(page.status, 200)
        self.assertIn("green", page.text)
        self.assertEqual(self.scene.phase(NAME), "Waiting", "a link that is merely fetched changes nothing")

        refused = browser.submit(browser.open(link), "Approve", user="zhao", pin="0000")
        self.assertGreaterEqual(refused.status, 400)
        counted = browser.submit(browser.open(link), "Approve", user="zhao", pin=PIN)
        self.assertEqual(counted.status, 200)
        self.assertIn("1 of 2", counted.text)
        self.assertEqual(self.scene.phase(NAME), "Waiting", "one is not two")

        code, _, error = self.scene.cli("approve", NAME, token=self.scene.token("stranger"), check=False)
        self.assertEqual(code, 3, error)
        _, out, _ = self.scene.cli("approve", NAME, "looks good")
        self.assertIn("approved", out)
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)
        card = next(m for m in reversed(self.scene.slack.messages(CHANNEL)) if not m.thread_ts and "green" in m.plain)
        rig.wait_for(lambda: "lin.wei" in self.scene.slack.message(CHANNEL, card.ts).plain
                     and "zhao" in self.scene.slack.message(CHANNEL, card.ts).plain, 20,
                     lambda: f"the card in Slack says who\n{self.scene.slack.dump()}")
        self.scene.dingtalk.wait_message("releases", lambda m: "lin.wei" in m.plain and "zhao" in m.plain, 20)
        late = browser.open(link)
        self.assertIn("lin.wei", late.text)
        _, out, _ = self.scene.cli("history", NAME)
        self.assertRegex(out, "zhao.*vote.approve")
        _, out, _ = self.scene.cli("audit", "verify", "--data-dir", f"{self.scene.folder}/data")
        self.assertRegex(out, "[0-9]+ rows")

    def first_effect(self, change, act):
        """Seconds from act() until the API server has accepted a change of a Deployment or Ingress that fits."""
        seen, stop = [], threading.Event()
        threads = []
        for kind in ("Deployment", "Ingress"):
            version = self.kube.request("GET", {"Deployment": "/apis/apps/v1/namespaces/default/deployments",
                                                "Ingress": "/apis/networking.k8s.io/v1/namespaces/default/ingresses"}
                                        [kind])["metadata"]["resourceVersion"]

            def watch(kind=kind, version=version):
                for _, item in self.kube.watch(kind, resource_version=version, timeout=30):
                    if stop.is_set():
                        return
                    if change(item):
                        seen.append(time.monotonic())
                        stop.set()
                        return
            threads.append(threading.Thread(target=watch, daemon=True))
        for thread in threads:
            thread.start()
        began = time.monotonic()
        act()
        self.assertTrue(stop.wait(20), self.scene.trouble())
        return seen[0] - began

    def held_at_25(self, color):
        self.initialized(steps="manual")
        self.release(color)
        rig.wait_for(lambda: self.scene.phase(NAME) == "Progressing", 60, "the run begins")
        for user in ("lin.wei", "zhao"):
            self.scene.until_approved(NAME, user)
        rig.wait_for(lambda: self.scene.weight() == 25, 60, lambda: f"weight 25\n{self.scene.trouble()}")

    def slash(self, text, user="ULIN"):
        status, _, seconds = self.scene.slack.slash(user, CHANNEL, "/canary", text)
        self.assertEqual(status, 200)
        self.assertLess(seconds, 3)

    def test_promote_by_command(self):
        self.held_at_25("green")
        load = self.loaded()
        took = self.first_effect(
            lambda o: o["metadata"]["name"] == "podinfo" and o["spec"].get("replicas") == 4,
            lambda: self.slash("promote podinfo"))
        self.assertLess(took, 1.0, "from the command to the first effect")
        self.scene.wait_phase("Succeeded", timeout=90, name=NAME)
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(story.share(self.scene.web_port, "green", 300), 100)

    def test_rollback_by_command(self):
        self.held_at_25("red")
        load = self.loaded()
        took = self.first_effect(
            lambda o: o["metadata"]["name"] == "podinfo-primary" and o["spec"].get("replicas") == 4
            or o["metadata"]["name"] == "podinfo-canary" and
            o["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] == "0",
            lambda: self.slash("rollback podinfo bad latency"))
        self.assertLess(took, 1.0, "from the command to the first effect")
        self.scene.wait_phase("Failed", timeout=60, name=NAME)
        rig.wait_for(lambda: self.scene.replicas("podinfo") == 0, 30, "the canary is at zero")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(story.share(self.scene.web_port, "blue", 300), 100)
        self.assertTrue(any("bad latency" in text for text in self.scene.said(NAME)), self.scene.said(NAME))

    def test_words_in_chinese_and_typos(self):
        self.initialized()
        self.slash("列表")
        rig.wait_for(lambda: any("podinfo" in e.plain for e in self.scene.slack.ephemerals(CHANNEL, "ULIN")), 10,
                     "a list for lin")
        self.slash("promot podinfo")
        rig.wait_for(lambda: any("did you mean promote" in e.plain for e in self.scene.slack.ephemerals(CHANNEL, "ULIN")),
                     10, "a suggestion")
        self.slash("promote podinfo", user="UGUEST")
        rig.wait_for(lambda: any("may not" in e.plain for e in self.scene.slack.ephemerals(CHANNEL, "UGUEST")), 10,
                     "a guest is told why not")
        self.assertIsNone(re.search("request", str(self.kube.get("Canary", NAME)["metadata"].get("annotations", {}))))


if __name__ == "__main__":
    unittest.main()
