"""The page in headless Chromium: paint, tables, comparisons, zoom, the way of a log line, memory.

Usage: python benchmarks/page.py [--rounds N] [--jobs N] [--components N] [--lines N] [--seconds S]
"""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from plane import ACCOUNT, REGION, Server, keep_jobs_in_home
from rounds import Sample, arguments, collect, spread, table

from sagelet.domain.experiments import Experiment, Trial, TrialComponent
from sagelet.domain.metrics import Datum
from sagelet.store import open_store

METRICS, POINTS = 6, 1000
CHART = 100_000
RATE = 5000
#: Seconds that a page may need until it listens.
SLACK = 8
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--no-first-run", "--enable-precise-memory-info"),
)

#: Prints ``RATE`` lines a second, each with the time at which it was printed.
PRINTER = """
import os, time
rate, seconds = int(os.environ["RATE"]), float(os.environ["SECONDS"])
began = time.time()
sent = 0
while (now := time.time()) < began + seconds:
    while sent < (now - began) * rate:
        os.write(1, f"line {sent} at {time.time() * 1000:.1f} {'x' * 40}\\n".encode())
        sent += 1
    time.sleep(0.001)
"""

#: Prints as fast as it can.
FLOOD = """
import os, sys
lines = int(os.environ["LINES"])
block = 5000
for start in range(0, lines, block):
    sys.stdout.write("".join(f"line {n} {'x' * 40}\\n" for n in range(start, start + block)))
sys.stdout.flush()
"""

WATCH_LINES = """() => {
  window.seen = [];
  new MutationObserver((changes) => {
    const now = Date.now();
    for (const change of changes) for (const node of change.addedNodes) {
      const found = / at ([0-9.]+) /.exec(node.textContent ?? "");
      if (found) window.seen.push(now - Number(found[1]));
    }
  }).observe(document.querySelector(".log .lines"), { childList: true });
}"""

#: Zoom in and out over the first chart with the wheel; how long each frame took.
ZOOM = """async (rounds) => {
  const canvas = document.querySelector(".card-chart canvas");
  const box = canvas.getBoundingClientRect();
  const frames = [];
  let last = performance.now();
  for (let i = 0; i < rounds; i++) {
    const deltaY = i % 60 < 30 ? -40 : 40;
    const [clientX, clientY] = [box.left + box.width * 0.6, box.top + 50];
    const how = { deltaY, clientX, clientY, ctrlKey: true, bubbles: true, cancelable: true };
    canvas.dispatchEvent(new WheelEvent("wheel", how));
    await new Promise((next) => requestAnimationFrame(next));
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames.slice(2);
}"""

#: Draw as many points as a chart may ever have, without a server that thins them.
DRAW = """async ([lines, points]) => {
  const root = document.querySelector("script[type=module]").src.replace("app.js", "");
  const { draw, prepare } = await import(root + "charts/line-draw.js");
  const canvas = document.createElement("canvas");
  canvas.style.cssText = "width: 640px; height: 240px";
  document.body.append(canvas);
  const given = Array.from({ length: lines }, (_, k) => ({
    name: String(k), color: `hsl(${(k * 137) % 360} 60% 45%)`, dash: [],
    x: Array.from({ length: points }, (_, i) => i),
    y: Array.from({ length: points }, (_, i) => Math.sin(i / 50 + k) + Math.random()),
  }));
  const ready = prepare(given, 0, false);
  const took = [];
  for (let i = 0; i < 60; i++) {
    const half = (points / 2) * (1 - i / 80);
    const began = performance.now();
    const zoom = [points / 2 - half, points / 2 + half];
    const how = { x: "step", log: false, weight: 0, zoom, clip: false, above: null };
    draw(canvas, 640, 240, ready, how);
    canvas.getContext("2d").getImageData(0, 0, 1, 1);
    took.push(performance.now() - began);
  }
  canvas.remove();
  return took;
}"""


class Browser:
    """Chromium, and a page that has been here before."""

    def __init__(self, playwright: Any, url: str) -> None:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        self.url = url
        self.chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        self.context = self.chromium.new_context(
            viewport={"width": 1440, "height": 900}, bypass_csp=True
        )
        self.page("").close()

    def page(self, path: str, height: int = 900) -> Any:
        """A page, which is there once its table, chart or heading is."""
        page = self.context.new_page()
        page.set_viewport_size({"width": 1440, "height": height})
        page.set_default_timeout(120_000)
        page.goto(f"{self.url}/_ui/{path}")
        page.locator("h1").first.wait_for()
        page.locator(".coming").wait_for(state="detached")
        return page

    def until(self, path: str, ready: str, height: int = 900) -> float:
        """Milliseconds from the start of the navigation until an expression is true."""
        page = self.context.new_page()
        page.set_viewport_size({"width": 1440, "height": height})
        page.set_default_timeout(120_000)
        page.add_init_script(
            f"""(() => {{ const look = () => {{ let now = false; try {{ now = {ready}; }} catch {{}}
            if (now) requestAnimationFrame(() => {{ window.ready = performance.now(); }});
            else requestAnimationFrame(look); }}; requestAnimationFrame(look); }})()"""
        )
        page.goto(f"{self.url}/_ui/{path}", wait_until="commit")
        page.wait_for_function("window.ready")
        found = float(page.evaluate("window.ready"))
        page.close()
        return found

    def memory(self) -> float:
        """Resident memory of the largest process that draws a page, in MB."""
        session = self.chromium.new_browser_cdp_session()
        found = session.send("SystemInfo.getProcessInfo")["processInfo"]
        sizes = [0.0]
        for process in found:
            if process["type"] == "renderer":
                status = Path(f"/proc/{process['id']}/status").read_text()
                line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
                sizes.append(int(line.split()[1]) / 1e3)
        return max(sizes)

    def close(self) -> None:
        """End it."""
        self.chromium.close()


