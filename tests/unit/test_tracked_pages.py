"""What pages are told of experiments, trials, components and comparisons."""

import dataclasses
import io
import json
import math
import tarfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from sagelet.domain.lifecycle import Life, Secondary, Step
from sagelet.domain.metrics import Datum
from sagelet.engine.bus import Bus
from sagelet.store.calls import Calls
from sagelet.web import compare, experiments
from sagelet.web.experiments import Drawn
from sagelet.web.routes import create_web
from sagelet.web.sources import Sources
from support.asgi import ask as asgi

ACCOUNT = "123456789012"
REGION = "eu-west-1"


@pytest.fixture
def web(ask, tmp_path):
    """``web(path, query=...)``: a page's answer, over the store that ``ask`` writes."""
    sources = Sources(
        account=ACCOUNT,
        region=REGION,
        home=tmp_path,
        context_for=lambda region: (ask.store.in_region(region), None),
        bus=Bus(),
        calls=Calls(),
        about={},
        settings=list,
    )
    app = create_web(sources)

    def call(path: str, /, **query: Any) -> Any:
        status, document = asgi(app, f"/_api/{path}", **query)
        assert status == 200, document
        return document

    call.app = app
    return call


@pytest.fixture
def tracked(ask):
    """An experiment of two trials with a shared first step; a component in none."""
    made = lambda name, **request: ask("sagemaker", name, **request)  # noqa: E731
    made("CreateExperiment", ExperimentName="mnist", Description="digits")
    for trial, rate, kind, loss in (("low", 0.1, "adam", 0.5), ("high", 0.3, "sgd", math.nan)):
        made("CreateTrial", TrialName=trial, ExperimentName="mnist")
        made(
            "CreateTrialComponent",
            TrialComponentName=f"{trial}-training",
            DisplayName="Training",
            Parameters={
                "lr": {"NumberValue": rate},
                "optimizer": {"StringValue": kind},
                "epochs": {"NumberValue": 2},
            },
            Status={"PrimaryStatus": "Completed"},
            StartTime=10.0,
            EndTime=20.0,
        )
        made("AssociateTrialComponent", TrialComponentName=f"{trial}-training", TrialName=trial)
        data = [Datum("loss", 1.0, 11.0, 5), Datum("loss", loss, 12.0, 10)]
        ask.store.trial_components.put_metrics(f"{trial}-training", ACCOUNT, data)
        ask.store.trial_components.put_metrics(
            f"{trial}-training", ACCOUNT, [Datum("test:accuracy", 1 - rate, 12.0)]
        )
    made(
        "CreateTrialComponent",
        TrialComponentName="prepare",
        Parameters={"mean": {"NumberValue": 0.1}},
    )
    for trial in ("low", "high"):
        made("AssociateTrialComponent", TrialComponentName="prepare", TrialName=trial)
    made("CreateTrialComponent", TrialComponentName="alone")


def names(document):
    return [row["name"] for row in document["rows"]]


def test_experiments_show_their_best_and_how_it_became_better(web, tracked):
    found = web("experiments")
    assert found["unassigned"] == 1
    [row] = found["rows"]
    assert (row["name"], row["trials"], row["components"]) == ("mnist", 2, 3)
    assert row["objective"] == {"name": "test:accuracy", "low": False}
    assert row["best"]["name"] == "low-training"
    assert row["course"] == [0.9, 0.9]
    assert web("experiments", names="true") == {"more": False, "rows": [{"name": "mnist"}]}
    one = web("experiments/mnist")
    assert [each["name"] for each in one["trialRows"]] == ["low", "high"]
    assert one["description"] == "digits"


def test_a_course_goes_on_from_the_best_of_those_that_are_older(web, tracked, monkeypatch):
    monkeypatch.setattr(experiments, "_COURSE", 2)  # of three: the oldest is the best one
    [row] = web("experiments")["rows"]
    assert row["best"]["name"] == "low-training"
    assert row["course"] == [0.9, 0.9]


def test_an_experiment_that_is_not_there_is_said_to_be_missing(web):
    status, document = asgi(web.app, "/_api/experiments/none")
    assert status == 400
    assert "none" in document["message"]


