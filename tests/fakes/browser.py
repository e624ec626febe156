"""A person with a web browser: cookies, redirects, forms. For the pages that links in chat lead to."""

import json
import urllib.parse
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.fakes.delivery import send

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
MAX_REDIRECTS = 5
VOID_INPUTS = ("submit", "button", "image", "reset")


@dataclass
class Form:
    action: str
    method: str
    fields: dict = field(default_factory=dict)
    buttons: list = field(default_factory=list)


class PageReader(HTMLParser):
    """Forms with their preset fields, submit buttons, and the text a person reads."""

    def __init__(self):
        super().__init__()
        self.forms = []
        self.words = []
        self.hidden = 0
        self.form = None
        self.button = None

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self.hidden += 1
        elif tag == "form":
            self.form = Form(given.get("action", ""), given.get("method", "get").upper())
            self.forms.append(self.form)
        elif self.form is not None and tag in ("input", "textarea", "select"):
            self.field(tag, given)
        elif self.form is not None and tag == "button" and given.get("type", "submit") == "submit":
            self.button = {"name": given.get("name", ""), "value": given.get("value", ""), "label": "",
                           "action": given.get("formaction", "")}
            self.form.buttons.append(self.button)

    def field(self, tag, given):
        kind = given.get("type", "text").lower() if tag == "input" else tag
        if kind in VOID_INPUTS:
            self.form.buttons.append({"name": given.get("name", ""), "value": given.get("value", ""),
                                      "label": given.get("value", ""), "action": given.get("formaction", "")})
        elif given.get("name") and (kind not in ("checkbox", "radio") or "checked" in given):
            self.form.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.hidden -= 1
        elif tag == "form":
            self.form = None
        elif tag == "button":
            self.button = None

    def handle_data(self, data):
        if self.hidden:
            return
        if self.button is not None:
            self.button["label"] = (self.button["label"] + data).strip()
        if data.strip():
            self.words.append(data.strip())


@dataclass
class Page:
    url: str
    delivery: object
    forms: list
    text: str

    @property
    def status(self):
        return self.delivery.status

    def json(self):
        return json.loads(self.delivery.body)


@dataclass
class Cookie:
    value: str
    path: str
    strict: bool


class Browser:
    def __init__(self, agent=AGENT):
        self.agent = agent
        self.cookies = {}

    # -- cookies --------------------------------------------------------------------------------

    def store(self, host, delivery):
        for line in delivery.cookies:
            first, *rest = [part.strip() for part in line.split(";")]
            name, _, value = first.partition("=")
            marks = {k.lower(): v for k, _, v in (part.partition("=") for part in rest)}
            if marks.get("max-age") == "0":
                self.cookies.pop((host, name), None)
            else:
                strict = marks.get("samesite", "").lower() == "strict"
                self.cookies[host, name] = Cookie(value, marks.get("path", "/"), strict)

    def cookie_header(self, host, path, from_elsewhere):
        found = [f"{name}={c.value}" for (owner, name), c in self.cookies.items()
                 if owner == host and path.startswith(c.path) and not (c.strict and from_elsewhere)]
        return [("Cookie", "; ".join(found))] if found else []

    # -- going places ---------------------------------------------------------------------------

    def request(self, url, method="GET", body=b"", headers=(), from_elsewhere=False):
        for _ in range(MAX_REDIRECTS):
            parts = urllib.parse.urlsplit(url)
            sent = [("User-Agent", self.agent), ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
                    ("Sec-Fetch-Site", "cross-site" if from_elsewhere else "same-origin"),
                    *self.cookie_header(parts.netloc, parts.path or "/", from_elsewhere), *headers]
            delivery = send(url, body, sent, method)
            self.store(parts.netloc, delivery)
            if delivery.status not in (301, 302, 303, 307, 308) or "location" not in delivery.headers:
                return self.read(url, delivery)
            url = urllib.parse.urljoin(url, delivery.headers["location"])
            if delivery.status in (301, 302, 303):
                method, body, headers = "GET", b"", ()
        raise AssertionError(f"more than {MAX_REDIRECTS} redirects, at {url}")

    def read(self, url, delivery):
        reader = PageReader()
        if "html" in delivery.headers.get("content-type", ""):
            reader.feed(delivery.body)
        return Page(url, delivery, reader.forms, " ".join(reader.words) or delivery.body)

    def open(self, url):
        """Follow a link from another application, such as a chat client."""
        return self.request(url, from_elsewhere=True)

    def submit(self, page, button="", origin=None, form=0, **values):
        """Fill in a form of the page and press a button (by label or value; the first when none is named).

        origin: another Origin than the page's own, for a forged form.
        """
        chosen = page.forms[form]
        unknown = set(values) - set(chosen.fields)
        if unknown:
            raise AssertionError(f"the form has no {sorted(unknown)}, it has {sorted(chosen.fields)}")
        pressed = next((b for b in chosen.buttons if button in ("", b["label"], b["value"])), None)
        if pressed is None:
            raise AssertionError(f"no button {button!r}, the form has {chosen.buttons}")
        fields = {**chosen.fields, **values}
        if pressed["name"]:
            fields[pressed["name"]] = pressed["value"]
        target = urllib.parse.urljoin(page.url, pressed["action"] or chosen.action or page.url)
        body = urllib.parse.urlencode(fields)
        if chosen.method == "GET":
            return self.request(target.split("?")[0] + "?" + body)
        home = urllib.parse.urlsplit(page.url)
        headers = [("Content-Type", "application/x-www-form-urlencoded"),
                   ("Origin", origin or f"{home.scheme}://{home.netloc}")]
        return self.request(target, "POST", body.encode(), headers, from_elsewhere=origin is not None)
