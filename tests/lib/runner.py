"""Runs the unittest suites of a folder: one line a test, one line of sums, an honest exit code.

    python3 tests/lib/runner.py tests/cluster [-k PATTERN ...]

With CI=true a skipped test counts as a failure, unless its reason starts with "allowed:" - a machine that is meant to
run everything must not get away with less.
"""

import argparse
import os
import sys
import time
import traceback
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import rig  # noqa: E402

ALLOWED = "allowed:"


class LineResult(unittest.TestResult):
    """Prints the outcome of each test when it has one, and keeps the sums."""

    def __init__(self, strict, output=sys.stdout):
        super().__init__()
        self.passed = 0
        self.failed = 0
        self.skipped_tests = 0
        self._strict = strict
        self._output = output
        self._began = time.monotonic()
        self._broken_parts = 0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._broken_parts = 0

    def addSuccess(self, test):
        # unittest calls this for a test with failed subtests too, up to Python 3.10.
        if not self._broken_parts:
            self.passed += 1
            self._line("ok", test, f"({time.monotonic() - self._began:.1f} s)")

    def addFailure(self, test, error):
        self._fail(test, error)

    def addError(self, test, error):
        self._fail(test, error)

    def addSubTest(self, test, subtest, error):
        if error is None:
            return
        # The test fails once, however many of its parts do; each part says why.
        self._broken_parts += 1
        if self._broken_parts == 1:
            self.failed += 1
        self._line("FAIL", subtest)
        self._explain(error)

    def addSkip(self, test, reason):
        if self._strict and not reason.startswith(ALLOWED):
            self.failed += 1
            self._line("FAIL", test, f"skipped, which CI=true does not allow: {reason}")
        else:
            self.skipped_tests += 1
            self._line("skip", test, reason)

    def addExpectedFailure(self, test, error):
        self._fail(test, error)

    def addUnexpectedSuccess(self, test):
        self.addSuccess(test)

    def _fail(self, test, error):
        if self._broken_parts == 0:
            self.failed += 1
        self._line("FAIL", test)
        self._explain(error)

    def _line(self, word, test, more=""):
        print(f"{word:<4} {test.id()} {more}".rstrip(), file=self._output, flush=True)

    def _explain(self, error):
        text = "".join(traceback.format_exception(*error))
        for line in text.rstrip().splitlines():
            print(f"     | {line}", file=self._output, flush=True)


def load(folder, patterns):
    """All tests of a folder's test_*.py, those that match one of the patterns if there are any."""
    loader = unittest.TestLoader()
    if patterns:
        loader.testNamePatterns = [each if "*" in each else f"*{each}*" for each in patterns]
    return loader.discover(str(folder), pattern="test_*.py", top_level_dir=str(folder))


def run(folder, patterns=(), strict=False, output=sys.stdout):
    """Runs a folder's suite; returns the result after its line of sums is printed."""
    result = LineResult(strict, output)
    load(folder, patterns).run(result)
    if result.passed + result.failed + result.skipped_tests == 0:
        result.failed = 1
        print(f"FAIL {folder}: no test to run", file=output)
    print(
        f"SUITE {Path(folder).resolve().name}: {result.passed} passed, {result.failed} failed, "
        f"{result.skipped_tests} skipped",
        file=output,
        flush=True,
    )
    return result


def main():
    parser = argparse.ArgumentParser(description="run the unittest suites of a folder")
    parser.add_argument("folder", type=Path)
    parser.add_argument("-k", dest="patterns", action="append", default=[], metavar="PATTERN")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    rig.interrupt_on_sigterm()
    try:
        result = run(arguments.folder, arguments.patterns, strict=os.environ.get("CI") == "true")
    except KeyboardInterrupt:
        sys.exit("interrupted")
    sys.exit(1 if result.failed else 0)


if __name__ == "__main__":
    main()