def test_components_are_filtered_sorted_and_come_in_parts(web, tracked):
    table = web("components", experiment="mnist", sort="metric.test:accuracy")
    assert names(table) == ["low-training", "high-training", "prepare"]
    assert table["total"] == 3
    assert names(web("components", start=1, limit=1, experiment="mnist")) == ["high-training"]
    assert names(web("components", trial="high", descending="false")) == [
        "high-training",
        "prepare",
    ]
    assert names(web("components", unassigned="true")) == ["alone"]
    for text, expected in {
        "metric.loss.max >= 1 parameter.optimizer = sgd": ["high-training"],
        "parameter.lr < 0.2": ["low-training"],
        "parameter.optimizer < 1": [],
        "parameter.epochs = 2 trial:low": ["low-training"],
        "status:completed Training": ["high-training", "low-training"],
        "is:unassigned": ["alone"],
        "experiment:mnist prep": ["prepare"],
        "high": ["prepare", "high-training"],
    }.items():
        assert names(web("components", filter=text)) == expected, text


def test_a_metric_is_told_and_sorted_by_its_value_at_a_step(web, ask, tracked):
    ask(
        "sagemaker",
        "CreateTrialComponent",
        TrialComponentName="counted",
        Parameters={"lr": {"NumberValue": 1.0}},
    )
    put = ask.store.trial_components.put_metrics
    put("counted", ACCOUNT, [Datum("loss", value, 1.0 + value) for value in (7.0, 8.0, 9.0)])

    def at(step: int) -> list[tuple[str, Any]]:
        found = web(
            "components", sort=f"metric.loss.at{step}", stat=[f"loss.at{step}", "odd", "loss.at"]
        )
        return [
            (row["name"], row["metrics"].get("loss", {}).get(f"at{step}")) for row in found["rows"]
        ]

    # Those with steps have values at 5 and 10, of which one is NaN; the other counts its own.
    assert at(0)[0] == ("counted", 7.0)
    assert dict(at(4))["low-training"] is None
    assert at(7)[:3] == [("counted", 9.0), ("high-training", 1.0), ("low-training", 1.0)]
    found = dict(at(10))
    assert (found["low-training"], found["high-training"]) == (0.5, "NaN")
    assert names(web("components", filter="metric.loss.at9 <= 1 metric.loss.at0 < 9")) == []
    assert names(web("components", filter="metric.loss.at1 > 7")) == ["counted"]
    groups = web("components", experiment="mnist", rows="optimizer", stat="loss.at7")["groups"]
    assert [each["figures"].get("loss", {}).get("high") for each in groups["rows"]] == [
        1.0,
        1.0,
        None,
    ]
    [row] = web("compare", c="low-training", stat="loss.at6")["rows"]
    assert row["metrics"]["loss"]["at6"] == 1.0


