"""Flagger's AlertProvider resources: each receiver in its own shape, by severity, through a receiver's hiccup."""

import base64
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import machine  # noqa: E402
from story import BUILD, SEED  # noqa: E402
from tests.fakes.hooks import HookListener  # noqa: E402

PROVIDERS = """
apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {{name: slack, namespace: default}}
spec: {{type: slack, channel: releases, secretRef: {{name: slack-address}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: slack-address, namespace: default}}
data: {{address: {address}, token: eG94Yi0x}}
---
apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {{name: robot, namespace: default}}
spec: {{type: dingtalk, address: "{robot}"}}
---
apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {{name: pager, namespace: default}}
spec: {{type: msteams, address: "{pager}"}}
"""
ALERTS = """
    alerts:
    - {name: releases, severity: info, providerRef: {name: slack}}
    - {name: robot, providerRef: {name: robot}}
    - {name: pager, severity: error, providerRef: {name: pager}}
    - {name: nobody, severity: info, providerRef: {name: missing}}
"""


class Alerts(unittest.TestCase):
    def test_each_receiver_hears_what_is_for_it(self):
        if not (BUILD / "rollouts-demo").exists():
            raise unittest.SkipTest(f"{BUILD / 'rollouts-demo'} has not been built")
        listener = self.enterContext(HookListener())
        listener.script("/slack", status=503, times=1)
        scene = machine.Machine("alerts", 5)
        self.addCleanup(scene.close)
        scene.start()
        providers = scene.folder / "providers.yaml"
        providers.write_text(PROVIDERS.format(address=base64.b64encode(listener.url("/slack").encode()).decode(),
                                              robot=listener.url("/robot"), pager=listener.url("/pager")))
        text = (SEED / "podinfo.yaml").read_text() + "\n---\n" + (SEED / "podinfo-canary.yaml").read_text()
        text = re.sub(r"(initialDelaySeconds|minReadySeconds): \d+", r"\1: 0", text)
        text = re.sub(r"\n    threshold: ", ALERTS + "    threshold: ", text, count=1)
        everything = scene.folder / "all.yaml"
        everything.write_text(text)
        code, out, err = scene.cli("apply", "-f", providers, "-f", everything)
        self.assertEqual((code, err), (0, ""), out)
        scene.wait_phase("Initialized", timeout=60)

        first, second = listener.wait("/slack", count=2)[:2]
        self.assertEqual((first.status, second.status, first.body), (503, 200, second.body))
        self.assertEqual(second.headers["authorization"], "Bearer xoxb-1")
        self.assertEqual(second.parsed["channel"], "releases")
        attachment = second.parsed["attachments"][0]
        self.assertEqual((attachment["color"], attachment["author_name"]), ("good", "podinfo-default.default"))
        self.assertEqual(attachment["text"], "New Deployment detected, initialization completed.")
        self.assertIn({"title": "Target", "value": "Deployment/podinfo.default", "short": False}, attachment["fields"])
        robot = listener.wait("/robot")[0]
        self.assertIn("New Deployment detected", robot.parsed["markdown"]["text"])
        self.assertEqual(listener.count("/pager"), 0)
        self.assertIn("alert provider missing.default error: not found", scene.serve.log.read_text())
        self.assertNotIn("xoxb-1", scene.serve.log.read_text())


if __name__ == "__main__":
    unittest.main()
