"""What was typed into a filter, and numbers that JSON has no word for."""

import math

from sagelet.domain.summaries import summarised
from sagelet.domain.thinning import Point
from sagelet.web.views import number, read_filter, series, statistics


def test_a_filter_has_words_statuses_and_conditions():
    wanted = read_filter(
        "mnist status:failed,Stopped metric.test:accuracy>0.9 metric.a.b <= -1e-3 v2"
    )
    assert wanted.words == ("mnist", "v2")
    assert wanted.statuses == ("failed", "Stopped")
    assert wanted.conditions == (
        ("metric", "test:accuracy", ">", 0.9),
        ("metric", "a.b", "<=", -0.001),
    )


def test_a_filter_knows_parameters_trials_and_experiments():
    wanted = read_filter(
        'parameter.lr=0.1 parameter.opt = "a b" trial:t experiment:e is:unassigned'
    )
    assert wanted.conditions == (("parameter", "lr", "=", 0.1), ("parameter", "opt", "=", "a b"))
    assert (wanted.trial, wanted.experiment, wanted.unassigned) == ("t", "e", True)
    assert wanted.words == ()
    assert read_filter("tuning:search").trial == "search-aws-tuning-job"


def test_what_is_no_condition_is_a_word():
    assert read_filter("metric.x > many").words == ("metric.x", ">", "many")
    assert read_filter("") == read_filter("   ")


def test_numbers_without_a_word_in_json():
    assert [number(each) for each in (1.5, math.nan, math.inf, -math.inf)] == [
        1.5,
        "NaN",
        "Infinity",
        "-Infinity",
    ]


def test_the_second_name_of_an_objective_is_not_told():
    one, other = (summarised([value], 1.0) for value in (0.5, 0.7))
    assert set(statistics([("acc", one), ("loss", other), ("ObjectiveMetric", one)])) == {
        "acc",
        "loss",
    }
    assert set(statistics([("acc", other), ("ObjectiveMetric", one)])) == {
        "acc",
        "ObjectiveMetric",
    }


def test_series_are_columns():
    found = series([Point(0, 1.0, 0.5, "algo-2"), Point(1, 2.0, math.nan, "algo-1")])
    assert found == {
        "hosts": ["algo-1", "algo-2"],
        "place": [0, 1],
        "time": [1.0, 2.0],
        "value": [0.5, "NaN"],
        "host": [1, 0],
    }


def test_steps_that_were_given_stand_beside_places():
    assert series([Point(0, 1.0, 0.5, "", 10), Point(1, 2.0, 0.6, "")])["step"] == [10, None]
