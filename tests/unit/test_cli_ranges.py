"""``--range`` values, and the regex of a metric that nobody defined."""

import re

import pytest

from sagelet.cli.ranges import parameter_ranges, usual_regex
from sagelet.domain.errors import ValidationException


@pytest.mark.parametrize(
    ("text", "member", "document"),
    [
        (
            "lr=0.001:0.1:log",
            "ContinuousParameterRanges",
            {"MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        ),
        (
            "lr=1e-5:1",
            "ContinuousParameterRanges",
            {"MinValue": "1e-5", "MaxValue": "1", "ScalingType": "Auto"},
        ),
        (
            "lr=1:64",
            "IntegerParameterRanges",
            {"MinValue": "1", "MaxValue": "64", "ScalingType": "Auto"},
        ),
        (
            "lr=-1:1.0:LINEAR",
            "ContinuousParameterRanges",
            {"MinValue": "-1", "MaxValue": "1.0", "ScalingType": "Linear"},
        ),
        (
            "lr=0:0.9:reverselog",
            "ContinuousParameterRanges",
            {"MinValue": "0", "MaxValue": "0.9", "ScalingType": "ReverseLogarithmic"},
        ),
        ("lr=2,5, 10", "CategoricalParameterRanges", {"Values": ["2", "5", "10"]}),
        ("lr=adam", "CategoricalParameterRanges", {"Values": ["adam"]}),
    ],
)
def test_a_range(text, member, document):
    assert parameter_ranges([text]) == {member: [{"Name": "lr", **document}]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr", "write --range NAME=VALUE"),
        ("lr=", "write NAME=LOW:HIGH"),
        ("lr=1:", "write NAME=LOW:HIGH"),
        ("lr=1:2:log:3", "write NAME=LOW:HIGH"),
        ("lr=1:2:cubic", "'cubic' is no scale"),
        ("lr=a,,b", "a value is empty"),
    ],
)
def test_what_is_no_range(text, words):
    with pytest.raises(ValidationException, match=words):
        parameter_ranges([text])


def test_a_hyperparameter_has_one_range():
    with pytest.raises(ValidationException, match="--range lr is given twice"):
        parameter_ranges(["lr=1:2", "lr=3:4"])


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("test:accuracy=0.97", "0.97"),
        ("epoch 3 test:accuracy: 1e-3;", "1e-3"),
        ("Test accuracy = .5", ".5"),
        ("test_accuracy=-12", "-12"),
        ("latest:accuracy=0.97", None),
        ("test:accuracy is fine", None),
        ("test:accuracy_top5=0.97", None),
    ],
)
def test_the_usual_ways_to_print_a_metric(line, value):
    found = re.search(usual_regex("test:accuracy"), line)
    assert (found and found[1]) == value
