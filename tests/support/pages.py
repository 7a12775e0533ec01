"""What tests of the page do: jobs to look at, clients, an open page."""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3

from support.cli import sagelet, wait_until
from support.serve import Plane
from support.tuning import SCRIPT as SEARCHED

SCRIPT = r"""
import os, pathlib, time
print("\x1b[1;32mready\x1b[0m <img src=x onerror=alert(1)>", flush=True)
for number in range(int(os.environ["LINES"])):
    print(f"step {number} loss={1 / (number + 1):.4f};", flush=True)
    if "SLOW" in os.environ:
        while number > 20 and not pathlib.Path(os.environ["SLOW"], str(number)).exists():
            time.sleep(0.02)
if "HOLD" in os.environ:
    while not pathlib.Path(os.environ["HOLD"], os.environ["SM_CURRENT_HOST"]).exists():
        time.sleep(0.02)
if os.environ.get("WRONG") == os.environ["SM_CURRENT_HOST"]:
    print("RuntimeError: caught", flush=True)
if "FAIL" in os.environ:
    raise RuntimeError("out of luck")
pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_bytes(bytes(1000))
"""

#: A processing job's.
PREPARE = """
rows = open("/opt/ml/processing/input/raw/rows.csv").read().split()
open("/opt/ml/processing/output/made/rows.csv", "w").write(" ".join(rows))
print("prepared", len(rows), flush=True)
open("/opt/ml/output/message", "w").write("three rows")
"""

WHERE = ("--framework", "pytorch", "--python", sys.executable)


def clients(plane: Plane, *services: str, region: str = "us-east-1") -> list[Any]:
    """boto3's clients of a control plane."""
    return [
        boto3.client(
            service,
            endpoint_url=plane.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for service in services
    ]


def train(plane: Plane, name: str, *options: str, **environ: str) -> None:
    """Run a job; it ends, unless told ``--detach``."""
    given = [part for key, value in environ.items() for part in ("--env", f"{key}={value}")]
    script = str(plane.folder / "train.py")
    metric = "loss=loss=([0-9.]+)"
    interpreter = ["--framework", "pytorch", "--python", sys.executable]
    done = sagelet(
        *("train", script, "--name", name, "--metric", metric, *interpreter, *given, *options),
        env=plane.environ,
    )
    assert done.returncode == (1 if "FAIL" in environ else 0), done.stdout + done.stderr


def go_on(folder: Path, first: int, last: int) -> None:
    """Let a job that is SLOW in this folder print its lines from ``first`` until ``last``."""
    for number in range(first, last):
        (folder / str(number)).touch()


def used(plane: Plane, name: str, until: Path) -> None:
    """Run a job of two hosts until both were looked at; ``until`` is an empty folder."""
    train(plane, name, "--hosts", "2", "--detach", LINES="1", HOLD=str(until))
    wait_until(lambda: looks(plane, name) > 1, f"{name}: a look at its hosts")
    for host in ("algo-1", "algo-2"):
        (until / host).touch()
    wait_until(lambda: bool(ask(plane, f"jobs/{name}")["over"]), f"{name}: its end")


def looks(plane: Plane, name: str) -> int:
    """How often the hosts of a job were looked at; 0 until each was."""
    found = ask(plane, f"jobs/{name}/usage")
    return (
        found["next"] if len(found["limits"]) == len(ask(plane, f"jobs/{name}")["hostNames"]) else 0
    )


def ask(plane: Plane, path: str) -> Any:
    """A document of the people's door."""
    with urllib.request.urlopen(f"{plane.url}/_api/{path}", timeout=30) as answer:
        return json.load(answer)


def process(plane: Plane, name: str) -> None:
    """Run a processing job to its end."""
    (plane.folder / "prepare.py").write_text(PREPARE)
    (plane.folder / "raw").mkdir(exist_ok=True)
    (plane.folder / "raw" / "rows.csv").write_text("1\n2\n3\n")
    done = sagelet(
        *("process", str(plane.folder / "prepare.py"), "--name", name, *WHERE),
        *("--input", f"raw={plane.folder / 'raw'}", "--output", f"made={plane.folder / 'made'}"),
        env=plane.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def tune(plane: Plane, name: str, *options: str) -> None:
    """Run a tuning job; it ends, unless told ``--detach``."""
    (plane.folder / "tuned.py").write_text(SEARCHED)
    done = sagelet(
        *("tune", str(plane.folder / "tuned.py"), *WHERE, "--name", name),
        *("--range", "lr=0.001:0.1:log", "--range", "way=adam,sgd", "--objective", "acc", *options),
        env=plane.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def shows(page: Any, text: str) -> None:
    """Wait until a page has the text."""
    page.locator("main, .offline").get_by_text(text).first.wait_for()


def go(page: Any, path: str) -> None:
    """Another page of the same control plane."""
    page.goto(page.url.split("/_ui/")[0] + "/_ui/" + path)


def inked(page: Any, canvas: str) -> int:
    """How many pixels of the first such canvas are drawn in a colour of their own, not in grey."""
    return int(
        page.locator(canvas).first.evaluate(
            """(canvas) => {
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              let found = 0;
              for (let i = 0; i < data.length; i += 4) {
                const [r, g, b, a] = data.slice(i, i + 4);
                if (a > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 40) found += 1;
              }
              return found;
            }"""
        )
    )


def counts(page: Any, css: str, number: int) -> None:
    """Wait until there are so many of them."""
    from playwright.sync_api import expect

    expect(page.locator(css)).to_have_count(number, timeout=30_000)
