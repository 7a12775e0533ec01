"""The median rule, and Hyperband's brackets and rungs."""

import math
from collections import Counter

import pytest

from sagelet.domain.early_stopping import Hyperband, worse_than_median

ENDED = [[0.2, 0.4, 0.6], [0.4, 0.6, 0.8], [0.6, 0.8, 0.9]]


@pytest.mark.parametrize(
    ("values", "worse"),
    [
        ([0.3], True),  # the median of 0.2, 0.4, 0.6 is 0.4
        ([0.4], False),
        ([0.1, 0.6], False),  # up to two epochs: 0.3, 0.5, 0.7
        ([0.9, 0.4], True),
        ([0.9, 0.9, 0.59], True),  # 0.4, 0.6, 0.767
        ([0.1, 0.1, 0.61], False),
        ([], False),
        ([math.nan], True),
    ],
)
def test_worse_than_the_median_of_running_averages(values, worse):
    assert worse_than_median(values, ENDED, maximize=True) is worse


def test_what_should_be_low_is_worse_above_the_median():
    assert worse_than_median([0.5], ENDED, maximize=False)
    assert not worse_than_median([0.3], ENDED, maximize=False)


def test_few_jobs_say_too_little():
    assert not worse_than_median([0.0], ENDED[:2], maximize=True)


def test_jobs_that_did_not_get_so_far_do_not_count():
    assert not worse_than_median([0.0] * 4, ENDED, maximize=True)


def test_brackets_and_rungs():
    band = Hyperband(1, 27, maximize=True)
    assert band.brackets == 4
    assert [band.rungs(b) for b in range(4)] == [[1, 3, 9], [3, 9], [9], []]
    assert Hyperband(10, 10, maximize=True).rungs(0) == []


def test_brackets_that_choose_more_often_have_more_jobs():
    band = Hyperband(1, 9, maximize=True)
    counts = Counter(band.bracket_of(1, number) for number in range(1700))
    assert [round(counts[b] / 100) for b in range(3)] == [9, 5, 3]


@pytest.mark.parametrize(
    ("values", "judged", "ends"),
    [
        ([0.9], 0, False),  # the first of all
        ([0.1], 0, True),
        ([0.9, 0.1], 1, False),  # no rung at two
        ([0.9, 0.8, 0.1], 2, True),  # the third is one
        ([0.1, 0.1, 0.95], 2, False),  # judged at the first before
        ([0.9] * 9, 8, True),  # it has had all
    ],
)
def test_the_best_third_goes_on(values, judged, ends):
    others = [[0.5, 0.5, 0.5], [0.6, 0.6, 0.6], [0.2]]
    assert Hyperband(1, 9, maximize=True).ends(0, values, judged, others) is ends


def test_the_best_may_be_the_lowest():
    band = Hyperband(1, 9, maximize=False)
    others = [[0.5], [0.6], [0.7]]
    assert not band.ends(0, [0.4], 0, others)
    assert band.ends(0, [0.55], 0, others)
    assert band.ends(0, [math.nan], 0, others)
