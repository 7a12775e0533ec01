"""A summary that grew batch by batch is the one of the whole series."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.summaries import NOTHING, extended, summarised

MODERATE = st.floats(-1e6, 1e6)


@given(st.lists(st.lists(MODERATE | st.just(math.nan), min_size=1), min_size=1))
def test_batches_give_what_the_whole_gives(batches):
    summary = NOTHING
    for batch in batches:
        summary = extended(summary, batch, 7.0)
    values = [value for batch in batches for value in batch]
    numbers = [value for value in values if not math.isnan(value)]
    assert (summary.count, summary.numbers, summary.time) == (len(values), len(numbers), 7.0)
    assert repr(summary.last) == repr(values[-1])
    if numbers:
        assert (summary.least, summary.greatest) == (min(numbers), max(numbers))
        assert summary.mean == pytest.approx(statistics.fmean(numbers), rel=1e-9, abs=1e-6)
        assert summary.deviation == pytest.approx(statistics.pstdev(numbers), rel=1e-6, abs=1e-3)
    else:
        assert (summary.least, summary.greatest, summary.mean, summary.deviation) == (None,) * 4


@given(st.lists(st.lists(st.floats(), min_size=1), min_size=1))
def test_any_numbers_are_taken(batches):
    summary = NOTHING
    for batch in batches:
        summary = extended(summary, batch, 0.0)
    for told in (summary.least, summary.greatest, summary.mean, summary.deviation):
        assert told is None or not math.isnan(told)


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [
        ([math.inf], math.inf, None),
        ([1.0, -math.inf], -math.inf, None),
        ([math.inf, -math.inf], None, None),
        ([math.nan], None, None),
        ([2.0, math.nan, 4.0], 3.0, 1.0),
    ],
)
def test_what_is_not_defined_is_none(values, mean, deviation):
    whole = summarised(values, 0.0)
    assert whole.deviation == deviation
    assert whole.mean == mean
