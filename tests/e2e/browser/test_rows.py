"""Rows of an experiment's table, gathered under a heading for each value of a parameter."""

from typing import Any

import pytest

from support.pages import clients, counts
from support.serve import Plane

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

Open = Any

#: The first value's are more than one answer has: the other's come when they are looked at.
RUNS = {"adam": 104, "sgd": 8}
SCORED = 12


@pytest.fixture(scope="module")
def many(plane: Plane) -> None:
    """An experiment with two optimizers: sgd has the best run, adam the better mean."""
    sagemaker, metrics = clients(plane, "sagemaker", "sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="optimizers")
    sagemaker.create_trial(TrialName="all", ExperimentName="optimizers")
    for optimizer, runs in RUNS.items():
        for number in range(runs):
            name = f"{optimizer}-{number:03}"
            sagemaker.create_trial_component(
                TrialComponentName=name, Parameters={"optimizer": {"StringValue": optimizer}}
            )
            sagemaker.associate_trial_component(TrialComponentName=name, TrialName="all")
            score = 0.8 - number / 1000 if optimizer == "adam" else 0.9 - number / 8
            datum = {"MetricName": "accuracy", "Value": score, "Timestamp": 1_700_000_000}
            if number < SCORED:
                metrics.batch_put_metrics(TrialComponentName=name, MetricData=[datum])


def headings(page: Any) -> Any:
    return page.locator(".rows .line.heading")


def test_rows_are_gathered_by_the_values_of_a_parameter(see: Open) -> None:
    page = see("experiments/digits")
    page.get_by_label("Rows by").select_option("width")
    page.wait_for_url("**rows=width**")
    sync_api.expect(headings(page).locator("b")).to_have_text(["8", "16", "32", "no value"])
    page.get_by_label("Rows by").select_option("optimizer")
    lines = page.locator(".rows .line .cut[title]")
    sync_api.expect(lines).to_have_text(
        ["adam", "digits-8", "sgd", "digits-32", "digits-16", "no value", "Preprocessing"]
    )
    sgd = headings(page).nth(1)
    sync_api.expect(sgd).to_contain_text("2 components")
    accuracy, loss = sgd.locator(".num .pile").nth(0), sgd.locator(".num .pile").nth(1)
    sync_api.expect(accuracy).to_have_text("best 0.94925mean 0.89925")
    sync_api.expect(accuracy.locator(".strong").first).to_have_text("0.94925")
    sync_api.expect(loss).to_contain_text("mean of 1")  # the other one's is NaN
    page.get_by_label("Statistic of test:accuracy").select_option("std")
    sync_api.expect(accuracy).not_to_contain_text("best")
    # What is between two rows is chosen, and stays so under a closed heading.
    page.get_by_label("Choose digits-8-training").check()
    page.get_by_label("Choose digits-16-training").click(modifiers=["Shift"])
    page.get_by_text("3 chosen").wait_for()
    page.get_by_role("button", name="adam").click()
    page.get_by_label("Choose digits-16-training").click()
    page.get_by_text("2 chosen").wait_for()
    again = see(page.url.split("/_ui/")[1])
    closed = headings(again).get_by_role("button", expanded=False)
    sync_api.expect(closed).to_contain_text(["adam"])
    again.locator(".rows .line", has_text="digits-32").wait_for()
    sync_api.expect(again.locator(".rows .line", has_text="digits-8")).to_have_count(0)


@pytest.mark.usefixtures("many")
def test_which_optimizer_is_better_is_said_by_headings_alone(see: Open) -> None:
    page = see("experiments/optimizers?rows=optimizer")
    sync_api.expect(headings(page).first).to_contain_text("104 components")
    page.get_by_role("button", name="Compare 12").wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Close all").click()
    counts(page, ".rows .line", 2)
    page.wait_for_url("**closed=adam&closed=sgd**")
    adam, sgd = headings(page).nth(0), headings(page).nth(1)
    sync_api.expect(sgd.locator(".strong")).to_have_text("0.9")
    sync_api.expect(adam.locator(".strong")).to_have_text("0.7945")
    assert [each for each in asked if "/_api/components" in each] == []
    sgd.get_by_role("button", name="sgd").click()
    page.locator(".rows .line", has_text="sgd-007").wait_for()
    assert len([each for each in asked if "start=100" in each]) == 1  # only now
    page.keyboard.press("c")
    page.wait_for_url("**/compare?c=sgd-000&c=adam-000&**")  # the best of all


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
    lines.filter(has_text="sgd-000").wait_for()
    page.keyboard.press("ArrowRight")
    sync_api.expect(lines.first.locator(".fig").first).to_be_focused()
    for key in ("j", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_url("**/compare?c=sgd-000&c=adam-000")