def keep_components(home: Path, count: int) -> None:
    """An experiment with components of six metrics, and one component with a long series."""
    store = open_store(home, REGION)
    now = time.time()
    who = (ACCOUNT, REGION, now, now)
    store.experiments.add(Experiment("bench", *who), {})
    for number in range(count):
        name = f"bench-{number:03}"
        store.experiments.add_trial(Trial(name, "bench", *who), {})
        parameters = {"lr": 0.001 * (number + 1), "width": float(2 ** (number % 6)), "seed": 7.0}
        component = TrialComponent(
            f"{name}-run",
            *who,
            {"DisplayName": "Training"},
            {**parameters, "opt": "ab"[number % 2]},
        )
        store.trial_components.add(component, {})
        store.trial_components.associate(component.name, name, ACCOUNT)
        store.trial_components.put_metrics(
            component.name,
            ACCOUNT,
            [
                Datum(f"metric-{m}", math.sin(at / 40 + m) + number / count, now + at, at)
                for m in range(METRICS)
                for at in range(POINTS)
            ],
        )
    store.database.close()


def paint(browser: Browser) -> Sample:
    page = browser.context.new_page()
    page.goto(f"{browser.url}/_ui/")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.close()
    return {"first paint": float(first)}


def tables(browser: Browser, jobs: int) -> Sample:
    row = "document.querySelectorAll('.rows .line a.cover').length > 10"
    found = {"table of jobs": browser.until("jobs", row)}
    page = browser.page("jobs")
    page.wait_for_function(row)
    began = time.perf_counter()
    page.evaluate("document.querySelector('.table .scroll').scrollTop = 1e9")
    page.get_by_text(f"job-{0:05}").first.wait_for()
    found["to its end"] = (time.perf_counter() - began) * 1000
    page.close()
    del jobs
    return found


def comparison(browser: Browser) -> Sample:
    drawn = f"""(() => {{
      const all = [...document.querySelectorAll('.card-chart canvas[role=img]')];
      const told = (each) => /points/.test(each.getAttribute('aria-label'));
      return all.length >= {METRICS} && all.every(told);
    }})()"""
    return {"comparison": browser.until("compare?e=bench", drawn, height=2600)}


