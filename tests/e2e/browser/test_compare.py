"""Experiments in a browser: who won, why, and everything that compares components."""

from contextlib import suppress
from typing import Any

from playwright.sync_api import expect

from support.pages import clients, counts, go, inked, shows
from support.serve import Plane

Open = Any


def test_who_won_is_seen_at_once(see: Open) -> None:
    page = see("experiments")
    tile = page.locator("article", has_text="digits")
    assert "best test:accuracy" in tile.inner_text()
    assert "digits-32" in tile.inner_text()
    tile.get_by_role("link").click()
    page.wait_for_url("**/experiments/digits")
    first = page.locator(".rows .line").first
    assert "digits-32" in first.inner_text()
    heads = page.get_by_role("columnheader").all_inner_texts()
    assert any(head.startswith("lr") for head in heads)
    assert not any(head.startswith("epochs") for head in heads)
    page.keyboard.press("d")
    page.get_by_role("columnheader").filter(has_text="epochs").wait_for()


def test_components_are_filtered_sorted_and_chosen(see: Open) -> None:
    page = see("experiments/digits")
    rows = page.locator(".rows .line")
    rows.nth(3).wait_for()
    page.get_by_label("Filter components").fill(
        "parameter.optimizer = sgd metric.train:loss.min > 0.2"
    )
    counts(page, ".rows .line", 2)
    assert "filter=" in page.url
    page.get_by_label("Filter components").fill("")
    rows.nth(3).wait_for()
    page.get_by_role("button", name="lr").click()
    page.wait_for_url("**sort=parameter.lr**")
    page.locator(".rows .line:first-child", has_text="digits-8").wait_for()
    page.get_by_label("Choose digits-8-training").check()
    page.get_by_label("Choose digits-32-training").check()
    page.get_by_role("button", name="Compare 2").click()
    page.wait_for_url("**/compare?c=digits-8-training&c=digits-32-training")
    page.get_by_role("heading", name="Compare 2 components").wait_for()


def test_a_comparison_shows_what_differs_first(see: Open) -> None:
    page = see("compare?e=digits")
    table = page.locator("table.diff")
    table.wait_for()
    names = table.locator("tbody th[scope=row]").all_inner_texts()
    assert [name.split("\n")[0] for name in names if "last" not in name.split("\n")[0]][-3:] == [
        "lr",
        "optimizer",
        "width",
    ]
    assert "epochs" not in " ".join(names)
    shows(page, "The same in all: epochs = 40.")
    page.get_by_label("Statistic of train:loss").select_option("min")
    page.wait_for_url("**stat=train%3Aloss.min**")
    assert "0.3" in table.locator("tr", has_text="train:loss").inner_text()
    table.get_by_role("button", name="Baseline").nth(1).click()
    assert table.locator(".by").count() > 0
    again = see(page.url.split("/_ui/")[1])
    again.locator("table.diff .by").first.wait_for()
    assert again.get_by_label("Statistic of train:loss").input_value() == "min"


