"""The logs of several hosts side by side in a real browser: each by itself, one stream for all."""

import re
from pathlib import Path
from typing import Any

import pytest

from support.pages import go_on, train
from support.serve import Plane

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect

Open = Any


def lane(page: Any, host: str) -> Any:
    return page.get_by_role("region", name=host, exact=True)


def follows(page: Any, host: str, pressed: str) -> None:
    button = page.get_by_role("button", name=f"Follow {host}", exact=True)
    expect(button).to_have_attribute("aria-pressed", pressed)


def test_hosts_side_by_side_are_live_and_each_follows_its_own_end(
    see: Open, plane: Plane, tmp_path: Path
) -> None:
    train(plane, "beside", "--hosts", "2", "--detach", LINES="90", SLOW=str(tmp_path))
    page = see("jobs/beside/logs")
    one, two = lane(page, "algo-1"), lane(page, "algo-2")
    try:
        page.locator(".log select").select_option(label="side by side")
        page.wait_for_url("**side=1**")
        address = page.url
        page.goto("about:blank")
        streams: list[str] = []
        page.on("request", lambda asked: "/_api/events?" in asked.url and streams.append(asked.url))
        page.goto(address)
        for each in (one, two):
            expect(each.locator(".ln", has_text="step 21 ")).to_have_count(1)
        go_on(tmp_path, 21, 60)
        for each in (one, two):
            expect(each.locator(".ln", has_text="step 60 ")).to_be_in_viewport()
            expect(each.locator(".ln", has_text="step")).to_have_count(61)
        one.locator(".lines").evaluate("(lines) => (lines.scrollTop = 0)")
        follows(page, "algo-1", "false")
        follows(page, "algo-2", "true")
    finally:
        go_on(tmp_path, 60, 90)
    expect(two.locator(".ln", has_text="step 89 ")).to_be_in_viewport()
    expect(one.locator(".ln", has_text="step 89 ")).not_to_be_in_viewport()  # live, and stays
    expect(one.locator(".ln", has_text="step 0 ")).to_be_in_viewport()
    assert len(streams) == 1
    page.get_by_label("Search the log").fill("step 5")
    for each in (one, two):
        expect(each.get_by_role("status")).to_have_text("11 lines")
        expect(each.locator(".ln")).to_have_count(11)
    two.get_by_role("link", name="algo-2").click()
    page.wait_for_url(
        re.compile(r"\?find=step\+5&host=algo-2-\d+$|\?host=algo-2-\d+&find=step\+5$")
    )
    expect(page.locator(".lines")).to_have_count(1)
    expect(page.locator(".log .bar").get_by_role("status")).to_have_text("11 lines")


def test_on_a_phone_a_host_fills_the_width_and_the_first_error_leads_to_its_own(
    see: Open, plane: Plane
) -> None:
    train(plane, "one-wrong", "--hosts", "4", LINES="3", WRONG="algo-3")
    page = see("jobs/one-wrong/logs?side=1", 390)
    expect(lane(page, "algo-1").locator(".ln", has_text="step 2 ")).to_be_in_viewport()
    room = page.locator(".lanes").bounding_box()
    assert room["width"] > 330
    assert lane(page, "algo-1").bounding_box()["width"] == room["width"]
    assert lane(page, "algo-4").locator(".ln").count() == 0  # nobody has seen it
    page.mouse.move(room["x"] + 100, room["y"] + 12)
    page.mouse.wheel(room["width"], 0)
    expect(lane(page, "algo-2").locator(".ln", has_text="step 2 ")).to_be_in_viewport()
    page.get_by_role("button", name="First error").click()
    for _ in range(2):
        wrong = lane(page, "algo-3").locator(".ln.here")
        expect(wrong).to_be_in_viewport()
        expect(wrong).to_contain_text("RuntimeError")
        expect(page).to_have_url(re.compile(r"side=1&line=algo-3-"))
        page.reload()  # the address is the view