def test_a_metric_at_a_step_is_that_of_the_first_host(web, ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    for number in range(4):
        for host in ("algo-1", "algo-2"):
            value = number + (10.0 if host == "algo-2" else 0.0)
            ask.store.metrics.append("j", host, [Datum("m", value, 1.0 + number)])
    [row] = web("compare", c="j", stat="m.at2")["rows"]
    assert row["metrics"]["m"]["at2"] == 2.0


def test_columns_are_what_tells_the_measured_ones_apart(web, tracked):
    columns = web("components", experiment="mnist")["columns"]
    assert [each["name"] for each in columns["differ"]] == ["lr", "optimizer"]
    assert [each["name"] for each in columns["same"]] == ["epochs"]
    assert columns["metrics"] == [
        {"name": "test:accuracy", "low": False, "holders": 2},
        {"name": "loss", "low": True, "holders": 2},
    ]
    assert [each["numeric"] for each in columns["differ"]] == [True, False]


def test_rows_are_gathered_by_the_values_of_a_parameter(web, ask, tracked):
    for name, rate in (("text", "0.01"), ("tiny", 0.02), ("wild", math.inf)):
        value = {"StringValue": rate} if isinstance(rate, str) else {"NumberValue": rate}
        ask(
            "sagemaker",
            "CreateTrialComponent",
            TrialComponentName=name,
            Parameters={"lr": value},
        )
        ask("sagemaker", "AssociateTrialComponent", TrialComponentName=name, TrialName="low")
    asked = {"experiment": "mnist", "sort": "metric.test:accuracy", "rows": "lr"}
    table = web("components", **asked)
    order = ["tiny", "low-training", "high-training", "wild", "text", "prepare"]
    assert names(table) == order
    assert names(web("components", **asked, start=2, limit=2)) == order[2:4]
    assert "groups" not in web("components", **asked, start=2)
    groups = table["groups"]
    assert (groups["name"], groups["many"]) == ("lr", False)
    assert [(each["value"], each["count"]) for each in groups["rows"]] == [
        *((0.02, 1), (0.1, 1), (0.3, 1), ({"number": "Infinity"}, 1), ("0.01", 1), (None, 1))
    ]
    assert [set(each["figures"]) for each in groups["rows"]] == [
        *(set(), {"test:accuracy", "loss"}, {"test:accuracy"}, set(), set(), set())  # NaN is none
    ]


def test_headings_tell_a_statistic_of_each_metric(web, tracked):
    def figures(**more: Any) -> Any:
        table = web("components", experiment="mnist", rows="epochs", **more)
        return [each["figures"].get("loss") for each in table["groups"]["rows"]]

    assert figures() == [{"count": 1, "mean": 0.5, "low": 0.5, "high": 0.5}, None]
    both = {"count": 2, "mean": 1.0, "low": 1.0, "high": 1.0}
    assert figures(stat=["loss.max", "none.min"]) == [both, None]
    assert figures(stat="loss.std")[0]["count"] == 2
    accuracy = web("components", experiment="mnist", rows="epochs")["groups"]["rows"][0]
    assert accuracy["figures"]["test:accuracy"]["mean"] == pytest.approx(0.8)


def test_a_parameter_of_too_many_values_gathers_nothing(web, tracked, monkeypatch):
    monkeypatch.setattr(experiments, "_VALUES", 2)  # of three: two, and none
    table = web("components", experiment="mnist", sort="name", descending="true", rows="lr")
    assert names(table) == ["prepare", "low-training", "high-training"]
    assert table["groups"] == {"name": "lr", "most": 2, "many": True, "rows": []}


def test_a_column_of_spreads_is_sorted_by_them(web, ask, tracked):
    data = [Datum("loss", value, 13.0) for value in (5.0, 9.0)]
    ask.store.trial_components.put_metrics("high-training", ACCOUNT, data)
    table = web("components", experiment="mnist", sort="metric.loss.std")
    assert names(table) == ["high-training", "low-training", "prepare"]
    table = web("components", experiment="mnist", sort="metric.loss.std", descending="false")
    assert names(table) == ["low-training", "high-training", "prepare"]


def test_what_a_run_cost_is_told_beside_it(web, ask, tracked, job_of):
    states = (
        (Secondary.STARTING, 100.0, 110.0),
        (Secondary.DOWNLOADING, 110.0, 112.0),
        (Secondary.TRAINING, 112.0, 120.0),
        (Secondary.INTERRUPTED, 120.0, 130.0),
        (Secondary.DOWNLOADING, 130.0, 132.0),
        (Secondary.TRAINING, 132.0, 140.0),
        (Secondary.COMPLETED, 140.0, 140.0),
    )
    done = Life(tuple(Step(*each, "") for each in states))
    two = job_of(
        TrainingJobName="j",
        ResourceConfig={"InstanceCount": 2, "VolumeSizeInGB": 1},
        ExperimentConfig={"ExperimentName": "mnist", "TrialName": "low"},
    )
    ask.store.training_jobs.add(dataclasses.replace(two, life=done))
    version = ask.store.models.reserve("j", "j", 140.0)
    ask.store.models.publish("j", 1234)
    assert version == 1
    rows = {row["name"]: row for row in web("components")["rows"]}
    assert rows["j-aws-training-job"]["cost"] == {
        "trained": 30.0,
        "billable": 20.0,
        "hosts": 2,
        "spot": False,
        "model": 1234,
    }
    assert rows["low-training"]["cost"] is None
    assert web("compare", c="j")["rows"][0]["cost"]["model"] == 1234


def test_a_component_is_told_whole(web, ask, tracked):
    row = web("components/high-training")
    assert row["parameters"] == {"lr": 0.3, "optimizer": "sgd", "epochs": 2.0}
    assert row["metrics"]["loss"]["last"] == "NaN"
    assert row["metrics"]["loss"]["max"] == 1.0
    assert row["trials"] == [["high", "mnist"]]
    assert row["job"] is None


def test_series_of_many_come_together_with_their_steps(web, tracked):
    found = web("series", c=["low-training", "high-training", "prepare"], metric=["loss", "none"])
    assert found["series"]["none"] == {}
    loss = found["series"]["loss"]
    assert set(loss) == {"low-training", "high-training"}
    assert loss["high-training"]["step"] == [5, 10]
    assert loss["high-training"]["value"] == [1.0, "NaN"]
    assert loss["high-training"]["count"] == 2


def test_series_that_grow_are_read_again_and_few_are_remembered(ask, tracked):
    store, drawn = ask.store.in_region(REGION), Drawn(most=3)
    table = store.component_table
    numbers = table.named(["low-training", "high-training"])

    def read(name: str, low: int = 0) -> list[float]:
        of = table.series([numbers[name]], "loss")[numbers[name]]
        return json.loads(orjson.dumps(drawn(store, of, (400, low, 1 << 62))))["value"]

    assert read("low-training") == read("low-training") == [1.0, 0.5]
    assert (read("low-training", 1), drawn.points) == ([0.5], 2)  # a part is not remembered
    data = [Datum("loss", 0.25, 13.0, 15)]
    store.trial_components.put_metrics("low-training", ACCOUNT, data)
    assert (read("low-training"), drawn.points) == ([1.0, 0.5, 0.25], 3)
    assert (read("high-training"), drawn.points) == ([1.0, "NaN"], 2)


def test_a_trial_shows_what_came_of_what(web, ask, tracked):
    artifact = ask(
        "sagemaker",
        "CreateArtifact",
        ArtifactName="digits",
        ArtifactType="DataSet",
        Source={"SourceUri": "s3://bucket/digits"},
    )["ArtifactArn"]
    arn = web("components/low-training")["arn"]
    ask("sagemaker", "AddAssociation", SourceArn=artifact, DestinationArn=arn)
    trial = web("trials/low")
    assert names(trial) == ["low-training", "prepare"]
    shown = {each["arn"]: each for each in trial["lineage"]["vertices"]}
    assert shown[artifact.lower()]["uri"] == "s3://bucket/digits"
    assert trial["lineage"]["edges"] == [{"from": artifact.lower(), "to": arn.lower(), "type": ""}]


def test_a_comparison_is_of_components_jobs_trials_and_experiments(web, ask, job_of, tracked):
    ask.store.training_jobs.add(job_of(TrainingJobName="job-1", HyperParameters={"lr": "0.2"}))
    found = web("compare", c=["job-1", "low-training", "gone"], t=["high", "nothing"])
    assert names(found) == ["job-1-aws-training-job", "low-training", "high-training", "prepare"]
    assert found["unknown"] == ["gone", "nothing"]
    assert found["rows"][0]["job"] == "job-1"
    assert found["rows"][0]["configuration"]["ResourceConfig.InstanceCount"] == 1
    assert found["rows"][1]["configuration"] == {}
    assert names(web("compare", e="mnist")) == ["low-training", "high-training", "prepare"]


def test_a_comparison_of_too_many_is_of_the_newest(web, tracked, monkeypatch):
    monkeypatch.setattr(compare, "MOST", 2)
    found = web("compare", e="mnist", t=["low", "high"])
    assert (sorted(names(found)), found["total"]) == (["high-training", "prepare"], 3)
    found = web("compare", c="low-training", e="mnist")
    assert (names(found), found["total"]) == (["low-training", "prepare"], 3)
    assert web("compare", e="mnist", t="nothing")["unknown"] == ["nothing"]


def test_graphs_are_read_as_trackers_store_them(web, ask, tracked, tmp_path):
    ask.store.objects.create_bucket("bucket", REGION)
    matrix = {
        "type": "ConfusionMatrix",
        "version": 0,
        "title": "t",
        "confusionMatrix": [[3, 1], [0, 4]],
    }
    curve = {
        "type": "ROCCurve",
        "falsePositiveRate": [i / 5000 for i in range(5001)],
        "truePositiveRate": [1.0] * 5001,
        "areaUnderCurve": 0.75,
    }
    table = {
        "type": "Table",
        "fields": [{"name": "x", "type": "string"}],
        "data": {"x": [1, "<b>"]},
    }
    for key, document in {
        "m.json": matrix,
        "c.json": curve,
        "t.json": table,
        "bad.json": [],
    }.items():
        (tmp_path / key).write_text(json.dumps(document))
        ask.store.objects.put("bucket", key, tmp_path / key)
    assert web("compare/graph", uri="s3://bucket/m.json")["matrix"] == [[3, 1], [0, 4]]
    shown = web("compare/graph", uri="s3://bucket/c.json")
    assert (len(shown["x"]), shown["x"][-1], shown["area"], shown["count"]) == (
        600,
        1.0,
        0.75,
        5001,
    )
    assert web("compare/graph", uri="s3://bucket/t.json")["rows"] == [["1"], ["<b>"]]
    for uri in (
        "s3://bucket/bad.json",
        "s3://bucket/none.json",
        "s3://nowhere/x",
        "file:///etc/passwd",
    ):
        assert web("compare/graph", uri=uri)["kind"] == "none", uri
    artifact = ask(
        "sagemaker",
        "CreateArtifact",
        ArtifactName="matrix",
        ArtifactType="ConfusionMatrix",
        Source={"SourceUri": "s3://bucket/m.json"},
    )["ArtifactArn"]
    arn = web("components/low-training")["arn"]
    ask("sagemaker", "AddAssociation", SourceArn=arn, DestinationArn=artifact)
    graph = {"name": "matrix", "type": "ConfusionMatrix", "uri": "s3://bucket/m.json"}
    assert web("components/low-training")["graphs"] == [{**graph, "way": "out"}]
    assert web("compare", c="low-training")["rows"][0]["graphs"] == [graph]


def test_code_of_two_jobs_is_compared(web, ask, job_of, tmp_path):
    ask.store.objects.create_bucket("bucket", REGION)
    for name, text in (("one", "a = 1\nb = 2\n"), ("two", "a = 1\nb = 3\n")):
        path = tmp_path / f"{name}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for member, data in (("train.py", text), ("same.py", "x"), (f"{name}.py", "")):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data.encode()))
        ask.store.objects.put("bucket", f"{name}.tar.gz", path)
        directory = json.dumps(f"s3://bucket/{name}.tar.gz")
        ask.store.training_jobs.add(
            job_of(TrainingJobName=name, HyperParameters={"sagemaker_submit_directory": directory})
        )
    found = web("compare/code", a="one", b="two")
    assert [(each["file"], each["state"]) for each in found["files"]] == [
        ("one.py", "removed"),
        ("train.py", "changed"),
        ("two.py", "added"),
    ]
    assert found["files"][1]["lines"][-2:] == ["-b = 2", "+b = 3"]
    assert found["same"] == 1
    rows = web("compare", c=["one", "two"])["rows"]
    assert rows[0]["code"] != rows[1]["code"]
    status, _ = asgi(web.app, "/_api/compare/code", a="one", b="none")
    assert status == 404


def test_code_that_is_gone_is_no_error(web, ask, job_of, tmp_path):
    gone = json.dumps(Path(tmp_path, "nowhere").as_uri())
    for name in ("one", "two"):
        ask.store.training_jobs.add(
            job_of(TrainingJobName=name, HyperParameters={"sagemaker_submit_directory": gone})
        )
    assert web("compare/code", a="one", b="two") == {"a": 0, "b": 0, "files": [], "same": 0}


def test_jobs_tell_where_they_belong(web, ask, job_of):
    config = {"ExperimentName": "e", "TrialName": "t"}
    ask.store.training_jobs.add(job_of(TrainingJobName="in", ExperimentConfig=config))
    ask.store.training_jobs.add(job_of(TrainingJobName="out", HyperParameters={"lr": "0.1"}))
    ask.store.metrics.append("out", "algo-1", [Datum("a", 1.0, 1.0), Datum("a", 3.0, 2.0)])
    assert names(web("jobs", filter="trial:t")) == ["in"]
    assert names(web("jobs", filter="is:unassigned metric.a.avg = 2 parameter.lr = 0.1")) == ["out"]
    row = web("jobs", sort="metric.a.max")["rows"][0]
    assert row["metrics"]["a"] == {
        "last": 3.0, "min": 1.0, "max": 3.0, "avg": 2.0, "std": 1.0, "count": 2, "time": 2.0
    }  # fmt: skip
    assert web("jobs", filter="in")["rows"][0]["trials"] == [["t", "e"]]


def test_versions_of_a_model_are_the_newest_with_their_jobs_metrics(web, ask, job_of):
    for number, loss in enumerate((0.5, math.nan, 0.25)):
        name = f"fit-{number}"
        ask.store.training_jobs.add(job_of(TrainingJobName=name))
        ask.store.metrics.append(name, "algo-1", [Datum("loss", loss, 1.0)])
        ask.store.models.reserve("m", name, float(number))
        ask.store.models.publish(name, 3)
    ask.store.training_jobs.add(job_of(TrainingJobName="other"))
    ask.store.models.reserve("n", "other", 9.0)
    ask.store.models.publish("other", 3)
    found = web("models", name="m", limit=2)
    assert [(each["version"], each["versions"], each["metrics"]) for each in found] == [
        (2, 3, {"loss": "NaN"}),
        (3, 3, {"loss": 0.25}),
    ]
    assert [(each["name"], each["versions"]) for each in web("models")] == [
        *[("m", 3)] * 3,
        ("n", 1),
    ]
