"""Ranges of hyperparameters and their scales."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.errors import ValidationException
from sagelet.domain.ranges import Categorical, Numeric, range_of_hint, read_ranges

places = st.floats(0.0, 1.0)


def continuous(low, high, scaling="Auto"):
    document = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}
    (found,) = read_ranges({"ContinuousParameterRanges": [document]}, "R")
    return found


def integers(low, high, scaling="Auto"):
    document = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}
    (found,) = read_ranges({"IntegerParameterRanges": [document]}, "R")
    return found


def test_a_linear_scale_halves_the_range():
    assert continuous("0", "1", "Linear").value(0.5) == "0.5"


def test_a_logarithmic_scale_halves_the_factor():
    assert float(continuous("0.0001", "1", "Logarithmic").value(0.5)) == pytest.approx(0.01)


def test_a_reverse_logarithmic_scale_crowds_at_the_high_end():
    found = float(continuous("0", "0.9999", "ReverseLogarithmic").value(0.5))
    assert 1 - found == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [
        ("0.001", "0.1", "Logarithmic"),
        ("0.01", "0.1", "Linear"),
        ("-1", "1000", "Linear"),
        ("0", "1000", "Linear"),
    ],
)
def test_auto_takes_the_logarithm_of_what_spans_two_orders_of_magnitude(low, high, scaling):
    assert continuous(low, high).scaling == scaling


@pytest.mark.parametrize("scaling", ["Linear", "Logarithmic", "ReverseLogarithmic"])
@given(place=places)
def test_decimals_stay_within_their_ends_and_are_found_again(scaling, place):
    found = continuous("0.001", "0.9", scaling)
    text = found.value(place)
    assert 0.001 <= float(text) <= 0.9
    assert found.place(text) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize("scaling", ["Linear", "Logarithmic"])
@given(place=places)
def test_integers_are_integers_within_their_ends(scaling, place):
    found = integers("1", "7", scaling)
    text = found.value(place)
    assert text == str(int(text))
    assert 1 <= int(text) <= 7
    assert found.value(found.place(text)) == text


def test_each_integer_has_as_much_room():
    found = integers("1", "4", "Linear")
    values = [found.value((i + 0.5) / 1000) for i in range(1000)]
    assert [values.count(str(n)) for n in range(1, 5)] == [250] * 4


def test_what_is_not_in_a_range_has_no_place():
    assert continuous("0", "1").place("1.1") is None
    assert continuous("0", "1").place("adam") is None
    assert integers("1", "4").place("2.5") is None
    assert Categorical("x", ("a", "b")).place("c") is None


def test_categories_share_the_unit_interval():
    found = Categorical("x", ("a", "b"))
    assert [found.value(p) for p in (0.0, 0.49, 0.5, 1.0)] == ["a", "a", "b", "b"]
    assert found.value(found.place("b")) == "b"


@pytest.mark.parametrize(
    ("member", "low", "high", "scaling", "words"),
    [
        ("ContinuousParameterRanges", "1", "0.1", "Auto", "MinValue 1 of 'x' must be less than"),
        ("ContinuousParameterRanges", "1", "1", "Auto", "MinValue 1 of 'x' must be less than"),
        ("ContinuousParameterRanges", "a", "1", "Auto", "MinValue: 'a' of 'x' is not a number"),
        ("ContinuousParameterRanges", "0", "inf", "Auto", "MaxValue: 'inf' of 'x' is not a number"),
        ("IntegerParameterRanges", "0.5", "2", "Auto", "'0.5' of 'x' is not an integer"),
        ("ContinuousParameterRanges", "0", "1", "Logarithmic", "only values greater than 0"),
        ("IntegerParameterRanges", "0", "9", "Logarithmic", "only values greater than 0"),
        ("ContinuousParameterRanges", "0", "1", "ReverseLogarithmic", "within the range 0<=x<1"),
        ("IntegerParameterRanges", "1", "9", "ReverseLogarithmic", "for continuous ranges only"),
    ],
)
def test_ranges_that_cannot_be_are_refused(member, low, high, scaling, words):
    document = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}
    with pytest.raises(ValidationException, match=r"^R\.") as refusal:
        read_ranges({member: [document]}, "R")
    assert words in str(refusal.value)


def test_a_name_has_one_range():
    twice = [{"Name": "x", "Values": ["a"]}, {"Name": "x", "Values": ["b"]}]
    with pytest.raises(ValidationException, match="'x' has two ranges"):
        read_ranges({"CategoricalParameterRanges": twice}, "R")


def test_a_category_comes_once():
    with pytest.raises(ValidationException, match="'x' has the value 'a' twice"):
        read_ranges({"CategoricalParameterRanges": [{"Name": "x", "Values": ["a", "a"]}]}, "R")


@pytest.mark.parametrize(
    ("hint", "whole", "low", "high"),
    [("64", True, 6, 640), ("0.01", False, 0.001, 0.1), ("0.5", False, 0.05, 0.75)],
)
def test_autotune_searches_around_its_hint(hint, whole, low, high):
    found = range_of_hint("x", hint, "R")
    assert isinstance(found, Numeric)
    assert found.whole is whole
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize("hint", ["adam", "0", "-1", "nan"])
def test_there_is_nothing_around_some_hints(hint):
    with pytest.raises(ValidationException, match="no range can be chosen"):
        range_of_hint("x", hint, "R")


def test_decimals_have_no_end():
    assert continuous("0", "1").count == math.inf
    assert integers("1", "4").count == 4
