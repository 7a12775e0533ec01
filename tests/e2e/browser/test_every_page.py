"""Each page: it fits its window, everybody can use it, it loads nothing from elsewhere."""

from typing import Any

import pytest

from support.pages import clients, go, shows
from support.serve import Plane

Open = Any

#: What pages have, and a text that is there once they are whole.
PAGES = {
    "": "Ended last",
    "jobs": "done",
    "jobs/done": "40 values",
    "jobs/failed": "Why it failed",
    "jobs/done/logs": "step 39",
    "jobs/done/files": "Outputs",
    "jobs/done/request": "CreateTrainingJob",
    "jobs/used/logs?side=1": "step 0",
    "jobs/used/system": "of one core, summed over cores",
    "processing/prepare": "three rows",
    "processing/prepare/logs": "prepared 3",
    "processing/prepare/request": "CreateProcessingJob",
    "tuning": "search",
    "tuning/search": "Ranges against the objective",
    "experiments": "digits",
    "experiments/digits": "3 lines",
    "experiments/digits?rows=optimizer": "no value",
    "experiments/-": "In no trial",
    "compare": "Nothing chosen",
    "compare?e=digits": "The same in all",
    "compare?c=digits-8-training&c=digits-16-training&all=1": "epochs",
    "trials/digits-8": "From data to model",
    "components/digits-8-training": "Precision and recall",
    "components/digits-prepare": "No metrics",
    "models": "Models",
    "storage": "bucket",
    "storage/bucket?key=a.csv": "a.csv",
    "calls": "sagemaker",
    "settings": "SAGELET_HOME",
    "nowhere": "There is no such page",
    "experiments/nowhere": "Not here",
}

#: What they say where there is nothing; what a region does not have is left out.
EMPTY = {
    "": "These two lines make the first job",
    "jobs": "These two lines make the first job",
    "tuning": "No tuning jobs yet",
    "experiments": "No experiments yet",
    "jobs/x": "There is no training job named x.",
    "processing/x": "There is no processing job named x.",
    "tuning/x": "All tuning jobs",
    "trials/x": "All experiments",
    "models/x": "All models",
    "storage/no-such-bucket": "All buckets",
}


def whole(page: Any, path: str, text: str) -> None:
    """Go there, and wait until all of it was near the window once."""
    go(page, path)
    parts = page.locator(".part")
    page.locator("h1, h2").first.wait_for()
    page.locator(".coming").wait_for(state="detached")
    for _ in range(20):
        count = parts.count()
        for number in range(count):
            parts.nth(number).scroll_into_view_if_needed()
        if parts.count() == count:
            break
    shows(page, text)


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_every_page_fits_its_window(see: Open, width: int) -> None:
    page = see("", width)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/_")[0]))
    for path, text in PAGES.items():
        whole(page, path, text)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        assert page.locator("h1").count() == 1, path
        tables = [each.bounding_box()["height"] for each in page.locator(".table").all()]
        assert all(height > 70 for height in tables), path  # its head and a row at least
    assert asked == {page.url.split("/_ui/")[0]}  # nothing of another machine


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_a_page_on_its_way_has_its_heading_and_its_shape(see: Open, width: int) -> None:
    page = see("nowhere", width)
    page.route("**/_api/**", lambda _route: None)  # no answer comes
    for path in PAGES.keys() - {"compare", "nowhere"}:
        go(page, path)
        page.locator("main h1").wait_for()
        page.locator(".coming, .loading").first.wait_for()
        assert page.locator("h1").inner_text().strip(), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(see: Open, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page = see("", 1280, scheme, bypass_csp=True)
    found = {}
    for path, text in PAGES.items():
        whole(page, path, text)
        said = axe.Axe().run(page).response["violations"]
        for each in said:
            found[path, each["id"]] = [node["html"][:200] for node in each["nodes"][:3]]
    assert found == {}


def test_an_address_tells_its_page(see: Open) -> None:
    page = see("trials/digits-8")
    shows(page, "From data to model")
    assert page.title() == "digits-8 · sagelet"
    page.go_back()
    page.go_forward()
    shows(page, "From data to model")


def test_a_region_is_chosen_where_there_are_several(see: Open, plane: Plane) -> None:
    page = see("jobs?region=eu-west-1")
    shows(page, "No training jobs yet")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/experiments?region=eu-west-1")
    shows(page, "No experiments yet")
    [sagemaker] = clients(plane, "sagemaker", region="eu-west-1")
    sagemaker.create_experiment(ExperimentName="far-away")
    page.reload()
    chosen = page.get_by_label("Region")
    assert chosen.input_value() == "eu-west-1"
    chosen.select_option("us-east-1")
    shows(page, "digits")
    page.get_by_label("Region").select_option("eu-west-1")
    shows(page, "far-away")


@pytest.mark.parametrize("width", [1440, 390])
def test_pages_without_anything_fit_and_tell_what_to_do(see: Open, width: int) -> None:
    page = see("", width)
    for path, text in EMPTY.items():
        go(page, f"{path}?region=ap-south-1")
        shows(page, text)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
