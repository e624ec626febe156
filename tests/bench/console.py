"""Figures of the console with many rollouts: python3 tests/bench/console.py [COUNT]

One machine with an embedded cluster and a release build (ROLLCALL_BUILD, default build/release), Chromium without a
screen on the same machine. Prints one line a figure; RESULTS.md keeps them."""

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("ROLLCALL_BUILD", str(Path(__file__).resolve().parents[2] / "build/release"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

import stage  # noqa: E402

import chromium  # noqa: E402

CHANGES = 100
# Tells when the row's new word has been painted: after the frame that follows the change.
WATCH = """(() => {
    const row = [...document.querySelectorAll(".row")].find((r) => r.querySelector("a.name")?.textContent === name);
    const word = row.querySelector(".word");
    window.painted = new Promise((resolve) => {
        const observer = new MutationObserver(() => {
            observer.disconnect();
            requestAnimationFrame(() => {
                const channel = new MessageChannel();
                channel.port1.onmessage = () => resolve(Date.now());
                channel.port2.postMessage(0);
            });
        });
        observer.observe(word, {childList: true, characterData: true, subtree: true});
    });
    return true;
})()"""


def say(name, value):
    print(f"{name}: {value}", flush=True)


def documents(i):
    name = f"app-{i}"
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
           "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}},
                    "template": {"metadata": {"labels": {"app": name}},
                                 "spec": {"containers": [{"name": "app", "image": f"registry.example.com/{name}:1"}]}}}}
    yield {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": "default"},
           "spec": {"suspend": True, "provider": "kubernetes",
                    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "service": {"port": 80}, "analysis": {"interval": "60m", "threshold": 3, "iterations": 5}}}


def apply_many(on, count, piece=50):
    file = on.folder / "many.json"
    for start in range(0, count, piece):
        file.write_text("\n---\n".join(json.dumps(d) for i in range(start, min(count, start + piece))
                                       for d in documents(i)))
        on.cli("apply", "-f", file)


def first_paint(page, on, count):
    """A page that was never here before, from the address to the last row."""
    page.command("Network.clearBrowserCache")
    before, unpacked = (len(page.browser.events(page.session, f"Network.{e}")) for e in ("loadingFinished", "dataReceived"))
    page.go(on.url)
    page.until(f'document.querySelectorAll(".row a.name").length === {count}', 60)
    times = page.js("""({paint: performance.getEntriesByType("paint").find((p) => p.name === "first-contentful-paint")
        .startTime, rows: performance.now()})""")
    finished = page.browser.events(page.session, "Network.loadingFinished")[before:]
    received = page.browser.events(page.session, "Network.dataReceived")[unpacked:]
    return times, sum(e["encodedDataLength"] for e in finished), sum(e["dataLength"] for e in received)


def change_to_pixel(page, on, count):
    token = {"Authorization": f"Bearer {on.admin()}"}
    took = []
    shown = sorted(f"app-{i}" for i in range(count))[:8]  # rows that are on the screen
    for i in range(CHANGES):
        name = shown[i % len(shown)]
        page.js(WATCH, name=name)
        began = time.time()
        status, _, body = on.ask("PATCH", f"/api/v1/objects/Canary/default/{name}",
                                 json.dumps({"spec": {"suspend": i // len(shown) % 2 == 1}}), token)
        assert status == 200, body
        took.append(page.js("window.painted") - began * 1000)
    return sorted(took)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    on = stage.Stage("bench-console", 9)
    on.config.write_text(on.config.read_text().replace("level: debug", "level: warn"))
    on.start()
    browser = chromium.Browser(on.folder)
    try:
        apply_many(on, count)
        say(f"console, {count} rollouts, service before a page", f"{on.serve.rss_bytes() / 1e6:.1f} MB")
        page = on.sign_in(browser.person(), "lin.wei")
        page.until(f'document.querySelectorAll(".row a.name").length === {count}', 60)
        times, files, total = first_paint(page, on, count)
        say(f"console, {count} rollouts, first paint", f"{times['paint']:.0f} ms")
        say(f"console, {count} rollouts, all rows there", f"{times['rows']:.0f} ms")
        say(f"console, {count} rollouts, files (compressed)", f"{files / 1e3:.0f} kB")
        say(f"console, {count} rollouts, files and rollouts, unpacked", f"{total / 1e3:.0f} kB")
        took = change_to_pixel(page, on, count)
        say(f"console, {count} rollouts, state change to pixel, p50 / p99 of {CHANGES}",
            f"{statistics.median(took):.0f} / {took[-2]:.0f} ms")
        say(f"console, {count} rollouts, service with a page", f"{on.serve.rss_bytes() / 1e6:.1f} MB")
    finally:
        browser.close()
        on.close()


if __name__ == "__main__":
    main()
