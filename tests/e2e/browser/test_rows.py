"""Rows of an experiment's table, gathered under a heading for each value of a parameter."""

from typing import Any

import pytest

from support.pages import clients, counts
from support.serve import Plane

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

Open = Any

#: More than a page of a hundred has; the last value's are found far below.
RUNS = {"adam": 90, "sgd": 60}


@pytest.fixture(scope="module")
def many(plane: Plane) -> None:
    """An experiment of 150 runs with two optimizers; sgd has the best one, adam the better mean."""
    sagemaker, metrics = clients(plane, "sagemaker", "sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="optimizers")
    sagemaker.create_trial(TrialName="all", ExperimentName="optimizers")
    for optimizer, runs in RUNS.items():
        for number in range(runs):
            name = f"{optimizer}-{number:02}"
            sagemaker.create_trial_component(
                TrialComponentName=name,
                Status={"PrimaryStatus": "Completed"},
                Parameters={"optimizer": {"StringValue": optimizer}, "lr": {"NumberValue": number}},
            )
            sagemaker.associate_trial_component(TrialComponentName=name, TrialName="all")
            score = 0.8 - number / 1000 if optimizer == "adam" else 0.9 - number / 100
            datum = {"MetricName": "accuracy", "Value": score, "Timestamp": 1_700_000_000}
            metrics.batch_put_metrics(TrialComponentName=name, MetricData=[datum])


def headings(page: Any) -> Any:
    return page.locator(".rows .line.heading")


def test_rows_are_gathered_by_the_values_of_a_parameter(see: Open) -> None:
    page = see("experiments/digits")
    page.get_by_label("Rows by").select_option("width")
    page.wait_for_url("**rows=width**")
    heads = headings(page).locator("b")
    sync_api.expect(heads).to_have_text(["8", "16", "32", "no value"])
    page.get_by_label("Rows by").select_option("optimizer")
    lines = page.locator(".rows .line")
    sync_api.expect(lines.locator("b, .cut[title]")).to_have_text(
        ["adam", "digits-8", "sgd", "digits-32", "digits-16", "no value", "digits-prepare"]
    )
    sgd = headings(page).nth(1)
    sync_api.expect(sgd).to_contain_text("2 components")
    sync_api.expect(sgd.locator(".pile").nth(1)).to_have_text("best 0.94925mean 0.89925")
    sync_api.expect(sgd.locator(".pile").nth(2)).to_contain_text("mean of 1")  # the other is NaN
    leads = headings(page).locator(".fig.strong")
    sync_api.expect(leads).to_have_count(4)  # each metric's best and mean
    page.get_by_label("Statistic of test:accuracy").select_option("std")
    sync_api.expect(sgd.locator(".pile").nth(1)).not_to_contain_text("best")
    again = see("experiments/digits?rows=optimizer&closed=sgd")
    sync_api.expect(headings(again).nth(1).get_by_role("button")).to_have_attribute(
        "aria-expanded", "false"
    )
    sync_api.expect(again.locator(".rows .line", has_text="digits-16")).to_have_count(0)


@pytest.mark.usefixtures("many")
def test_which_optimizer_is_better_is_said_by_headings_alone(see: Open) -> None:
    page = see("experiments/optimizers?rows=optimizer")
    adam, sgd = headings(page).nth(0), page.locator(".heading", has_text="sgd")
    sync_api.expect(adam).to_contain_text("90 components")
    drawn = page.get_by_label("accuracy", exact=True).get_by_text("12 lines")
    drawn.wait_for()  # the best of all, and not the first values' only
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Close all").click()
    counts(page, ".rows .line", 2)
    page.wait_for_url("**closed=adam&closed=sgd**")
    sync_api.expect(sgd).to_contain_text("best 0.9")
    sync_api.expect(sgd.locator(".fig.strong")).to_have_count(1)
    sync_api.expect(adam.locator(".fig.strong")).to_have_count(1)
    assert [each for each in asked if "/_api/components" in each] == []
    sgd.get_by_role("button").click()
    page.locator(".rows .line", has_text="sgd-09").wait_for()  # asked for now
    assert page.locator(".rows .line").count() < 60


@pytest.mark.usefixtures("many")
def test_headings_are_passed_closed_and_opened_by_keys(see: Open) -> None:
    page = see("experiments/optimizers?rows=optimizer")
    lines = page.locator(".rows .line")
    lines.nth(2).wait_for()
    for key in ("j", "j", "x", "k"):
        page.keyboard.press(key)
    button = lines.first.get_by_role("button", name="adam")
    sync_api.expect(button).to_be_focused()
    page.keyboard.press("x")  # a heading is not chosen
    page.keyboard.press("Enter")
    sync_api.expect(button).to_have_attribute("aria-expanded", "false")
    sync_api.expect(button).to_be_focused()
    lines.filter(has_text="sgd-00").wait_for()
    page.keyboard.press("ArrowRight")
    sync_api.expect(lines.first.locator(".fig").first).to_be_focused()
    for key in ("j", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_url("**/compare?c=adam-00&c=sgd-00")


def test_rows_between_are_chosen_across_headings(see: Open) -> None:
    page = see("experiments/digits?rows=optimizer")
    page.get_by_label("Choose digits-8-training").check()
    page.get_by_label("Choose digits-16-training").click(modifiers=["Shift"])
    page.get_by_text("3 chosen").wait_for()
    page.get_by_role("button", name="adam").click()
    page.get_by_label("Choose digits-16-training").click()
    page.get_by_text("2 chosen").wait_for()
    page.keyboard.press("c")
    page.get_by_role("heading", name="Compare 2 components").wait_for()
