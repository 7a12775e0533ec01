"""A page that is left open: what it holds after minutes of events, beside what it held at first.

Usage: python benchmarks/page_soak.py [--seconds S] [--warm S] [--rate N]

Pages of one job that prints, each line with a metric's value: its log, its metrics, the overview.
Garbage is collected before each look, so that what is left is what is held.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from page import await_job, opened, train
from rounds import table

#: Prints ``RATE`` lines a second, each with a value.
PRINTER = """
import math, os, time
rate, seconds = int(os.environ["RATE"]), float(os.environ["SECONDS"])
began = time.time()
sent = 0
while (now := time.time()) < began + seconds:
    while sent < (now - began) * rate:
        os.write(1, f"step {sent} loss={1.5 + math.sin(sent / 500):.5f};\\n".encode())
        sent += 1
    time.sleep(0.02)
"""

PAGES = {
    "its log": "jobs/soak/logs",
    "its metrics": "jobs/soak",
    "overview": "",
    "jobs": "jobs",
    "calls": "calls",
}

#: Remembers each stream that is made.
COUNT = """(() => {
  window.made = [];
  const Real = window.EventSource;
  window.EventSource = class extends Real {
    constructor(...given) { super(...given); window.made.push(new WeakRef(this)); }
  };
})()"""

#: How many streams are open.
OPEN = "window.made.map((e) => e.deref()).filter((e) => e && e.readyState !== 2).length"


class Seen:
    """One page, with connections of its own, and what it holds."""

    def __init__(self, chromium: Any, url: str, path: str) -> None:
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
        self.page = context.new_page()
        self.page.add_init_script(COUNT)
        self.page.goto(f"{url}/_ui/{path}")
        self.page.locator("h1").first.wait_for()
        self.session = context.new_cdp_session(self.page)

    def held(self) -> dict[str, float]:
        """Megabytes of script, and counts of what a page is made of."""
        for _ in range(3):
            self.session.send("HeapProfiler.collectGarbage")
        heap = self.session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        counts = self.session.send("Memory.getDOMCounters")
        return {
            "heap": heap,
            "nodes": counts["nodes"],
            "listeners": counts["jsEventListeners"],
            "streams": self.page.evaluate(OPEN),
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--warm", type=float, default=60)
    parser.add_argument("--rate", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place), Path(place) / "home"
        (folder / "printer.py").write_text(PRINTER)
        with opened(home) as browser:
            total = options.seconds + options.warm + 30
            environ = {"RATE": str(options.rate), "SECONDS": str(total)}
            job = train(
                home, folder / "printer.py", "soak", metric="loss=loss=([0-9.]+)", **environ
            )
            await_job(browser.url, "soak")
            pages = {
                name: Seen(browser.chromium, browser.url, path) for name, path in PAGES.items()
            }
            time.sleep(options.warm)
            first = {name: page.held() for name, page in pages.items()}
            time.sleep(options.seconds)
            last = {name: page.held() for name, page in pages.items()}
            memory = browser.memory()
            job.terminate()
            job.wait()
    print(
        f"""## A page that is left open

{options.seconds:.0f} seconds at {options.rate} lines a second, each with a metric's value, after \
{options.warm:.0f} seconds for what a page keeps to fill. Garbage is collected before each look.
Python {sys.version.split()[0]}, load average {os.getloadavg()[0]:.1f}. The largest process that \
draws held {memory:.0f} MB.
"""
    )
    rows = [
        [
            name,
            *(
                f"{first[name][what]:.{digits}f} → {last[name][what]:.{digits}f}"
                for what, digits in (("heap", 2), ("nodes", 0), ("listeners", 0), ("streams", 0))
            ),
        ]
        for name in PAGES
    ]
    print(table(["page", "heap, MB", "nodes", "listeners", "open streams"], rows))


if __name__ == "__main__":
    main()
