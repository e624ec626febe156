"""What every end-to-end suite stands on: waiting for conditions, ports, processes, scratch folders."""

import atexit
import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Below the range that the kernel gives to outgoing connections, so that none of those takes a port between our look
# and the server's bind.
PORTS = range(20000, 32000)

POLL_SECONDS = 0.05


class NotYet(Exception):
    """Base of the errors of our clients that a wait outlives: an answer that says no may say yes a moment later."""


# What a predicate may raise while the world is not ready yet. Anything else is a mistake in the test and goes up.
NOT_YET = (NotYet, OSError, AssertionError, LookupError, http.client.HTTPException)



def wait_for(predicate, timeout, what, interval=POLL_SECONDS):
    """Returns the first true value of predicate(); fails with what was waited for and what was last seen.

    `what` is a text, or a function that gives it at the moment of failure (a log's tail, say).
    """
    started = time.monotonic()
    while True:
        seen, problem = None, None
        try:
            seen = predicate()
        except NOT_YET as error:
            problem = error
        if seen:
            return seen
        if time.monotonic() - started >= timeout:
            break
        time.sleep(interval)
    text = what() if callable(what) else what
    last = f"last error: {type(problem).__name__}: {problem}" if problem else f"last seen: {_shorten(repr(seen))}"
    raise AssertionError(f"not within {timeout:g} s: {text}\n{last}")


def _shorten(text, limit=2000):
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


_given_ports = set()


def free_port():
    """A port on 127.0.0.1 that nobody listens on, and that this process has not given out before."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise AssertionError(f"no free port in {PORTS.start}..{PORTS.stop - 1}")


def scratch_folder(name):
    """A new empty folder that is gone when this process ends; ROLLCALL_KEEP=1 leaves it for a look."""
    folder = Path(tempfile.mkdtemp(prefix=f"rollcall-{name}-"))
    if os.environ.get("ROLLCALL_KEEP") != "1":
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Process:
    """A program that runs beside the test, with its output in a file.

    It ends with the test's process at the latest, even if that is killed, unless `detached`.
    """

    _running = set()

    def __init__(self, name, argv, log, env=None, cwd=None, detached=False):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = Path(log)
        self.env = env
        self.cwd = cwd
        self.detached = detached
        self._popen = None

    def start(self):
        assert not self.alive(), f"{self.name} runs already"
        argv = self.argv
        # The kernel sends the death signal when the starting *thread* ends, hence the main thread only.
        main_thread = threading.current_thread() is threading.main_thread()
        if not self.detached and main_thread and shutil.which("setpriv"):
            argv = ["setpriv", "--pdeathsig", "KILL", "--", *argv]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as output:
            self._popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                start_new_session=True,
            )
        if not self.detached:
            Process._running.add(self)
        return self

    @property
    def pid(self):
        assert self._popen, f"{self.name} was never started"
        return self._popen.pid

    @property
    def exit_code(self):
        return self._popen.poll() if self._popen else None

    def alive(self):
        return self._popen is not None and self._popen.poll() is None

    def wait_ready(self, predicate, timeout, what):
        """As wait_for, but a process that has ended is told at once, with the end of its log."""

        def ready():
            if not self.alive():
                raise ProcessEnded(f"{self.name} ended with {self.exit_code} before {what}\n{self.tail()}")
            return predicate()

        return wait_for(ready, timeout, lambda: f"{what}\n{self.tail()}")

    def wait(self, timeout):
        """Waits until it ends by itself; returns its exit code."""
        wait_for(lambda: not self.alive(), timeout, lambda: f"the end of {self.name}\n{self.tail()}")
        return self._ended()

    def stop(self, timeout=15):
        """SIGTERM, then SIGKILL when it does not listen; returns its exit code (-9 when it had to be killed)."""
        if self.alive():
            self._popen.terminate()
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        return self._ended()

    def kill9(self):
        """The crash of a crash test."""
        if self.alive():
            self._popen.kill()
        return self._ended()

    def signal(self, number):
        if self.alive():
            self._popen.send_signal(number)

    def output(self):
        """Everything it has written so far, in earlier runs on the same log too."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=40):
        return tail(self.log, lines)

    def rss_bytes(self):
        return rss_bytes(self.pid)

    def _ended(self):
        Process._running.discard(self)
        return self._popen.wait() if self._popen else None

    def __enter__(self):
        return self if self._popen else self.start()

    def __exit__(self, *_):
        self.stop()


class ProcessEnded(Exception):
    """Not an AssertionError: waiting longer cannot help."""


@atexit.register
def _stop_all():
    for process in list(Process._running):
        with contextlib.suppress(OSError):
            process.stop(timeout=5)


def interrupt_on_sigterm():
    """Makes a terminated runner clean up behind itself as an interrupted one does."""

    def leave(*_):
        # unittest takes everything but this one for the failure of a test.
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)


def tail(log, lines=40):
    """The end of a log, and before it the place where a Go program says why it crashed, if it does."""
    try:
        text = Path(log).read_text(errors="replace").splitlines()
    except OSError as error:
        return f"(no log: {error})"
    crash = next((at for at, line in enumerate(text) if line.startswith(("panic: ", "fatal error: "))), None)
    kept = text[-lines:]
    if crash is not None and crash < len(text) - lines:
        kept = [*text[crash : crash + lines], "...", *kept[-5:]]
    return "\n".join([f"--- end of {log}", *kept, "---"])


def rss_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no memory of its own")
