"""Chromium without a screen, driven by its DevTools protocol through a pipe: no port, no WebSocket, no driver program."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import threading
import unittest
from pathlib import Path

import rig

NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, "")}


class PageError(Exception):
    """A script in the page raised, or the browser refused a command."""


class Browser:
    """One process; people are contexts of it, with cookies of their own. Use as a context manager."""

    def __init__(self, folder):
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        if program is None:
            raise unittest.SkipTest("chromium is not installed")
        self._lock = threading.Condition()
        self._answers, self._events, self._serial, self._gone = {}, {}, 0, False
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        arguments = [
            program, "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-gpu",
            "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB",
            f"--user-data-dir={Path(folder) / 'chromium'}", "about:blank",
        ]
        if os.geteuid() == 0:
            arguments.insert(1, "--no-sandbox")
        self._log = open(Path(folder) / "chromium.log", "ab")
        # The protocol wants the descriptors 3 and 4.
        self._process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", *arguments],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(PageError, OSError):
            self.command("Browser.close", timeout=5)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._out)
        self._log.close()

    def _read(self):
        rest = b""
        with open(self._in, "rb", buffering=0) as stream:
            while piece := stream.read(1 << 16):
                *whole, rest = (rest + piece).split(b"\0")
                for text in whole:
                    self._take(json.loads(text))
        with self._lock:
            self._gone = True
            self._lock.notify_all()

    def _take(self, message):
        with self._lock:
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._events.setdefault(message.get("sessionId"), []).append(message)
            self._lock.notify_all()

    def command(self, method, session=None, timeout=30, **parameters):
        with self._lock:
            self._serial += 1
            number = self._serial
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        text, at = json.dumps(message).encode() + b"\0", 0
        while at < len(text):
            at += os.write(self._out, text[at:])
        with self._lock:
            if not self._lock.wait_for(lambda: number in self._answers or self._gone, timeout) or self._gone:
                raise PageError(f"{method}: no answer from the browser")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def events(self, session, name):
        with self._lock:
            return [e["params"] for e in self._events.get(session, []) if e["method"] == name]

    def person(self, **looks):
        """A page in a context of its own."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        return Page(self, context, **looks)


class Page:
    def __init__(self, browser, context, width=1280, height=900, dark=False, language="en-GB"):
        self.browser = browser
        self.context = context
        target = browser.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.session = browser.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.target = target
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")
        self.look(width, height, dark)
        self.command("Emulation.setLocaleOverride", locale=language)

    def command(self, method, **parameters):
        return self.browser.command(method, self.session, **parameters)

    def close(self):
        self.browser.command("Target.disposeBrowserContext", browserContextId=self.context)

    def look(self, width=1280, height=900, dark=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=width < 700)
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def go(self, url):
        answer = self.command("Page.navigate", url=url)
        if answer.get("errorText"):
            raise PageError(f"{url}: {answer['errorText']}")
        return self

    def js(self, expression, **values):
        """The value of an expression (a promise is awaited); values are its parameters."""
        names = ", ".join(values)
        given = ", ".join(json.dumps(v) for v in values.values())
        answer = self.command("Runtime.evaluate", expression=f"(async ({names}) => ({expression}))({given})",
                              awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details.get("text")))
        return answer["result"].get("value")

    def until(self, expression, timeout=20, what=None, **values):
        """Waits until the expression is true in the page; answers its value."""
        def look():
            try:
                return self.js(expression, **values)
            except PageError as error:  # a page that is being loaded
                raise rig.NotYet(str(error)) from error
        return rig.wait_for(look, timeout, lambda: f"{what or expression}\n{self.text()[:1500]}")

    def text(self):
        with contextlib.suppress(PageError):
            return self.js("document.body.innerText")
        return ""

    def shows(self, text, timeout=20):
        return self.until("document.body.innerText.includes(text)", timeout, f"the page shows {text!r}", text=text)

    def lacks(self, text, timeout=20):
        return self.until("!document.body.innerText.includes(text)", timeout, f"the page lacks {text!r}", text=text)

    # ---- hands: real mouse and keyboard events, at what is really there ----

    def click(self, selector, text=None, timeout=20):
        """The first element that is shown, enabled and has the text; it must be on top where the mouse comes down."""
        find = """(() => {
            const found = [...document.querySelectorAll(selector)].find((e) => e.checkVisibility() && !e.disabled
                && (text === null || e.textContent.trim() === text));
            if (!found) return null;
            found.scrollIntoView({block: "center"});
            const box = found.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
            const top = document.elementFromPoint(x, y);
            return top && (found.contains(top) || top.contains(found)) ? [x, y] : null;
        })()"""
        x, y = self.until(find, timeout, f"{selector} {text or ''} can be clicked", selector=selector, text=text)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, selector, text):
        self.click(selector)
        self.command("Input.insertText", text=text)

    def key(self, name):
        key, code, text = KEYS.get(name, (name, ord(name[0].upper()), name))
        self.command("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self, file, whole=False):
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(file).write_bytes(base64.b64decode(answer["data"]))

    # ---- what went wrong ----

    def complaints(self):
        """Errors of scripts, and what the Content-Security-Policy has stopped."""
        thrown = [e["exceptionDetails"].get("exception", {}).get("description", "?")
                  for e in self.browser.events(self.session, "Runtime.exceptionThrown")]
        logged = [e["entry"]["text"] for e in self.browser.events(self.session, "Log.entryAdded")
                  if e["entry"]["level"] == "error" and e["entry"]["source"] != "network"]
        return thrown + logged

    def requests(self):
        return [e["request"]["url"] for e in self.browser.events(self.session, "Network.requestWillBeSent")]


