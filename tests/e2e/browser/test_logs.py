"""The logs of a job in a real browser: of one host or all, live, with what went wrong found."""

from pathlib import Path
from typing import Any

from support.pages import counts, shows, train
from support.serve import Plane

Open = Any


def test_logs_of_a_host_are_those_of_its_lane_and_another_may_be_chosen(
    see: Open, plane: Plane, tmp_path: Path
) -> None:
    def go_on(first: int, last: int) -> None:
        for number in range(first, last):
            (tmp_path / str(number)).touch()

    train(plane, "pair", "--hosts", "2", "--detach", LINES="40", SLOW=str(tmp_path))
    page = see("jobs/pair/logs?host=algo-2")
    try:
        shows(page, "step 21")
        page.wait_for_url("**host=algo-2-**")
        host = page.locator(".log select")
        assert host.locator("option:checked").inner_text() == "algo-2"
        go_on(21, 25)
        shows(page, "step 25")  # live
        counts(page, ".lines .ln:has-text('step 25 ')", 1)
        host.select_option(label="algo-1")
        shows(page, "step 25")
        go_on(25, 30)
        shows(page, "step 30")
        counts(page, ".lines .ln:has-text('step 30 ')", 1)
        host.select_option(label="all 2 hosts")
        counts(page, ".lines .ln:has-text('step 30 ')", 2)
    finally:
        go_on(21, 40)
    counts(page, ".lines .ln:has-text('step 39 ')", 2)
    counts(page, ".lines .ln:has-text('step')", 80)