def zooming(browser: Browser) -> Sample:
    page = browser.page("compare?e=bench", height=1600)
    page.wait_for_function("document.querySelector('.card-chart canvas')")
    frames = page.evaluate(ZOOM, 120)
    found = {"zoom frame, median": statistics.median(frames), "zoom frame, p95": p(frames, 95)}
    for name, size in (("one line", (1, CHART)), ("100 lines", (100, CHART // 100))):
        took = page.evaluate(DRAW, list(size))
        found[f"draw, {name}"] = statistics.median(took)
    page.close()
    return found


def p(values: Sequence[float], percent: int) -> float:
    """A percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


def train(
    home: Path, script: Path, name: str, metric: str | None = None, **environ: str
) -> subprocess.Popen[bytes]:
    given = [part for key, value in environ.items() for part in ("--env", f"{key}={value}")]
    given += ["--metric", metric] if metric else []
    command = [sys.executable, "-m", "sagelet", "train", str(script), "--name", name]
    return subprocess.Popen(
        [
            *command,
            "--framework",
            "pytorch",
            "--python",
            sys.executable,
            "--backend",
            "process",
            *given,
        ],
        env={**os.environ, "SAGELET_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def live(browser: Browser, home: Path, folder: Path, turn: list[int], seconds: float) -> Sample:
    turn[0] += 1
    script = folder / "printer.py"
    script.write_text(PRINTER)
    job = train(home, script, f"live-{turn[0]}", RATE=str(RATE), SECONDS=str(seconds + SLACK))
    page = browser.context.new_page()
    page.set_default_timeout(120_000)
    await_job(browser.url, f"live-{turn[0]}")
    page.goto(f"{browser.url}/_ui/jobs/live-{turn[0]}/logs")
    page.wait_for_selector(".log .lines .ln")
    page.evaluate(WATCH_LINES)
    page.wait_for_timeout(1000)
    page.evaluate("window.seen = []")
    page.wait_for_timeout(seconds * 1000)
    seen = page.evaluate("window.seen")
    page.close()
    job.wait()
    return {"line, median": statistics.median(seen), "line, p99": p(seen, 99), "lines": len(seen)}


def await_job(url: str, name: str) -> None:
    """Wait until it was submitted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        try:
            opener.open(f"{url}/_api/jobs/{name}", timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{name} was never submitted")


def memory(browser: Browser, home: Path, folder: Path, turn: list[int], lines: int) -> Sample:
    turn[0] += 1
    script = folder / "flood.py"
    script.write_text(FLOOD)
    name = f"flood-{turn[0]}"
    job = train(home, script, name, LINES=str(lines))
    page = browser.context.new_page()
    page.set_default_timeout(120_000)
    await_job(browser.url, name)
    page.goto(f"{browser.url}/_ui/jobs/{name}/logs")
    job.wait()
    page.get_by_text(f"line {lines - 1} ").first.wait_for()
    session = browser.context.new_cdp_session(page)
    began = time.perf_counter()
    page.evaluate("document.querySelector('.log .lines').scrollTop = 0")
    box = page.locator(".where").bounding_box()
    page.mouse.click(box["x"] + 4, box["y"] + box["height"] / 2)
    page.wait_for_function(
        f"(() => {{ const n = Number(/line (\\d+)/.exec(document.querySelector('.log .lines')."
        f"textContent)?.[1]); return n > {lines * 0.3} && n < {lines * 0.7}; }})()"
    )
    jump = (time.perf_counter() - began) * 1000
    session.send("HeapProfiler.collectGarbage")
    held = browser.memory()
    page.close()
    return {"held, MB": held, "jump to the middle": jump}


@contextmanager
def opened(home: Path) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "sagelet", "serve", "--port"]
    server = Server("sagelet", command, {"SAGELET_HOME": str(home)})
    server.start()
    try:
        with sync_playwright() as playwright:
            browser = Browser(playwright, server.url)
            yield browser
            browser.close()
    finally:
        server.stop()


ROWS = [
    # what is measured, its name in the samples, budget, digits
    ("first paint", "first paint", "150", 0),
    ("table of {jobs:,} jobs, until its rows are there", "table of jobs", "500", 0),
    ("from its beginning to its end", "to its end", "-", 0),
    ("compare {components} components, {metrics} charts drawn", "comparison", "700", 0),
    ("a frame while zooming into {chart:,} points, median", "zoom frame, median", "16.7", 1),
    ("p95", "zoom frame, p95", "16.7", 1),
    ("drawing {chart:,} points that nobody thinned, one line", "draw, one line", "-", 1),
    ("100 lines", "draw, 100 lines", "-", 1),
    ("from print to page at {rate:,} lines a second, median", "line, median", "-", 0),
    ("p99", "line, p99", "200", 0),
    ("jump into the middle of {lines:,} lines", "jump to the middle", "-", 0),
    ("resident memory of the page's process then, MB", "held, MB", "300 MB", 0),
]


def main() -> None:
    parser = arguments(5)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place), Path(place) / "home"
        keep_jobs_in_home(home, options.jobs)
        keep_components(home, options.components)
        turn = [0]
        with opened(home) as browser:
            samples = dict(
                collect(
                    [
                        partial(paint, browser),
                        partial(tables, browser, options.jobs),
                        partial(comparison, browser),
                        partial(zooming, browser),
                    ],
                    options.rounds,
                )
            )
            few = min(3, options.rounds)
            samples |= collect(
                [partial(live, browser, home, folder, turn, options.seconds)], few, warm=False
            )
            samples |= collect(
                [partial(memory, browser, home, folder, turn, options.lines)], 1, warm=False
            )
    words = {
        **vars(options),
        "metrics": METRICS,
        "chart": CHART,
        "rate": RATE,
    }
    print(
        f"""## The page

Headless Chromium, without a GPU, on the machine that serves: 1440 x 900 pixels, a warm server, a
browser that was here before. A comparison is of components with {POINTS:,} points a metric, in a
window high enough for all of its charts; zooming is the wheel over one of them. A line's way is
from its print in a job to its element on the page. Drawing is what a chart of so many points would
take if the control plane did not thin them.

Medians (least to most) of {options.rounds} rounds, milliseconds. Python \
{sys.version.split()[0]}, load average {os.getloadavg()[0]:.1f}.
"""
    )
    rows = [
        [what.format(**words), spread(samples[key], digits), budget]
        for what, key, budget, digits in ROWS
    ]
    print(table(["", "ours", "budget"], rows))
    if "--json" in sys.argv:
        print(json.dumps({key: list(values) for key, values in samples.items()}))


if __name__ == "__main__":
    main()
