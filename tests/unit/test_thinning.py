"""Fewer points of a series, the same line."""

import math
import random

import pytest

from sagelet.domain.metrics import Datum


@pytest.fixture
def thinned(ask, job_of):
    """``thinned(values, width)``: what is left of a series."""

    def call(values, width, **bounds):
        name = f"j{len(values)}"
        ask.store.training_jobs.add(job_of(TrainingJobName=name))
        data = [Datum("m", value, float(at), at * 10) for at, value in enumerate(values)]
        ask.store.metrics.append(name, "algo-1", data)
        return ask.store.metrics.thinned(name, "m", width, **bounds)

    return call


def test_short_series_stay_whole(thinned):
    assert [point.value for point in thinned([1.0, 2.0, 3.0], 2)] == [1.0, 2.0, 3.0]
    assert thinned([1.0], 10)[0].host == "algo-1"


def test_extremes_ends_and_oddities_stay(thinned):
    values = [random.Random(1).random() for _ in range(10_000)]
    values[1234], values[5678], values[9000], values[9500] = 50.0, -50.0, math.nan, math.inf
    found = thinned(values, 100)
    assert len(found) <= 500
    kept = [point.place for point in found]
    assert {0, 1234, 5678, 9000, 9500, 9999} <= set(kept)
    assert kept == sorted(kept)
    assert all(point.step == point.place * 10 for point in found)
    assert math.isnan(next(point.value for point in found if point.place == 9000))


def test_a_part_is_thinned_by_itself(thinned):
    found = thinned([float(at % 7) for at in range(10_000)], 10, low=5000, high=5010)
    assert [point.place for point in found] == list(range(5000, 5011))


def test_each_host_keeps_its_line_and_its_turns(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="three"))
    for host, level in (("algo-1", 0.0), ("algo-2", 0.5), ("algo-3", 1.0)):  # one after the other
        data = [Datum("m", level, float(at)) for at in range(1000)]
        ask.store.metrics.append("three", host, data)
    found = ask.store.metrics.thinned("three", "m", 50)
    assert len(found) <= 3 * 102
    for host in ("algo-1", "algo-2", "algo-3"):  # the middle one is nowhere an extreme
        turns = [point.turn for point in found if point.host == host]
        assert (turns[0], turns[-1]) == (0, 999)
        assert turns == sorted(turns)
    part = ask.store.metrics.thinned("three", "m", 50, low=2500)
    assert [(part[0].turn, part[-1].turn), {point.host for point in part}] == [
        (500, 999),
        {"algo-3"},
    ]
    assert [point.place for point in found] == sorted(point.place for point in found)


def test_hosts_that_write_in_turns_are_thinned_apart(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="turns"))
    for at in range(400):
        for host in ("algo-1", "algo-2"):
            value = math.nan if (host, at) == ("algo-2", 100) else float(at % 9)
            ask.store.metrics.append("turns", host, [Datum("m", value, float(at))])
    found = ask.store.metrics.thinned("turns", "m", 20, low=10)
    assert len(found) < 4 * 20 + 10
    assert [point.place for point in found] == sorted(point.place for point in found)
    assert all(point.place == 2 * point.turn + (point.host == "algo-2") for point in found)
    assert [point.turn for point in found if math.isnan(point.value)] == [100]
    assert ask.store.metrics.following("turns") == {"m": 800}
