"""A control plane with jobs and an experiment, and a browser that looks at its page."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.pages import SCRIPT, clients, process, train, tune, used
from support.serve import Plane
from support.tracked import fill

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
sync_api.expect.set_options(timeout=30_000)

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
IN_CI = os.environ.get("CI") == "true"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

#: ``see(path, width, scheme)`` opens a page; whatever it throws or a policy refuses is a failure.
Open = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and not IN_CI:
                item.add_marker(pytest.mark.skip(reason="needs Chromium"))


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    folder = tmp_path_factory.mktemp("page")
    environ = {"SAGELET_BACKEND": "process", "SAGELET_NETWORKS": "off"}
    made = Plane(folder, environ=environ)
    (folder / "train.py").write_text(SCRIPT)
    try:
        train(made, "done", "--experiment", "from-jobs", "--trial", "first", LINES="40")
        train(made, "failed", LINES="3", FAIL="1")
        sagemaker, metrics, s3 = clients(made, "sagemaker", "sagemaker-metrics", "s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a.csv", Body=b"x,y\n1,<b>2\n")
        fill(sagemaker, metrics, s3)
        process(made, "prepare")
        used(made, "used", tmp_path_factory.mktemp("used"))
        tune(made, "search", "--max-jobs", "4", "--seed", "3")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; not for longer, since its driver keeps an event loop running in this thread."""
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def see(browser: Any, plane: Plane) -> Iterator[Open]:
    """Open a page; whatever a script throws, or a policy refuses, fails the test."""
    faults: list[str] = []
    contexts = []

    def hear(message: Any) -> None:
        # Networks of this machine come and go with other programs' containers; what an address
        # that names nothing gets is an answer, not a fault.
        if message.type == "error" and not any(
            each in message.text for each in ("ERR_", "status of 400", "status of 404")
        ):
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