def test_a_metric_is_shown_and_sorted_by_its_value_at_a_step(see: Open, plane: Plane) -> None:
    [sagemaker, metrics] = clients(plane, "sagemaker", "sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="crossing")
    for name, values in (("early", (0.3, 0.25)), ("late", (0.9, 0.1))):
        sagemaker.create_trial(TrialName=name, ExperimentName="crossing")
        sagemaker.create_trial_component(TrialComponentName=f"{name}-run")
        sagemaker.associate_trial_component(TrialComponentName=f"{name}-run", TrialName=name)
        metrics.batch_put_metrics(
            TrialComponentName=f"{name}-run",
            MetricData=[
                {"MetricName": "loss", "Value": value, "Step": step, "Timestamp": 1_700_000_000}
                for step, value in zip((100, 200), values, strict=True)
            ],
        )
    page = see("experiments/crossing")
    best = page.get_by_role("region", name="Best", exact=True)
    best.get_by_text("Best by loss", exact=True).wait_for()
    assert "late" in best.inner_text()
    page.get_by_label("Statistic of loss").select_option("at step …")
    page.get_by_label("Step of loss").fill("150")
    page.keyboard.press("Enter")
    page.wait_for_url("**stat=loss.at150**")
    best.get_by_text("Best by loss (at step 150)").wait_for()
    assert "early" in best.inner_text()
    assert "0.9" in page.locator(".rows .line", has_text="late").inner_text()
    page.get_by_role("button", name="loss", exact=True).click()
    page.wait_for_url("**sort=metric.loss.at150**")
    page.locator(".rows .line:first-child", has_text="late").wait_for()
    page.get_by_label("Statistic of loss").select_option("at step …")
    expect(page.get_by_label("Step of loss")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Statistic of loss")).to_have_value("at150")
    compared = see("compare?e=crossing&stat=loss.at150")
    compared.locator("table.diff tr", has_text="loss").get_by_text("0.9").wait_for()
    compared.get_by_label("Statistic of loss").select_option("last")
    compared.locator("table.diff tr", has_text="loss").get_by_text("0.1", exact=True).wait_for()


def test_lines_are_drawn_smoothed_and_zoomed(see: Open) -> None:
    page = see("compare?e=digits")
    card = page.get_by_role("region", name="train:loss")
    card.locator("canvas").first.wait_for()
    assert inked(page, "section[aria-label='train:loss'] canvas") > 200
    label = card.locator("canvas").first.get_attribute("aria-label")
    assert "digits-32: 40 points" in label
    box = card.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    card.locator(".tip").wait_for()
    assert "digits-8" in card.locator(".tip").inner_text()
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 60, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Whole range").click()
    page.keyboard.press("]")
    page.wait_for_url("**smooth=0.1**")
    page.keyboard.press("l")
    page.wait_for_url("**log=1**")
    page.get_by_label("x axis").select_option("time")
    page.wait_for_url("**x=time**")
    page.keyboard.press("f")
    page.get_by_role("dialog").locator("canvas").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def test_a_brush_on_an_axis_leaves_the_rest_out(see: Open) -> None:
    page = see("compare?e=digits")
    part = page.get_by_role("region", name="Parallel coordinates", exact=True)
    part.scroll_into_view_if_needed()
    part.locator("path.thread").nth(2).wait_for()
    grip = part.locator("rect.grip").first.bounding_box()
    x, y = grip["x"] + grip["width"] / 2, grip["y"]
    page.mouse.move(x, y + 5)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=4)
    page.mouse.up()
    shows(page, "of 3 components kept")
    page.mouse.click(x, y + grip["height"] - 10)
    shows(page, "drag along an axis")


def test_what_a_brush_does_is_done_by_keys(see: Open) -> None:
    page = see("compare?e=digits")
    part = page.get_by_role("region", name="Parallel coordinates", exact=True)
    part.scroll_into_view_if_needed()
    part.locator("summary", has_text="Ranges").focus()
    page.keyboard.press("Enter")
    part.get_by_label("width from").fill("16")
    shows(page, "2 of 3 components kept")
    part.get_by_label("width to").fill("16")
    shows(page, "1 of 3 components kept")
    part.get_by_label("width from").fill("")
    part.get_by_label("width to").fill("")
    part.get_by_label("Keep of optimizer").select_option("adam")
    shows(page, "1 of 3 components kept")
    part.locator("rect.kept").wait_for()
    part.get_by_label("Keep of optimizer").select_option("")
    shows(page, "drag along an axis")


def test_scatter_groups_quality_and_code_are_there(see: Open) -> None:
    page = see("compare?e=digits")
    scatter = page.get_by_role("region", name="Scatter", exact=True)
    scatter.scroll_into_view_if_needed()
    scatter.locator("circle").nth(2).wait_for()
    scatter.get_by_label("Scatter x").select_option("p:width")
    page.wait_for_url("**sx=p%3Awidth**")
    groups = page.get_by_role("region", name="By optimizer")
    groups.scroll_into_view_if_needed()
    assert "of 2" in groups.inner_text()
    quality = page.get_by_role("region", name="Quality", exact=True)
    quality.scroll_into_view_if_needed()
    quality.locator("table.matrix").nth(2).wait_for()
    page.get_by_role("button", name="Shares of the row").click()
    assert "90" in quality.locator("table.matrix td").first.inner_text()
    page.get_by_role("button", name="Difference from").click()
    quality.locator("caption", has_text="Difference").first.wait_for()
    assert quality.locator("td", has_text="<b>4</b>").count() == 3
    assert quality.get_by_text("area").first.locator("b").inner_text() == "0.9"


def test_a_component_has_one_colour_everywhere(see: Open) -> None:
    page = see("experiments/digits")
    of = "(row) => row.querySelector('.swatch line').getAttribute('stroke')"
    row = page.locator(".rows .line", has_text="digits-8").first
    colour = row.evaluate(of)
    go(page, "compare?e=digits")
    head = page.locator("table.diff thead th", has_text="digits-8")
    head.wait_for()
    assert head.evaluate(of) == colour
    go(page, "components/digits-8-training")
    page.locator(".head .swatch").wait_for()
    assert page.locator(".head").evaluate(of) == colour


def test_a_trial_leads_from_data_to_model(see: Open) -> None:
    page = see("trials/digits-8")
    page.locator(".lineage .node", has_text="digits").first.wait_for()
    assert page.locator(".lineage .own").count() == 2
    page.locator(".time", has_text="Training").click()
    page.wait_for_url("**/components/digits-8-training")
    shows(page, "Precision and recall")


def test_a_job_leads_to_its_component_and_back(see: Open) -> None:
    page = see("jobs/done")
    page.get_by_role("link", name="Component").click()
    page.wait_for_url("**/components/done-aws-training-job")
    shows(page, "Environment of its job")
    page.get_by_role("link", name="Its job").click()
    page.wait_for_url("**/jobs/done")
    page.get_by_role("link", name="from-jobs").click()
    page.wait_for_url("**/experiments/from-jobs")


def test_a_job_is_compared_with_any_other(see: Open) -> None:
    page = see("jobs/done")
    page.get_by_role("button", name="Compare").click()
    page.get_by_label("Find another job").fill("fail")
    page.get_by_role("dialog").get_by_role("link", name="failed").click()
    page.wait_for_url("**/compare?c=done&c=failed")
    page.get_by_role("heading", name="Compare 2 components").wait_for()


def test_jobs_are_chosen_and_compared_by_keyboard(see: Open) -> None:
    page = see("jobs")
    page.get_by_role("row").filter(has_text="done").wait_for()
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_url("**/compare?c=**")
    page.get_by_role("heading", name="Compare 2 components").wait_for()
    code = page.get_by_role("region", name="Code", exact=True)
    code.scroll_into_view_if_needed()
    shows(page, "Their code is the same")


def test_what_is_logged_shows_up_by_itself(see: Open, plane: Plane) -> None:
    sagemaker, metrics = clients(plane, "sagemaker", "sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="live")
    page = see("experiments/live")
    shows(page, "It has no components yet")
    sagemaker.create_trial(TrialName="live-1", ExperimentName="live")
    sagemaker.create_trial_component(TrialComponentName="live-run")
    sagemaker.associate_trial_component(TrialComponentName="live-run", TrialName="live-1")
    page.locator(".rows .line", has_text="live-1").wait_for()
    metrics.batch_put_metrics(
        TrialComponentName="live-run",
        MetricData=[{"MetricName": "m", "Value": 0.4321, "Timestamp": 1_700_000_000}],
    )
    page.locator(".rows .line", has_text="0.4321").wait_for()


def test_a_chart_that_comes_into_sight_keeps_no_other_from_its_news(
    see: Open, plane: Plane
) -> None:
    sagemaker, metrics = clients(plane, "sagemaker", "sagemaker-metrics")
    sagemaker.create_trial_component(TrialComponentName="many-charts")
    names = [f"m{number:02}" for number in range(40)]

    def put(which: list[str], time: int) -> None:
        data = [{"MetricName": name, "Value": 0.5, "Timestamp": time} for name in which]
        for start in range(0, len(data), 10):
            metrics.batch_put_metrics(
                TrialComponentName="many-charts", MetricData=data[start : start + 10]
            )

    put(names, 1_700_000_000)
    page = see("components/many-charts")
    page.get_by_role("region", name="Course").scroll_into_view_if_needed()
    first = page.get_by_role("region", name=names[0]).locator("canvas[role=img]")
    first.and_(page.locator("[aria-label*=': 1 points']")).wait_for()
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/_api/series?**", hold)
    with page.expect_request("**/_api/series?**"):
        put(names[:1], 1_700_000_100)
    with page.expect_request("**/_api/series?**"):
        page.get_by_role("region", name=names[-1]).scroll_into_view_if_needed()
    page.unroute("**/_api/series?**")
    for route in held:
        with suppress(Exception):  # the page let go of it
            route.continue_()
    page.get_by_role("region", name=names[0]).scroll_into_view_if_needed()
    first.and_(page.locator("[aria-label*=': 2 points']")).wait_for()


def test_experiments_are_found_by_typing(see: Open) -> None:
    page = see("")
    shows(page, "Ended last")  # the keys work from then on at the latest
    page.keyboard.press("/")
    page.get_by_label("Find a page, a job, an experiment").fill("digits-16")
    page.get_by_role("option").filter(has_text="digits-16 / Training").click()
    page.wait_for_url("**/components/digits-16-training")


def test_colours_and_strokes_stand_for_parameters_where_asked(see: Open) -> None:
    page = see("compare?e=digits")

    def look(name: str) -> tuple[str, str]:
        line = page.get_by_label("Components", exact=True).get_by_role("link", name=name)
        drawn = line.locator(".swatch line")
        return drawn.get_attribute("stroke"), drawn.get_attribute("stroke-dasharray")

    page.get_by_label("Colour by").wait_for()
    assert len({look(name)[0] for name in ("digits-8", "digits-16", "digits-32")}) == 3
    page.get_by_label("Colour by").select_option("optimizer")
    page.wait_for_url("**color=optimizer**")
    groups = page.get_by_label("Groups").get_by_role("listitem")
    groups.filter(has_text="sgd").get_by_text("2").wait_for()
    assert groups.count() == 2
    assert look("digits-16") == look("digits-32") != look("digits-8")
    page.get_by_label("Stroke by").select_option("width")
    page.wait_for_url("**stroke=width**")
    assert len({look(name)[1] for name in ("digits-8", "digits-16", "digits-32")}) == 3
    lines = page.locator(".card-chart")
    before = lines.count()
    page.get_by_label("Chart by").select_option("optimizer")
    page.wait_for_url("**chart=optimizer**")
    assert lines.count() == 2 * before
    assert {"1 line", "2 lines"} == set(
        lines.filter(has_text="(optimizer").locator("header .quiet").all_inner_texts()[:2]
    )
    again = see("experiments/digits?color=optimizer")
    again.get_by_label("Groups").get_by_text("adam").wait_for()
    rows = again.locator(".rows .line")
    rows.nth(2).wait_for()
    colors = [rows.nth(i).locator(".swatch line").get_attribute("stroke") for i in range(3)]
    assert colors[0] == colors[2] != colors[1]  # digits-32 and digits-16, digits-8
    best = again.get_by_label("Best", exact=True).locator(".swatch line").first
    assert best.get_attribute("stroke") == colors[0]


def test_each_axis_is_logarithmic_where_asked(see: Open) -> None:
    page = see("compare?e=digits")
    page.get_by_role("button", name="Log x").click()
    page.wait_for_url("**logx=1**")
    page.keyboard.press("Shift+L")
    page.wait_for_url(lambda url: "logx" not in url)
    turn = page.get_by_role("button", name="Logarithmic y")
    turn.scroll_into_view_if_needed()
    assert page.get_by_text("y is logarithmic.").count() == 0
    turn.click()
    page.get_by_text("y is logarithmic.").wait_for()
    page.wait_for_url("**log-of=**")


def test_what_the_pointer_is_on_is_told_everywhere(see: Open) -> None:
    page = see("compare?e=digits")
    page.get_by_label("Quality", exact=True).scroll_into_view_if_needed()
    page.locator(".matrices figure").first.wait_for()
    page.locator("table.diff tbody td").first.hover()
    chip = page.get_by_label("Components", exact=True).locator("a.here")
    chip.wait_for()
    name = chip.inner_text()
    assert page.locator("table.diff thead th.here").inner_text().startswith(name)
    matrix = page.locator(".matrices figure.here")
    matrix.wait_for(state="attached")
    assert name in matrix.locator("figcaption").inner_text()


def test_the_overview_says_what_jobs_run_on_and_of_which_trial_they_are(see: Open) -> None:
    page = see("")
    card = page.get_by_label("Numbers").get_by_role("link").filter(has_text="Processes")
    card.get_by_text("run the jobs").wait_for()
    row = page.get_by_label("Last").get_by_role("row").filter(has_text="search-0").first
    row.get_by_text("search", exact=True).wait_for()
