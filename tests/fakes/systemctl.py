#!/usr/bin/env python3
"""systemctl as far as `start --wait` and `stop` of an instance of a template unit go; units are in
the folder above the one by which it was found in PATH.

It reads EnvironmentFile= and ExecStart= of the unit's file; a started unit is a process of its own session, whose id is in
UNIT.pid until it ends. Every call is a line in calls.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path(sys.argv[0]).parent.parent


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


def environment(file):
    values = {}
    for line in Path(file).read_text().splitlines():
        name, _, value = line.partition("=")
        values[name] = re.sub(r"\\(.)", r"\1", value[1:-1])  # quoted, as systemd.exec(5) has it
    return values


def instance_of(unit):
    template, instance = re.fullmatch(r"(.*@)(.*)\.service", unit).groups()
    text = (UNITS / f"{template}.service").read_text().replace("%i", instance)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def start(unit):
    file, settings = UNITS / f"{unit}.pid", instance_of(unit)
    if not file.exists() or not alive(int(file.read_text())):
        values = environment(settings["EnvironmentFile"])
        command = [re.sub(r"\$(\w+)", lambda m: values.get(m[1], ""), word) for word in shlex.split(settings["ExecStart"])]
        process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **values}, start_new_session=True)
        file.write_text(str(process.pid))
        return process.wait()
    pid = int(file.read_text())
    while alive(pid):  # somebody else's child: as --wait, by looking
        time.sleep(0.05)
    return 0


def stop(unit):
    file = UNITS / f"{unit}.pid"
    if file.exists():
        pid = int(file.read_text())
        os.killpg(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid))
    return 0


def main(verb, *words):
    unit = [word for word in words if not word.startswith("--")][0]
    with open(UNITS / "calls", "a", encoding="utf-8") as calls:
        calls.write(f"{verb} {unit}\n")
    return {"start": start, "stop": stop}[verb](unit)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
