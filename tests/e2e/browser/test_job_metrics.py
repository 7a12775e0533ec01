"""A job's metrics in a real browser: what is on screen is asked for, and a zoom asks for more."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support.pages import shows, train
from support.serve import Plane

Open = Any

LINES = 6000


@pytest.fixture(scope="module")
def many(plane: Plane) -> None:
    """A job with metrics of different lengths, more than fit on a screen."""
    odd = ("--metric", r"even=step \d*[02468] loss=([0-9.]+)")
    few = [part for at in range(12) for part in ("--metric", f"z{at:02}=step ({at}) loss=")]
    train(plane, "many", *odd, *few, LINES=str(LINES))


def asked(page: Any) -> list[dict[str, str]]:
    """The series that the page asks for from now on; grows."""
    found: list[dict[str, str]] = []

    def hear(request: Any) -> None:
        url = urlsplit(request.url)
        if url.path.endswith("/jobs/many/series"):
            found.append({name: value for name, [value] in parse_qs(url.query).items()})

    page.on("request", hear)
    return found


@pytest.mark.usefixtures("many")
def test_series_are_asked_for_when_they_are_seen(see: Open) -> None:
    page = see("settings")
    found = asked(page)
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("link", name="many").click()
    shows(page, f"{LINES:,} values")
    assert {"even", "loss"} <= {each["metric"] for each in found}
    assert "z11" not in {each["metric"] for each in found}
    page.get_by_label("z11", exact=True).first.scroll_into_view_if_needed()
    page.get_by_label("z11", exact=True).first.get_by_text("1 value").wait_for()
    assert [each["metric"] for each in found].count("z11") == 1


@pytest.mark.usefixtures("many")
def test_a_zoom_asks_for_each_metric_what_lies_in_it(see: Open) -> None:
    page = see("jobs/many")
    chart = page.get_by_label("loss", exact=True).first
    chart.get_by_text(f"{LINES:,} values").wait_for()
    page.get_by_label("even", exact=True).first.get_by_text(f"{LINES // 2:,} values").wait_for()
    found = asked(page)
    box = chart.locator("canvas").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=4)
    with (
        page.expect_response(re.compile("metric=loss.*low=")),
        page.expect_response(re.compile("metric=even.*low=")),
    ):
        page.mouse.up()
    high = {each["metric"]: int(each["high"]) for each in found}
    assert high["even"] < LINES // 2 < high["loss"]
