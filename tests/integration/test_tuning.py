"""Tuning jobs whose training jobs run, with and without Docker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plane import Plane, Refused, check_nothing_is_left, plane_on
from support.tuning import Searcher


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def searcher(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Searcher]:
    plane = plane_on(request, home, tmp_path / "code")
    plane.start()
    yield Searcher(plane)
    plane.close()


@pytest.fixture
def few(home: Path, tmp_path: Path) -> Iterator[Searcher]:
    """On a plane that runs two jobs at a time."""
    plane = Plane(home, tmp_path / "code")
    plane.start(most=2)
    yield Searcher(plane)
    plane.close()


@pytest.fixture
def plain(home: Path, tmp_path: Path) -> Iterator[Searcher]:
    plane = Plane(home, tmp_path / "code")
    plane.start()
    yield Searcher(plane)
    plane.close()


def test_a_search_from_its_beginning_to_its_end(searcher: Searcher) -> None:
    job = searcher.run(strategy="Bayesian", most=6, parallel=2, static={"epochs": "2"})
    assert (job.status, job.failure_reason) == ("Completed", None)
    tuned = searcher.tuned()
    assert [each.number for each in tuned] == [1, 2, 3, 4, 5, 6]
    for each in tuned:
        assert (each.status, each.epochs, each.objective_status) == ("Completed", 2, "Succeeded")
        off = min(abs(float(each.tuned["lr"]) - 0.01) * 10, 1)
        assert each.objective == pytest.approx(1 - off, abs=1e-5)
        training = searcher.plane.job(each.name)
        assert training.tuning_job_arn == job.arn
        assert training.hyperparameters["lr"] == each.tuned["lr"]
        assert training.hyperparameters["_tuning_objective_metric"] == "acc"
    check_nothing_is_left(searcher.plane)


def test_a_stop_ends_the_training_jobs_that_run(searcher: Searcher) -> None:
    plane = searcher.plane
    searcher.submit(most=9, parallel=2, static={"epochs": "10000"}, env={"PAUSE": "0.1"})
    plane.wait(lambda: len(searcher.tuned()) == 2, "two training jobs")
    for each in searcher.tuned():
        log = plane.store.home.log(each.name, "algo-1")
        plane.wait(lambda log=log: log.exists() and b"acc=" in log.read_bytes(), each.name)
    plane.ask("tuning.stop", "search")
    job = searcher.wait_over()
    assert (job.status, job.failure_reason) == ("Stopped", None)
    assert [each.status for each in searcher.tuned()] == ["Stopped", "Stopped"]
    assert all(each.objective is not None for each in searcher.tuned())
    with pytest.raises(Refused, match="in status Stopped"):
        plane.ask("tuning.stop", "search")
    check_nothing_is_left(plane)


def test_a_metric_that_is_never_emitted(plain: Searcher) -> None:
    job = plain.run(most=9, parallel=3, script="print('nothing to see')\n")
    assert job.status == "Failed"
    assert (job.failure_reason or "").startswith("No objective metrics found after running 5 ")
    assert plain.settled() == len(plain.tuned()) < 9


def test_training_jobs_that_all_fail(plain: Searcher) -> None:
    job = plain.run(most=3, parallel=3, env={"FAIL": "1"})
    assert job.status == "Failed"
    assert (job.failure_reason or "").startswith("All training jobs failed.")
    assert "told to fail" in (plain.tuned()[0].failure_reason or "")


def test_jobs_that_are_worse_than_the_median_are_stopped(plain: Searcher) -> None:
    """Of a fourth learning rate, three that ended show that it leads nowhere."""
    job = plain.run(
        strategy="Grid",
        most=...,
        parallel=1,
        ranges={
            "CategoricalParameterRanges": [{"Name": "lr", "Values": [".01", ".02", ".03", "1"]}]
        },
        static={"epochs": "12"},
        env={"PAUSE": "0.25"},
        config={"TrainingJobEarlyStoppingType": "Auto"},
    )
    assert job.status == "Completed"
    assert [each.stopped_early for each in plain.tuned()] == [False, False, False, True]
    last = plain.tuned()[3]
    assert (last.status, last.objective_status) == ("Stopped", "Succeeded")
    assert last.epochs < 12


def test_hyperband_stops_what_does_not_lead(plain: Searcher) -> None:
    job = plain.run(
        strategy="Hyperband",
        most=8,
        parallel=3,
        static={"epochs": "27"},
        env={"PAUSE": "0.15"},
        config={"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 3}}},
    )
    assert job.status == "Completed"
    tuned = plain.tuned()
    stopped = [each for each in tuned if each.stopped_early and each.epochs < 27]
    assert stopped
    best = max(tuned, key=lambda each: each.objective or 0)
    assert best not in stopped


def test_a_job_that_comes_later_does_not_wait_for_all_of_them(few: Searcher) -> None:
    plane = few.plane
    few.submit(most=50, parallel=50, static={"epochs": "3"}, env={"PAUSE": "0.1"})
    plane.wait(lambda: few.settled() >= 2, "two training jobs that ended")
    before = few.settled()
    plane.submit(plane.request("later"))
    plane.wait_over("later")
    assert few.settled() - before <= 6
    plane.ask("tuning.stop", "search")
    few.wait_over()


def test_a_warm_start_goes_on_from_its_parent(plain: Searcher) -> None:
    plain.run("parent", strategy="Bayesian", most=6, parallel=3)
    config = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "TransferLearning",
    }
    plain.run("child", strategy="Bayesian", most=2, parallel=1, WarmStartConfig=config)
    best = max(plain.tuned("parent"), key=lambda each: each.objective or 0)
    assert plain.tuned("child")[0].tuned == best.tuned


def test_what_cannot_run_is_refused_before_anything_runs(plain: Searcher) -> None:
    request = plain.request()
    request["TrainingJobDefinition"]["StaticHyperParameters"]["sagemaker_submit_directory"] = (
        "file:///nowhere"
    )
    with pytest.raises(Refused, match="/nowhere"):
        plain.create(request)
    assert not plain.plane.store.tuning_jobs.has("search")
    assert plain.plane.store.training_jobs.newest(10) == []
