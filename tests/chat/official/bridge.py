"""Starts an official client as a node process and talks to it in JSON lines."""

import json
import os
import queue
import shutil
import subprocess
import threading
import time
import unittest
from pathlib import Path

HERE = Path(__file__).parent


_modules = []


def modules():
    """The folder of the installed packages; installed at the first call."""
    if not _modules:
        for tool in ("node", "npm"):
            if shutil.which(tool) is None:
                raise unittest.SkipTest(f"{tool} is not installed")
        done = subprocess.run([str(HERE / "install.sh")], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise unittest.SkipTest(f"official clients could not be installed: {done.stderr[-500:]}")
        _modules.append(done.stdout.strip())
    return _modules[0]


class ClientError(Exception):
    """The official client raised; its own fields are in `answer`."""

    def __init__(self, answer):
        super().__init__(f"{answer.get('code')}: {answer.get('message')}")
        self.answer = answer


class Official:
    """One node process running `script`; use as a context manager."""

    def __init__(self, script, **options):
        environment = {**os.environ, "NODE_PATH": modules(), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        self.process = subprocess.Popen(["node", str(HERE / script), json.dumps(options)], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        self.events = []
        self.serial = 0
        self.errors = []
        for work in (self.read_lines, self.read_errors):
            threading.Thread(target=work, daemon=True).start()
        self.ready = self.wait_event("ready", 30)

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def read_errors(self):
        self.errors.extend(self.process.stderr)

    def next_line(self, deadline):
        try:
            line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            raise AssertionError(f"official client silent or gone: {''.join(self.errors)[-2000:]}")
        return line

    def wait_event(self, name, timeout=10):
        """The next event of this name (older ones first)."""
        deadline = time.monotonic() + timeout
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            line = self.next_line(deadline)
            if "event" in line:
                self.events.append(line)

    def start(self, op, **request):
        self.serial += 1
        self.process.stdin.write(json.dumps({"id": self.serial, "op": op, **request}) + "\n")
        self.process.stdin.flush()
        return self.serial

    def finish(self, number, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            line = self.next_line(deadline)
            if "event" in line:
                self.events.append(line)
            elif line["id"] == number:
                if not line["ok"]:
                    raise ClientError(line)
                self.last_ms = line["ms"]
                return line["value"]

    def run(self, op, **request):
        return self.finish(self.start(op, **request))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
