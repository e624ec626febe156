"""The console without a browser: what its page sends, and the events that it hears."""

import http.client
import json


def ask(port, method, path, body=None, headers=None):
    """(status, headers, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


class Person:
    """Cookies and headers as the page sends them."""

    def __init__(self, port, **who):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.cookie = self.csrf = ""
        self.sign_in = ask(port, "POST", "/console/session", json.dumps(who), {"Origin": self.url})
        if self.sign_in[0] == 200:
            self.cookie = self.sign_in[1]["Set-Cookie"].split(";")[0]
            self.csrf = self.get("/console/session")["person"]["csrf"]

    def get(self, path):
        status, _, body = ask(self.port, "GET", path, headers={"Cookie": self.cookie})
        return json.loads(body) if status == 200 else status

    def post(self, path, value=None, **headers):
        given = {"Cookie": self.cookie, "Origin": self.url, "X-Rollcall-Csrf": self.csrf,
                 **{k.replace("_", "-"): v for k, v in headers.items()}}
        status, _, body = ask(self.port, "POST", path, json.dumps(value or {}),
                              {k: v for k, v in given.items() if v is not None})
        return status, json.loads(body)


class Stream:
    """An event stream that is read until a condition holds."""

    def __init__(self, person, seen=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", person.port, timeout=30)
        self.connection.request("GET", "/console/events", headers={
            "Cookie": person.cookie, **({"Last-Event-ID": seen} if seen is not None else {})})
        self.answer = self.connection.getresponse()
        self.events, self.last = [], None

    def read(self):
        """The next (event, data, id)."""
        event, data, number = None, None, None
        while True:
            line = self.answer.readline().decode()
            if not line:
                raise EOFError
            key, _, value = line.rstrip("\n").partition(": ")
            if key == "event":
                event = value
            elif key == "data":
                data = json.loads(value)
            elif key == "id":
                number = self.last = value
            elif not key and event:
                self.events.append(event)
                return event, data, number

    def until(self, wanted):
        for _ in range(2000):
            found = self.read()
            if wanted(*found):
                return found
        raise AssertionError("2000 events, and not the one")

    def close(self):
        self.connection.close()
