"""Failures a test orders from a fake: once, N times or until cleared."""

import threading
from dataclasses import dataclass, field

from tests.fakes.http_server import Answer

HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

# before: the request has no effect. after: it has its full effect, only the answer is lost or late.
KINDS_BEFORE = {"ratelimited", "http_500", "http_502", "http_503", "empty", "not_json", "close", "error"}
KINDS_AFTER = {"close_after", "slow", "http_500_after"}


@dataclass
class Fault:
    kind: str
    target: str = "*"
    where: dict = field(default_factory=dict)
    left: object = 1
    delay: float = 0.0
    error: object = "internal_error"
    retry_after: object = 1
    hits: int = 0

    def fits(self, target, args):
        if self.left is not None and self.left <= 0:
            return False
        if self.target not in ("*", target):
            return False
        return all(args.get(key) == value for key, value in self.where.items())


class FaultPlan:
    def __init__(self):
        self.lock = threading.Lock()
        self.faults = []

    def add(self, kind, target="*", times=1, where=None, **settings):
        if kind not in KINDS_BEFORE | KINDS_AFTER:
            raise ValueError(f"unknown fault {kind!r}, one of {sorted(KINDS_BEFORE | KINDS_AFTER)}")
        fault = Fault(kind, target, where or {}, times, **settings)
        with self.lock:
            self.faults.append(fault)
        return fault

    def clear(self):
        with self.lock:
            self.faults.clear()

    def take(self, target, args):
        """The first ordered fault that fits, counted as used; None when all is well."""
        with self.lock:
            for fault in self.faults:
                if fault.fits(target, args):
                    fault.hits += 1
                    if fault.left is not None:
                        fault.left -= 1
                    return fault
        return None


def plain_answer(fault):
    """The answers that are the same on every platform; None for `error` and `ratelimited`, which differ."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    if fault.kind in ("http_500", "http_500_after"):
        return Answer(500, b'{"message":"internal"}', {"Content-Type": "application/json"})
    if fault.kind == "http_502":
        return Answer(502, HTML_502, html)
    if fault.kind == "http_503":
        return Answer(503, b"upstream connect error", {"Content-Type": "text/plain"})
    if fault.kind == "empty":
        return Answer(200, b"")
    if fault.kind == "not_json":
        return Answer(200, b"<!doctype html><p>maintenance", html)
    if fault.kind in ("close", "close_after"):
        return Answer(close=True)
    return None
