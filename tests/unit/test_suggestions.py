"""Which combination is tried next: by strategy, seed and what was tried."""

import itertools

import pytest

from sagelet.domain.draws import combinations, key_of, spread
from sagelet.domain.suggestions import startup, suggest
from sagelet.domain.warm_start import Tried
from sagelet.engine.bayes import next_point
from support.tuning import HIDDEN, LR, RANGES, WAY, tuning_job

STRATEGIES = ["Random", "Bayesian", "Hyperband"]


def worth(point):
    """Best at lr=0.01, hidden=20, way=sgd."""
    lr, hidden = float(point["lr"]), int(point["hidden"])
    return 1 - abs(lr - 0.01) * 10 - abs(hidden - 20) / 64 - (point["way"] == "adam") / 4


def search(job, count, tried=()):
    """One after the other, as a tuner would."""
    tried = list(tried)
    for ordinal in range(count):
        point = suggest(job, job.definitions[0], ordinal, tried, [], next_point)
        if point is None:
            break
        tried.append(Tried(point, worth(point)))
    return tried


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_gives_the_same_suggestions(strategy):
    assert search(tuning_job(strategy=strategy), 12) == search(tuning_job(strategy=strategy), 12)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_seed_gives_others(strategy):
    other = tuning_job(strategy=strategy, config={"RandomSeed": 8})
    assert search(tuning_job(strategy=strategy), 12) != search(other, 12)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_who_goes_on_after_a_crash_suggests_the_same(strategy):
    job = tuning_job(strategy=strategy, most=12)
    whole = search(job, 12)
    again = suggest(job, job.definitions[0], 8, whole[:8], [], next_point)
    assert again == whole[8].point


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_combination_comes_twice_while_there_are_others(strategy):
    few = {"IntegerParameterRanges": [{"Name": "hidden", "MinValue": "1", "MaxValue": "8"}]}
    job = tuning_job(strategy=strategy, most=8, ranges=few)
    tried = []
    for ordinal in range(8):
        point = suggest(job, job.definitions[0], ordinal, tried, [], next_point)
        tried.append(Tried(point, float(point["hidden"])))
    assert {each.point["hidden"] for each in tried} == {str(n) for n in range(1, 9)}


def test_a_grid_is_every_combination_once():
    ranges = {"CategoricalParameterRanges": [WAY, {"Name": "size", "Values": ["1", "2", "3"]}]}
    job = tuning_job(strategy="Grid", most=..., ranges=ranges)
    assert job.most_jobs == 6
    points = [suggest(job, job.definitions[0], n, [], [], next_point) for n in range(6)]
    assert len({key_of(point) for point in points}) == 6
    assert suggest(job, job.definitions[0], 6, [], [], next_point) is None


def test_bayesian_finds_better_than_random_does():
    def mean_of_last(strategy):
        found = []
        for seed in range(5):
            job = tuning_job(strategy=strategy, most=30, config={"RandomSeed": seed})
            found += [each.objective for each in search(job, 30)[20:]]
        return sum(found) / len(found)

    assert mean_of_last("Bayesian") > mean_of_last("Random") + 0.1


def test_what_should_be_low_is_searched_low():
    job = tuning_job(
        strategy="Bayesian",
        most=30,
        config={"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "acc"}},
    )
    last = [each.objective for each in search(job, 30)[20:]]
    assert sum(last) / len(last) < 0.3


def test_what_runs_is_not_suggested_again():
    job = tuning_job(strategy="Bayesian")
    tried = search(job, 10)
    running = [Tried(tried[-1].point), *(Tried(each.point) for each in tried[:2])]
    point = suggest(job, job.definitions[0], 10, tried + running, [], next_point)
    assert key_of(point) not in {key_of(each.point) for each in tried}


def test_what_is_to_be_tried_first_is():
    job = tuning_job(strategy="Bayesian")
    first = [{"lr": "0.05", "hidden": "3", "way": "sgd"}]
    assert suggest(job, job.definitions[0], 0, [], first, next_point) == first[0]
    assert suggest(job, job.definitions[0], 1, [], first, next_point) != first[0]


def test_the_first_points_lie_apart():
    job = tuning_job(ranges={"ContinuousParameterRanges": [LR]})
    (lr,) = job.definitions[0].ranges
    places = sorted(lr.place(spread([lr], 3, n)["lr"]) for n in range(8))
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert max(gaps) < 0.25
    assert min(gaps) > 0.05


@pytest.mark.parametrize(("most", "count"), [(4, 3), (20, 5), (400, 10), (..., 10)])
def test_fewer_jobs_leave_fewer_to_chance(most, count):
    job = tuning_job(most=most, limits={"MaxRuntimeInSeconds": 600})
    assert startup(job) == count


def test_combinations_are_counted():
    only = {"IntegerParameterRanges": [HIDDEN], "CategoricalParameterRanges": [WAY]}
    assert combinations(tuning_job(ranges=only).definitions[0].ranges) == 128
    assert combinations(tuning_job(ranges=RANGES).definitions[0].ranges) == float("inf")
