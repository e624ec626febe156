"""Other people's clients and checkers from PyPI, in a folder outside the tree that is named after the list of them."""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LIST = Path(__file__).resolve().parent / "requirements.txt"


def folder():
    """The folder of the installed packages; installed at the first call."""
    cache = Path(os.environ.get("ROLLCALL_CACHE") or Path.home() / ".cache/rollcall")
    about = LIST.read_bytes() + f"{sys.version_info[:2]}".encode()
    target = cache / f"pypi-{hashlib.sha256(about).hexdigest()[:16]}"
    if (target / ".complete").exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="pypi-new.", dir=cache))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--target", new, "-r", LIST], capture_output=True, text=True, timeout=300,
            check=False)
        if done.returncode != 0:
            raise unittest.SkipTest(f"packages from PyPI could not be installed: {done.stderr[-500:]}")
        (new / ".complete").touch()
        if not target.exists():  # of two installs at the same time the first wins
            new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return target


def load(name):
    """A module of the installed packages."""
    path = str(folder())
    if path not in sys.path:
        sys.path.append(path)
    return importlib.import_module(name)
