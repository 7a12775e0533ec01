"""The page of settings in a real browser: what set each, what the machine can do."""

import json
from typing import Any

import pytest

from support.cli import sagelet
from support.serve import Plane

Open = Any


def finding(page: Any, check: str) -> Any:
    """What the page says of a check."""
    name = page.get_by_text(check, exact=True)
    return page.get_by_label("Findings").get_by_role("listitem").filter(has=name)


@pytest.mark.parametrize("width", [1440, 390])
def test_settings_are_there_while_the_machine_is_examined(see: Open, width: int) -> None:
    page = see("nowhere", width)
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/_api/doctor*", hold)
    page.goto(page.url.replace("nowhere", "settings"))
    page.get_by_label("In force").get_by_text("SAGELET_HOME").first.wait_for()
    checks = page.get_by_label("Checks")
    checks.get_by_text("may take some seconds").wait_for()
    assert checks.get_by_role("button", name="Checking").is_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    held.pop().continue_()
    finding(page, "process backend").get_by_text("fine").wait_for()


def test_the_page_says_what_the_doctor_says(see: Open, plane: Plane) -> None:
    told = json.loads(sagelet("doctor", "--json", env=plane.environ).stdout)
    page = see("settings")
    words = {"ok": "fine", "note": "note", "missing": "problem"}
    for each in told:
        row = finding(page, each["check"])
        row.get_by_text(words[each["state"]], exact=True).wait_for()
        if not each["detail"].endswith("free"):  # the disk is others' too
            assert each["detail"] in row.inner_text()
        assert each["fix"] in row.inner_text()
    assert page.get_by_label("Findings").get_by_role("listitem").count() == len(told)


def test_the_machine_is_examined_again_when_told(see: Open) -> None:
    page = see("settings")
    finding(page, "process backend").wait_for()
    again = {"check": "GPU", "state": "missing", "detail": "it fell out", "fix": "push it in"}
    page.route("**/_api/doctor*", lambda route: route.fulfill(json={"findings": [again]}))
    page.get_by_role("button", name="Check again").click()
    row = finding(page, "GPU")
    row.get_by_text("What to do: push it in").wait_for()
    assert "problem" in row.inner_text()
    page.unroute("**/_api/doctor*")
    page.route("**/_api/doctor*", lambda route: route.fulfill(status=400, body="no"))
    page.get_by_role("button", name="Check again").click()
    page.get_by_label("Checks").get_by_role("alert").wait_for()
    assert row.count() == 1  # what was found before stays
    page.unroute("**/_api/doctor*")
    page.get_by_role("button", name="Try again").click()
    finding(page, "process backend").wait_for()


def test_each_setting_says_what_set_it(see: Open) -> None:
    page = see("settings")
    rows = page.get_by_label("In force").get_by_role("row")
    for name, origin in {
        "SAGELET_BACKEND": "variable",
        "SAGELET_PORT": "option --port",
        "SAGELET_ACCOUNT": "default",
    }.items():
        row = rows.filter(has=page.get_by_role("cell", name=name, exact=True))
        row.get_by_text(origin, exact=True).wait_for()
