"""Processing and tuning jobs in a real browser: found, seen as they go, stopped."""

from typing import Any

from support.pages import go, shows, tune
from support.serve import Plane

Open = Any


def test_a_processing_job_is_found_by_its_kind(see: Open) -> None:
    page = see("jobs")
    shows(page, "prepare")
    page.get_by_label("Kind").select_option("processing")
    page.get_by_text("1 job", exact=True).wait_for()
    page.get_by_role("link", name="prepare").click()
    page.wait_for_url("**/processing/prepare")
    shows(page, "three rows")
    shows(page, "/opt/ml/processing/input/raw")
    page.get_by_role("link", name="Logs").click()
    shows(page, "prepared 3")
    page.keyboard.press("c")
    page.get_by_text("create_processing_job").wait_for()


def test_a_tuning_job_is_seen_as_it_goes_and_stopped(see: Open, plane: Plane) -> None:
    page = see("tuning")
    shows(page, "search")
    tune(plane, "endless-search", "--hp", "epochs=10000", "--env", "PAUSE=0.1", "--detach")
    page.get_by_role("link", name="endless-search").click()
    shows(page, "so far")
    page.locator(".plot .spot").first.wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop it").click()
    page.locator("h1 + .badge", has_text="Stopped").wait_for(timeout=60_000)


def test_training_jobs_of_a_search_tell_it_and_the_overview_has_it(see: Open) -> None:
    page = see("")
    page.get_by_label("Tuning", exact=True).get_by_text("#").first.wait_for()
    page.get_by_label("Tuning", exact=True).get_by_role("link", name="search").first.click()
    page.wait_for_url("**/tuning/*search")
    go(page, "jobs?filter=tuning:search")
    page.get_by_text("4 jobs", exact=True).wait_for()
    page.get_by_title("of the tuning job search").first.wait_for()
    page.get_by_role("link", name="search-0").first.click()
    shows(page, "1 value")
    assert page.get_by_text("ObjectiveMetric").count() == 0  # the second name of one of them


def test_what_a_search_found(see: Open) -> None:
    page = see("tuning/search")
    shows(page, "4 of 4 launched")
    page.locator(".crown", has_text="best").wait_for()
    shows(page, "Ranges against the objective")
    page.get_by_role("button", name="acc").click()
    page.wait_for_url("**sort=objective*")
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).click()
    boxes.nth(1).click()
    page.get_by_role("button", name="Compare 2").click()
    page.wait_for_url("**/compare?**")
    page.get_by_role("rowheader", name="lr").wait_for()
