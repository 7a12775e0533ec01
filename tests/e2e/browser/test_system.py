"""What hosts use, on the page of their job: kept, live, and where there is nothing."""

from pathlib import Path
from typing import Any

import pytest

from support.pages import counts, go, inked, looks, shows, train
from support.serve import Plane

Open = Any


def test_each_quantity_has_a_chart_with_a_line_a_host(see: Open) -> None:
    page = see("jobs/used")
    page.get_by_label("Parts of the job").wait_for()
    page.keyboard.press("5")
    page.wait_for_url("**/jobs/used/system")
    for name in ("CPU", "Memory", "Disk"):
        chart = page.get_by_role("region", name=name, exact=True).get_by_role("img")
        said = chart.get_attribute("aria-label") or ""
        assert "algo-1: " in said
        assert "algo-2: " in said
    assert " of " in page.get_by_role("region", name="Memory").locator("header").inner_text()
    counts(page, "main canvas[role=img]", 3)  # no GPUs
    assert inked(page, "main canvas[role=img]") > 0


def test_what_hosts_use_is_drawn_as_they_use_it(see: Open, plane: Plane, tmp_path: Path) -> None:
    train(plane, "using", "--detach", LINES="1", HOLD=str(tmp_path))
    try:
        page = see("jobs/using/system")
        shows(page, "summed over cores")
        chart = page.get_by_role("region", name="CPU").get_by_role("img")
        before = looks(plane, "using")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_function(
            """([chart, before]) => Number(chart.ariaLabel.match(/: (\\d+) points/)[1]) > before""",
            arg=[chart.element_handle(), before],
        )
        assert [each for each in asked if "/usage" in each] == []  # it was told
    finally:
        (tmp_path / "algo-1").touch()
    page.locator("h1 + .badge", has_text="Completed").wait_for()


@pytest.mark.parametrize(
    ("path", "over"), [("jobs/done", True), ("processing/prepare", True), ("jobs/waiting", False)]
)
def test_a_job_nobody_looked_at_says_so(
    see: Open, plane: Plane, tmp_path: Path, path: str, *, over: bool
) -> None:
    """Whether one is quick enough to end before the first look is not for a test to say."""
    if not over:
        train(plane, "waiting", "--detach", LINES="1", HOLD=str(tmp_path))
    try:
        page = see("nowhere")
        nothing = '{"series": {}, "limits": {}, "next": 1000000}'
        page.route("**/usage?*", lambda route: route.fulfill(body=nothing))
        go(page, f"{path}/system")
        shows(page, "Nobody looked at its hosts" if over else "No values yet")
    finally:
        (tmp_path / "algo-1").touch()


def test_a_part_of_the_time_is_chosen_for_all_charts(see: Open) -> None:
    page = see("jobs/used/system")
    chart = page.get_by_role("region", name="CPU").get_by_role("img")
    chart.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    page.get_by_role("button", name="Whole range").click()
    page.get_by_role("button", name="Whole range").wait_for(state="detached")
