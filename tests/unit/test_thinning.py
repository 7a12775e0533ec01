"""Fewer points, the same line."""

import math
import random

from sagelet.domain.points import Point, thin


def points(values):
    return [Point(place, float(place), value, "algo-1") for place, value in enumerate(values)]


def test_short_series_stay_whole():
    series = points([1.0, 2.0, 3.0])
    assert thin(series, 1) == series
    assert thin([], 10) == []


def test_extremes_ends_and_oddities_stay():
    values = [random.Random(1).random() for _ in range(10_000)]
    values[1234], values[5678], values[9000] = 50.0, -50.0, math.nan
    thinned = thin(points(values), 100)
    assert len(thinned) <= 500
    kept = {point.place for point in thinned}
    assert {0, 1234, 5678, 9000, 9999} <= kept
    assert [point.place for point in thinned] == sorted(kept)
