"""Numbers in a real browser: each can be copied; who won, why, and what it cost."""

import math
import re
from typing import Any

import pytest

from support.pages import clients, shows, train
from support.serve import Plane

Open = Any

CLIPBOARD = ("clipboard-read", "clipboard-write")

#: Pages with a table of any length, a number in it as it is shown, and as it is copied.
TABLES = {
    "jobs": ("done", "0.025", "0.025"),
    "experiments/digits": ("digits-32", "0.94925", repr(0.95 - 0.5 * math.exp(-39 / 6))),
    "tuning/search": ("#1", None, None),
    "calls?filter=CreateExperiment": ("CreateExperiment", None, None),
}


def copied(page: Any) -> str:
    page.get_by_text("Copied.").wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("path", TABLES)
def test_a_click_on_a_number_of_a_table_copies_it(see: Open, path: str) -> None:
    name, shown, whole = TABLES[path]
    page = see(path, permissions=CLIPBOARD)
    row = page.locator(".rows .line", has_text=name).first
    number = row.locator(".fig", has_text=shown).first if shown else row.locator(".fig").first
    number.click()
    text = copied(page)
    float(text)
    assert whole in (None, text)
    assert number.get_attribute("title").startswith(f"Copy {text}")
    assert page.url.split("/_ui/")[1] == path
    row.click(position={"x": 3, "y": 3})
    page.wait_for_url(lambda url: url.split("/_ui/")[1] != path)


def test_the_comparison_of_many_is_copied_from_too(see: Open) -> None:
    page = see("compare?e=digits&steps=1", 390, permissions=CLIPBOARD)
    row = page.locator(".rows .line", has_text="digits-8").first
    row.locator(".fig").first.click()
    float(copied(page))
    assert "/compare" in page.url


def test_a_number_is_copied_by_keys_alone(see: Open) -> None:
    page = see("experiments/digits", permissions=CLIPBOARD)
    page.locator(".rows .line").nth(2).wait_for()
    page.keyboard.press("j")
    first = page.locator(".rows .line").first
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert first.locator(".fig").nth(1).evaluate("(each) => each === document.activeElement")
    page.keyboard.press("j")
    second = page.locator(".rows .line").nth(1)
    number = second.locator(".fig").nth(1)
    number.and_(page.locator(":focus")).wait_for()
    page.keyboard.press("Enter")
    assert number.get_attribute("title") == f"Copy {copied(page)}"
    assert page.url.endswith("/experiments/digits")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.locator(".table .scroll").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/components/**")


def test_a_button_that_has_the_focus_answers_enter(see: Open) -> None:
    page = see("experiments/digits")
    page.locator(".rows .line").nth(2).wait_for()
    page.get_by_role("button", name="lr", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=parameter.lr**")


@pytest.fixture(scope="module")
def three_runs(plane: Plane) -> None:
    for lines, rate in ((5, 0.1), (20, 0.01), (10, 0.03)):
        trial = f"cost-{lines}"
        where = ("--experiment", "cost", "--trial", trial, "--hp", f"lr={rate}", "--hp", "epochs=3")
        train(plane, trial, *where, LINES=str(lines))


@pytest.mark.usefixtures("three_runs")
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_who_won_why_and_what_it_cost_on_one_screen(see: Open, plane: Plane, width: int) -> None:
    page = see("experiments/cost", width)
    best = page.get_by_label("Best", exact=True)
    best.wait_for()
    said = re.sub(r"\s+", " ", best.inner_text())
    assert "Best by loss cost-20 0.05" in said
    assert "lr 0.01 not 0.03" in said
    assert "epochs" not in said  # the same in both
    [sagemaker] = clients(plane, "sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName="cost-20")
    found = dict(re.findall(r"(trained|billed|model) ([\d.]+ \w+)", said))
    assert set(found) == {"trained", "billed", "model"}
    title = best.locator(".told", has_text="trained").locator(".fig").get_attribute("title")
    trained = float(title.split()[1])
    assert max(1, round(trained)) == job["TrainingTimeInSeconds"]
    assert "all 3 billed" in said
    box = best.bounding_box()
    assert box["y"] + box["height"] < (844 - 56 if width < 500 else 900)


@pytest.mark.usefixtures("three_runs")
def test_a_comparison_says_what_each_cost(see: Open) -> None:
    page = see("compare?e=cost")
    table = page.locator("table.diff")
    table.wait_for()
    for name in ("trained", "billed", "model"):
        row = table.locator("tr", has=page.get_by_role("rowheader", name=name, exact=True))
        assert row.locator(".fig").count() == 3, name


@pytest.mark.usefixtures("three_runs")
def test_a_table_has_what_each_cost(see: Open) -> None:
    page = see("experiments/cost")
    shows(page, "Billed")
    row = page.locator(".rows .line", has_text="cost-5")
    assert re.search(r"\d (B|kB)", row.inner_text())
