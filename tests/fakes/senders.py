"""Systems that send webhooks to rollcall: what they sign, and the shapes of Alertmanager, Grafana and GitHub."""

import base64
import hashlib
import hmac
import json
import time
import uuid


def standard(secret, body, message=None, at=None):
    """Headers of Standard Webhooks, written from the specification."""
    message = message or f"msg_{uuid.uuid4().hex}"
    at = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": message, "webhook-timestamp": at, "webhook-signature": "v1," + base64.b64encode(mac).decode()}


def hub(secret, body):
    """The header of GitHub and of others that took it over."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
            "X-GitHub-Event": "workflow_run", "X-GitHub-Delivery": str(uuid.uuid4())}


def alert(canary, status="firing", namespace="default", name="HighErrorRate", started="2026-11-24T10:00:00Z", **labels):
    labels = {"alertname": name, "severity": "critical", "namespace": namespace, "canary": canary, **labels}
    fingerprint = hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
    return {"status": status, "labels": labels, "annotations": {"summary": "5xx above 5%"}, "startsAt": started,
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus.example/graph", "fingerprint": fingerprint}


def alertmanager(*alerts):
    return {"version": "4", "groupKey": "{}:{alertname=\"x\"}", "truncatedAlerts": 0, "receiver": "rollcall",
            "status": alerts[0]["status"], "alerts": list(alerts), "groupLabels": {}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://alertmanager.example"}


def grafana(*alerts):
    return {**alertmanager(*alerts), "version": "1", "orgId": 1, "title": "[FIRING:1]", "state": "alerting",
            "message": "**Firing**"}


def workflow_run(conclusion, canary, run=1):
    """What of GitHub's workflow_run matters here."""
    return {"action": "completed", "workflow_run": {"id": run, "name": "e2e", "conclusion": conclusion,
                                                    "html_url": f"https://github.example/run/{run}"},
            "repository": {"name": canary, "full_name": f"shop/{canary}"}}
