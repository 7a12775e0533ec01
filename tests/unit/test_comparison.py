"""Components side by side: what differs, which metric decides, who is best."""

import math

import pytest

from sagelet.domain.comparison import (
    Measure,
    best_first,
    measure_of,
    metric_names,
    number,
    parameter_of,
    parameters_of,
)
from sagelet.domain.errors import ValidationException


def component(name, parameters=None, **metrics):
    return {
        "TrialComponentName": name,
        "Parameters": {
            key: {"StringValue" if isinstance(value, str) else "NumberValue": value}
            for key, value in (parameters or {}).items()
        },
        "Metrics": [
            {"MetricName": key, "Min": value - 1, "Max": value + 1, "Last": value, "Count": 3}
            for key, value in metrics.items()
        ],
    }


def names(components):
    return [one["TrialComponentName"] for one in components]


def test_a_measure_is_the_last_value_unless_a_statistic_is_named():
    one = component("a", loss=2.0)
    assert measure_of("loss", ["loss"]).of(one) == 2.0
    assert measure_of("loss.MIN", ["loss"]).of(one) == 1.0
    assert measure_of("loss", ["loss"]).of(component("b", other=1.0)) is None


def test_a_metric_whose_name_ends_like_a_statistic_is_that_metric():
    assert measure_of("loss.min", ["loss", "loss.min"]) == Measure("loss.min", "Last")


@pytest.mark.parametrize("text", ["nope", "loss.median", "nope.max", ""])
def test_an_unknown_metric_is_refused_with_those_there_are(text):
    with pytest.raises(ValidationException, match="there are acc, loss"):
        measure_of(text, ["loss", "acc"])


@pytest.mark.parametrize(
    ("metric", "low"),
    [("train:loss", True), ("val_RMSE", True), ("test:accuracy", False), ("f1", False)],
)
def test_the_name_says_whether_less_is_better(metric, low):
    assert Measure(metric).low is low


def test_the_best_comes_first_then_what_is_no_number_then_what_has_none():
    found = [
        component("none"),
        component("nan", acc=math.nan),
        component("one", acc=1.0),
        component("two", acc=2.0),
    ]
    by = Measure("acc")
    assert names(best_first(found, by, low=False)) == ["two", "one", "nan", "none"]
    assert names(best_first(found, by, low=True)) == ["one", "two", "nan", "none"]
    assert names(best_first(found, None, low=True)) == names(found)


def test_people_choose_by_what_unseen_data_says():
    found = [
        component(str(n), **{"train:loss": 1.0, "train:accuracy": 1.0, "test:accuracy": 1.0})
        for n in range(3)
    ]
    found.append(component("other", **{"val:auc": 1.0}))  # one of four says nothing of the others
    assert metric_names(found) == ["test:accuracy", "train:accuracy", "train:loss", "val:auc"]


def test_parameters_that_differ_are_told_from_those_that_do_not():
    found = [
        component("a", {"lr": 0.1, "optimizer": "sgd", "only": 1.0, "mixed": 1.0}),
        component("b", {"lr": 0.2, "optimizer": "sgd", "mixed": "1"}),
    ]
    assert parameters_of(found) == (["lr", "mixed", "only"], {"optimizer": "sgd"})
    assert parameter_of(found[1], "only") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (0.1, "0.1"), (1 / 3, "0.333333"), (math.nan, "nan"), (math.inf, "inf"),
     (1e20, "1e+20")],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(value, text):
    assert number(value) == text


def test_the_second_name_of_a_metric_comes_last():
    runs = [component(name, loss=1.0, ObjectiveMetric=1.0, zeal=2.0) for name in "ab"]
    assert metric_names(runs) == ["loss", "zeal", "ObjectiveMetric"]
