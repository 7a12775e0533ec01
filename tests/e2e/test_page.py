"""The page in a real browser: every page, live, by keyboard, in the dark, on a phone."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from support.cli import sagelet
from support.serve import Plane

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
IN_CI = os.environ.get("CI") == "true"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="needs Chromium"),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

SCRIPT = r"""
import os, pathlib, time
print("\x1b[1;32mready\x1b[0m <img src=x onerror=alert(1)>", flush=True)
for number in range(int(os.environ["LINES"])):
    print(f"step {number} loss={1 / (number + 1):.4f};", flush=True)
    if "SLOW" in os.environ:
        while number > 20 and not pathlib.Path(os.environ["SLOW"], str(number)).exists():
            time.sleep(0.02)
if "FAIL" in os.environ:
    raise RuntimeError("out of luck")
pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_bytes(bytes(1000))
"""

#: What pages have, and a text that is there once they are whole.
PAGES = {
    "": "Ended last",
    "jobs": "Jobs",
    "jobs/done": "loss",
    "jobs/failed": "Why it failed",
    "jobs/done/logs": "step 39",
    "jobs/done/files": "Outputs",
    "jobs/done/request": "CreateTrainingJob",
    "models": "Models",
    "storage": "Storage",
    "storage/bucket?key=a.csv": "a.csv",
    "calls": "CreateTrainingJob",
    "settings": "SAGELET_HOME",
    "nowhere": "There is no such page",
}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    folder = tmp_path_factory.mktemp("page")
    environ = {"SAGELET_BACKEND": "process", "SAGELET_NETWORKS": "off"}
    made = Plane(folder, environ=environ)
    (folder / "train.py").write_text(SCRIPT)
    try:
        train(made, "done", LINES="40")
        train(made, "failed", LINES="3", FAIL="1")
        s3 = boto3.client(
            "s3",
            endpoint_url=made.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a.csv", Body=b"x,y\n1,<b>2\n")
        yield made
    finally:
        made.stop()


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


Open = Callable[..., Any]


@pytest.fixture
def see(browser: Any, plane: Plane) -> Iterator[Open]:
    """Open a page; whatever a script throws, or a policy refuses, fails the test."""
    faults: list[str] = []
    contexts = []

    def hear(message: Any) -> None:
        # Networks of this machine come and go with other programs' containers.
        if message.type == "error" and "ERR_" not in message.text:
            faults.append(message.text)

    def open_page(path: str, width: int = 1440, scheme: str = "light", **options: Any) -> Any:
        height = 844 if width < 500 else 900
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", hear)
        page.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
        page.goto(f"{plane.url}/_ui/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def shows(page: Any, text: str) -> None:
    """Wait until a page has the text."""
    page.locator("main, .offline").get_by_text(text).first.wait_for()


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_every_page_fits_its_window(see: Open, width: int) -> None:
    page = see("", width)
    for path, text in PAGES.items():
        page.goto(page.url.split("/_ui/")[0] + "/_ui/" + path)
        shows(page, text)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(see: Open, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page = see("", 1280, scheme, bypass_csp=True)
    found = {}
    for path, text in PAGES.items():
        page.goto(page.url.split("/_ui/")[0] + "/_ui/" + path)
        shows(page, text)
        said = axe.Axe().run(page).response["violations"]
        for each in said:
            found[path, each["id"]] = [node["html"][:200] for node in each["nodes"][:3]]
    assert found == {}


def test_a_browser_that_opens_the_root_lands_on_the_page(see: Open, plane: Plane) -> None:
    page = see("")
    page.goto(plane.url)
    shows(page, "Ended last")
    assert page.url == f"{plane.url}/_ui/"


def test_a_job_is_seen_as_it_goes(see: Open, plane: Plane, tmp_path: Path) -> None:
    overview = see("")
    shows(overview, "Nothing runs now")
    train(plane, "live", "--detach", LINES="60", SLOW=str(tmp_path))
    shows(overview, "live")
    logs = see("jobs/live/logs")
    shows(logs, "step 21")
    metrics = see("jobs/live")
    shows(metrics, "22 values")
    (tmp_path / "21").touch()
    shows(logs, "step 22")
    shows(metrics, "23 values")
    for number in range(22, 60):
        (tmp_path / str(number)).touch()
    shows(metrics, "60 values")
    shows(metrics, "Completed")
    shows(logs, "step 59")
    logs.get_by_text("Completed").first.wait_for()


def test_a_job_can_be_stopped(see: Open, plane: Plane, tmp_path: Path) -> None:
    train(plane, "endless", "--detach", LINES="60", SLOW=str(tmp_path))
    page = see("jobs/endless/logs")
    shows(page, "step 21")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop it").click()
    page.locator(".badge", has_text="Stopped").wait_for()


def test_text_of_a_log_is_text(see: Open) -> None:
    page = see("jobs/done/logs")
    shows(page, "<img src=x onerror=alert(1)>")
    assert page.locator(".lines img").count() == 0
    assert page.locator(".lines .f32.b1, .lines .b1.f32").inner_text() == "ready"


def test_a_log_is_searched_and_its_errors_found(see: Open) -> None:
    page = see("jobs/done/logs")
    shows(page, "step 39")
    page.get_by_label("Search the log").fill("step 1")
    page.get_by_text("11 lines").wait_for()
    assert page.locator(".lines mark").count() == 11
    assert "find=step+1" in page.url
    failed = see("jobs/failed/logs?jump=error")
    failed.locator(".ln.here").wait_for()
    assert "Traceback" in failed.locator(".ln.here").inner_text()
    assert "line=" in failed.url
    again = see(failed.url.split("/_ui/")[1])
    again.locator(".ln.here").wait_for()


def test_jobs_are_filtered_and_sorted(see: Open) -> None:
    page = see("jobs?filter=status%3Afailed")
    page.get_by_role("row").filter(has_text="failed").first.wait_for()
    assert page.get_by_role("row").filter(has_text="done").count() == 0
    page.get_by_label("Filter jobs").fill("metric.loss < 0.1 done")
    page.get_by_role("row").filter(has_text="done").wait_for()
    page.get_by_label("Filter jobs").fill("no such job")
    shows(page, "No job is like that")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Job", exact=True).click()
    page.get_by_role("row").filter(has_text="done").wait_for()
    page.wait_for_url("**sort=name**")


def test_everything_by_keyboard(see: Open) -> None:
    page = see("")
    shows(page, "Ended last")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/_ui/jobs")
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("done")
    page.get_by_role("option").filter(has_text="done").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/_ui/jobs/done")
    page.get_by_role("heading", name="done").wait_for()
    page.keyboard.press("2")
    page.wait_for_url("**/logs*")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.go_back()
    page.get_by_role("heading", name="done").wait_for()


def test_a_job_is_cloned_as_code(see: Open) -> None:
    page = see("jobs/done")
    page.get_by_role("button", name="Clone").click()
    shows(page, "sagemaker.create_training_job(")
    page.get_by_role("button", name="SageMaker SDK").click()
    shows(page, "estimator.fit(")


def test_files_are_shown_and_uploaded(see: Open) -> None:
    page = see("storage/bucket")
    page.get_by_text("a.csv").click()
    page.get_by_role("cell", name="<b>2").wait_for()
    page.locator("input[type=file]").set_input_files(
        {"name": "new.json", "mimeType": "application/json", "buffer": b'{"a": 1}'}
    )
    page.get_by_role("link", name="new.json").click()
    shows(page, '"a": 1')


def test_a_page_without_its_control_plane_says_so_and_goes_on(
    see: Open, tmp_path: Path, browser: Any
) -> None:
    del browser
    other = Plane(tmp_path, "--port", "0", environ={"SAGELET_BACKEND": "process"})
    try:
        page = see("")
        page.goto(f"{other.url}/_ui/jobs")
        shows(page, "No training jobs yet")
        shows(page, 'eval "$(sagelet env)"')
        other.process.terminate()
        other.process.wait(30)
        shows(page, "The control plane does not answer")
    finally:
        other.process.kill()


def test_the_plane_stops_at_once_though_a_page_listens(see: Open, tmp_path: Path) -> None:
    import time

    other = Plane(tmp_path, environ={"SAGELET_BACKEND": "process"})
    page = see("")
    page.goto(f"{other.url}/_ui/")
    shows(page, "No training jobs yet")
    began = time.monotonic()
    other.process.terminate()
    other.process.wait(30)
    assert time.monotonic() - began < 4
