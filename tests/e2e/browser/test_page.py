"""The page in a real browser: jobs, logs, storage; live, by keyboard, without its server."""

from pathlib import Path
from typing import Any

from support.pages import clients, go_on, shows, train
from support.serve import Plane

Open = Any


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
    go_on(tmp_path, 22, 60)
    shows(metrics, "60 values")
    shows(metrics, "Completed")
    shows(logs, "step 59")
    logs.get_by_text("Completed").first.wait_for()


def test_the_version_that_a_job_leaves_is_seen(see: Open, plane: Plane, tmp_path: Path) -> None:
    train(plane, "leaves-one", "--detach", LINES="1", HOLD=str(tmp_path))
    page = see("jobs/leaves-one/files")
    shows(page, "They are stored when the hosts have ended")
    (tmp_path / "algo-1").touch()
    page.get_by_role("link", name="leaves-one version 1").wait_for()


def test_a_job_can_be_stopped(see: Open, plane: Plane, tmp_path: Path) -> None:
    train(plane, "endless", "--detach", LINES="60", SLOW=str(tmp_path))
    page = see("jobs/endless/logs")
    shows(page, "step 21")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop it").click()
    page.locator(".badge", has_text="Stopped").wait_for()


def test_hosts_are_seen_as_they_go(see: Open, plane: Plane, tmp_path: Path) -> None:
    train(plane, "two-hosts", "--hosts", "2", "--detach", LINES="1", HOLD=str(tmp_path))
    try:
        page = see("jobs/two-hosts")
        hosts = page.get_by_label("Hosts").get_by_role("listitem")
        hosts.filter(has_text="algo-1 running").wait_for()
        hosts.filter(has_text="algo-2 running").wait_for()
        shows(page, "2 values")  # what the page asks for at first is there
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        (tmp_path / "algo-2").touch()
        hosts.filter(has_text="algo-2 ended").wait_for()
        assert hosts.filter(has_text="algo-1 running").count() == 1
        assert [each for each in asked if "/_api/events?" not in each] == []  # it was told
    finally:
        for host in ("algo-1", "algo-2"):
            (tmp_path / host).touch()
    page.locator("h1 + .badge", has_text="Completed").wait_for()


def test_a_chart_of_a_job_is_enlarged(see: Open) -> None:
    page = see("jobs/done")
    shows(page, "40 values")
    page.keyboard.press("f")
    dialog = page.get_by_role("dialog", name="loss")
    chart = dialog.locator("canvas[role=img]")
    assert chart.bounding_box()["height"] > 260
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.get_by_role("button", name="Enlarge").click()
    dialog.get_by_role("button", name="Smaller").click()
    dialog.wait_for(state="detached")


def test_logs_of_all_hosts_are_downloaded_as_one(see: Open, plane: Plane) -> None:
    train(plane, "both-hosts", "--hosts", "2", LINES="3")
    page = see("jobs/both-hosts/logs")
    shows(page, "step 2")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    text = Path(got.value.path()).read_text()
    assert got.value.suggested_filename == "both-hosts.log"
    for host in ("algo-1", "algo-2"):
        mine = [line for line in text.splitlines() if f" {host}-" in line and "step" in line]
        assert [line.partition(" | ")[2].partition(" loss")[0] for line in mine] == [
            "step 0",
            "step 1",
            "step 2",
        ]


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


def test_a_search_that_finds_much_goes_on_when_told(see: Open, plane: Plane) -> None:
    train(plane, "chatty", LINES="9000")
    page = see("jobs/chatty/logs")
    shows(page, "step 8999")
    page.get_by_label("Search the log").fill("step")
    page.get_by_text("4,000 lines").wait_for()
    shows(page, "step 3999")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("8,000 lines").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("9,000 lines", exact=True).wait_for()
    shows(page, "step 8999")
    assert page.locator(".lines .ln").count() == 4000
    assert page.get_by_role("button", name="Go on").count() == 0


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


def test_a_filtered_list_of_jobs_is_live(see: Open, plane: Plane, tmp_path: Path) -> None:
    page = see("jobs?filter=status%3AInProgress+comes&sort=name&up=1")
    shows(page, "No job is like that")
    train(plane, "comes-and-goes", "--detach", LINES="1", HOLD=str(tmp_path))
    row = page.locator(".rows .line", has_text="comes-and-goes")
    row.wait_for()
    (tmp_path / "algo-1").touch()
    row.wait_for(state="detached")
    shows(page, "No job is like that")


AWAY = """(away) => {
  Object.defineProperty(document, "hidden", { get: () => away, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_jobs_deleted_while_nobody_looks_are_not_shown(see: Open, plane: Plane) -> None:
    train(plane, "deleted", LINES="1")
    pages = [see("jobs?filter=deleted"), see("")]
    for page in pages:
        shows(page, "deleted")
        page.evaluate(AWAY, True)
    [sagemaker] = clients(plane, "sagemaker")
    sagemaker.delete_training_job(TrainingJobName="deleted")
    for page in pages:
        page.evaluate(AWAY, False)
        page.locator("main").get_by_role("link", name="deleted").wait_for(state="detached")


def test_the_focus_goes_from_row_to_row(see: Open) -> None:
    page = see("jobs?sort=name&up=1")
    rows = page.locator(".rows .line")
    rows.nth(2).wait_for()
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        rows.nth(place).locator("a.cover").and_(page.locator(":focus")).wait_for()
    rows.nth(0).locator("a.cover").focus()
    page.keyboard.press("j")
    link = rows.nth(1).locator("a.cover")
    link.and_(page.locator(":focus")).wait_for()
    address = link.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}**")


def test_everything_by_keyboard(see: Open) -> None:
    page = see("")
    shows(page, "Ended last")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/_ui/jobs")
    page.keyboard.press("/")
    find = page.get_by_label("Find a page, a job, an experiment")
    find.fill("done")
    for key in ("Tab", "Shift+Tab"):  # the rest of the page is out of reach
        page.keyboard.press(key)
        assert find.evaluate("(input) => document.activeElement === input")
    page.get_by_role("option").filter(has_text="done").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/_ui/jobs/done")
    page.get_by_label("Parts of the job").wait_for()
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
    other = Plane(tmp_path, environ={"SAGELET_BACKEND": "process"})
    try:
        page = see("")
        page.goto(f"{other.url}/_ui/jobs")
        shows(page, "No training jobs yet")
        shows(page, 'eval "$(sagelet env)"')
        other.process.terminate()
        other.process.wait(30)
        shows(page, "The control plane does not answer")
        page.get_by_role("link", name="Experiments").click()
        shows(page, "Is it running?")
        other.options = ("--port", other.url.rpartition(":")[2])
        other.start()
        shows(page, "No experiments yet")  # by itself
        page.locator(".offline").wait_for(state="detached")
    finally:
        other.process.kill()
        other.process.wait()


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
