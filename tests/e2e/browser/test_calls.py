"""The calls of AWS clients in a real browser: as they come, one whole, what is not served."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.pages import clients, shows
from support.serve import Plane

Open = Any


def ask_for_what_is_not_served(plane: Plane) -> None:
    [sagemaker] = clients(plane, "sagemaker")
    with suppress(ClientError):
        sagemaker.list_edge_packaging_jobs()


def times(page: Any) -> int:
    """How often the page says that it was asked for."""
    note = page.get_by_label("Not served").get_by_role("button", name="ListEdgePackagingJobs")
    note.wait_for()
    return int(re.search(r"(\d+) time", note.inner_text())[1])


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_a_call_is_seen_whole(see: Open, plane: Plane, width: int) -> None:
    ask_for_what_is_not_served(plane)
    page = see("calls", width)
    before = times(page)
    ask_for_what_is_not_served(plane)  # by itself
    page.get_by_label("Not served").get_by_text(f"{before + 1} times").wait_for()
    page.get_by_role("button", name="ListEdgePackagingJobs").click()
    page.get_by_text(f"{before + 1} calls", exact=True).wait_for()
    page.locator(".rows .line a.cover").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("heading", name="Answered").wait_for()
    assert "501" in dialog.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = dialog.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= page.viewport_size["height"]
    assert "call=" in page.url
    address = page.url
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    again = see(address.split("/_ui/")[1], width)
    again.get_by_role("dialog").get_by_role("heading", name="Asked").wait_for()


def test_a_request_and_its_answer_are_documents(see: Open, plane: Plane) -> None:
    [sagemaker] = clients(plane, "sagemaker")
    sagemaker.create_experiment(ExperimentName="asked-for", Description="<i>why</i>")
    page = see("calls?filter=CreateExperiment")
    page.locator(".rows .line a.cover").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text('"Description": "<i>why</i>"').wait_for()
    dialog.get_by_text('"ExperimentArn"').wait_for()
    assert dialog.locator("i").count() == 0


def test_failures_are_told_apart_and_nothing_comes_twice(see: Open, plane: Plane) -> None:
    [sagemaker] = clients(plane, "sagemaker")
    page = see("calls?filter=DescribeExperiment")
    page.locator("h1").wait_for()
    with suppress(ClientError):
        sagemaker.describe_experiment(ExperimentName="no-such-experiment")
    row = page.locator(".rows .line", has_text="ResourceNotFound")
    row.first.wait_for()
    before = row.count()
    page.get_by_role("button", name="Failures").click()
    page.wait_for_url("**failed=1**")
    page.get_by_role("button", name="Pause").click()
    with suppress(ClientError):
        sagemaker.describe_experiment(ExperimentName="no-such-experiment")
    shows(page, "Go on")
    page.get_by_role("button", name="Go on").click()
    row.nth(before).wait_for()
    assert row.count() == before + 1


def test_calls_go_on_after_the_control_plane_restarts(see: Open, tmp_path: Path) -> None:
    other = Plane(tmp_path, environ={"SAGELET_BACKEND": "process"})
    try:
        [sagemaker] = clients(other, "sagemaker")
        for _ in range(3):
            sagemaker.list_trials()
        page = see("")
        page.goto(f"{other.url}/_ui/calls")
        row = page.locator(".rows .line")
        row.filter(has_text="ListTrials").nth(2).wait_for()
        other.process.terminate()
        other.process.wait(30)
        other.options = ("--port", other.url.rpartition(":")[2])
        other.start()
        sagemaker.list_actions()
        row.filter(has_text="ListActions").wait_for()
        assert row.filter(has_text="ListTrials").count() == 3
    finally:
        other.process.kill()
        other.process.wait()
