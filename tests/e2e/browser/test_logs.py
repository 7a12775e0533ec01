"""The logs of a job in a real browser: of one host or all, live, with what went wrong found."""

import re
from pathlib import Path
from typing import Any

import pytest

from support.cli import wait_until
from support.pages import counts, go_on, shows, train
from support.serve import Plane

Open = Any


def hold(page: Any, pattern: str) -> list[Any]:
    """What a page asks of such an address, kept from it."""
    held: list[Any] = []

    def keep(route: Any) -> None:
        held.append(route)

    page.route(pattern, keep)
    return held


def test_logs_of_a_host_are_those_of_its_lane_and_another_may_be_chosen(
    see: Open, plane: Plane, tmp_path: Path
) -> None:
    train(plane, "pair", "--hosts", "2", "--detach", LINES="40", SLOW=str(tmp_path))
    page = see("jobs/pair/logs?host=algo-2")
    try:
        shows(page, "step 21")
        page.wait_for_url("**host=algo-2-**")
        host = page.locator(".log select")
        assert host.locator("option:checked").inner_text() == "algo-2"
        go_on(tmp_path, 21, 25)
        shows(page, "step 25")  # live
        counts(page, ".lines .ln:has-text('step 25 ')", 1)
        host.select_option(label="algo-1")
        shows(page, "step 25")
        go_on(tmp_path, 25, 30)
        shows(page, "step 30")
        counts(page, ".lines .ln:has-text('step 30 ')", 1)
        host.select_option(label="all 2 hosts")
        counts(page, ".lines .ln:has-text('step 30 ')", 2)
    finally:
        go_on(tmp_path, 21, 40)
    counts(page, ".lines .ln:has-text('step 39 ')", 2)
    counts(page, ".lines .ln:has-text('step')", 80)


def test_lines_that_come_while_others_are_asked_for_are_there_once(
    see: Open, plane: Plane, tmp_path: Path
) -> None:
    train(plane, "raced", "--detach", LINES="40", SLOW=str(tmp_path))
    page = see("jobs/raced/logs")
    try:
        shows(page, "step 21")
        search = page.get_by_label("Search the log")
        search.fill("step 2")
        page.get_by_text("3 lines", exact=True).wait_for()
        held = hold(page, "**/lines?*")
        search.fill("")
        wait_until(lambda: page.evaluate("true") and bool(held), "the page to ask")
        before = held[0].fetch()  # what is there now; the page gets it when it has heard of more
        told = page.get_by_role("status").filter(has_text=re.compile(r"^[0-9.]+ k?B$"))
        old = told.inner_text()
        go_on(tmp_path, 21, 30)
        page.wait_for_function(
            "([told, old]) => told.innerText !== old", arg=[told.element_handle(), old]
        )
        page.route("**/lines?*", lambda route: route.continue_())
        held[0].fulfill(response=before)
        shows(page, "step 30")
        counts(page, ".lines .ln:has-text('step')", 31)
    finally:
        go_on(tmp_path, 21, 40)
    shows(page, "step 39")
    counts(page, ".lines .ln:has-text('step')", 40)


def test_the_first_error_is_not_looked_for_on_another_page(see: Open) -> None:
    page = see("jobs/failed/logs")
    shows(page, "out of luck")
    held = hold(page, "**/find?*")
    page.get_by_role("button", name="First error").click()
    shows(page, "Looking for errors")
    wait_until(lambda: page.evaluate("true") and bool(held), "the page to ask")
    page.get_by_role("link", name="Request", exact=True).click()
    shows(page, "CreateTrainingJob")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response("**/find?*") as answer:
        held[0].continue_()
    answer.value.finished()
    page.get_by_role("link", name="System", exact=True).click()  # whatever it led to is done
    page.locator(".tabs [aria-current]", has_text="System").wait_for()
    assert "line=" not in page.url
    assert [each for each in asked if "/lines" in each] == []


def test_errors_are_not_looked_for_without_an_answer(see: Open) -> None:
    page = see("jobs/failed/logs")
    shows(page, "out of luck")
    page.route("**/find?*", lambda route: route.abort())
    page.get_by_role("button", name="First error").click()
    page.locator(".log [role=status]", has_text="does not answer").wait_for()
    page.unroute("**/find?*")
    page.get_by_role("button", name="First error").click()
    page.locator(".ln.here").wait_for()


def test_an_expression_is_searched_by_the_control_plane_alone(see: Open) -> None:
    page = see("jobs/done/logs?find=step+3%5Cd%3F+&regex=1")
    page.get_by_text("11 lines", exact=True).wait_for()
    assert page.locator(".lines mark").all_inner_texts()[:2] == ["step 3 ", "step 30 "]
    # One that takes for ever takes the page with it where the page looks for it.
    page = see("jobs/done/logs?find=ready%7C(.%7C.%7C.%7C.)%2B!!&regex=1")
    page.get_by_text("1 line", exact=True).wait_for()
    assert page.locator(".lines mark").all_inner_texts() == ["ready"]


@pytest.mark.parametrize(
    ("name", "asked"), [("searched", "step+2"), ("expressed", "step+2%5Cd%3F+&regex=1")]
)
def test_a_search_goes_on_with_what_is_printed(
    see: Open, plane: Plane, tmp_path: Path, name: str, asked: str
) -> None:
    train(plane, name, "--detach", LINES="60", SLOW=str(tmp_path))
    page = see(f"jobs/{name}/logs?find={asked}")
    page.get_by_text("3 lines", exact=True).wait_for()  # 2, 20, 21
    go_on(tmp_path, 21, 60)
    page.get_by_text("11 lines", exact=True).wait_for()
    counts(page, ".lines .ln", 11)


def test_the_bar_of_places_leads_to_whole_lines(see: Open, plane: Plane) -> None:
    train(plane, "long-pair", "--hosts", "2", LINES="1500")
    page = see("jobs/long-pair/logs")
    shows(page, "step 1499")
    bar = page.locator(".log .where")
    box = bar.bounding_box()
    for part in (0.31, 0.53):  # offsets within a line, of one host or the other
        with page.expect_response(
            lambda answer: "/lines?" in answer.url and "back" not in answer.url
        ):
            bar.click(position={"x": 2, "y": box["height"] * part})
        page.wait_for_function(
            "() => !document.querySelector('.lines').innerText.includes('step 1499 ')"
        )
        lines = page.locator(".lines .ln .tx").all_text_contents()
        assert len(lines) > 100
        assert [text for text in lines if not re.fullmatch(r"step \d+ loss=[\d.]+;", text)] == []
