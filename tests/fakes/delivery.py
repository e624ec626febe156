"""One HTTP request made by a fake in the role of the platform or of a person, and what came back."""

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass, field


@dataclass
class Delivery:
    """Unpacks as (status, body, seconds). Status 0: no answer; `error` says why."""

    status: int
    body: str
    seconds: float
    headers: dict = field(default_factory=dict)
    cookies: list = field(default_factory=list)
    error: str = ""
    passed: bool = False
    sent_url: str = field(default="", repr=False)
    sent_headers: list = field(default_factory=list, repr=False)
    sent_body: bytes = field(default=b"", repr=False)

    def __iter__(self):
        return iter((self.status, self.body, self.seconds))

    def json(self):
        return json.loads(self.body)


def send(url, body=b"", headers=(), method="POST", timeout=10.0):
    """Make one request on a fresh connection; never raises for what the other side does."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=timeout)
    sent = {"sent_url": url, "sent_headers": list(headers), "sent_body": body}
    begin = time.monotonic()
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, text in headers:
            connection.putheader(name, text)
        if body or method not in ("GET", "HEAD"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        seconds = time.monotonic() - begin
        got = {name.lower(): value for name, value in answer.getheaders()}
        cookies = answer.headers.get_all("Set-Cookie") or []
        return Delivery(answer.status, text, seconds, got, cookies, **sent)
    except TimeoutError:
        return Delivery(0, "", time.monotonic() - begin, error="timeout", **sent)
    except (OSError, http.client.HTTPException) as error:
        return Delivery(0, "", time.monotonic() - begin, error=type(error).__name__, **sent)
    finally:
        connection.close()
