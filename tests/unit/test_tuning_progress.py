"""The best so far, counters, and when a tuning job ends."""

import pytest

from sagelet.domain.tuning import Objective, TunedJob
from sagelet.domain.tuning_progress import (
    Ending,
    best,
    conclude,
    count,
    ending_of,
    has_converged,
    not_improving,
)
from support.tuning import tuning_job

HIGH, LOW = Objective("acc", maximize=True), Objective("acc", maximize=False)


def jobs(*results):
    """A number: Completed with that objective; None: without; a text: Failed; ...: it runs."""
    found = []
    for number, result in enumerate(results, start=1):
        members = {"number": number, "name": f"job-{number}", "definition": 0, "submitted": True}
        if result is not ...:
            failed = isinstance(result, str)
            members |= {
                "settled": True,
                "ended": 100.0 + number,
                "status": "Failed" if failed else "Completed",
                "failure_reason": result if failed else None,
                "objective": None if failed else result,
            }
        found.append(TunedJob(**members))
    return found


def test_the_best_is_the_highest_or_the_lowest_and_the_first_of_equals():
    found = jobs(0.5, 0.9, None, "AlgorithmError", 0.9, 0.1, ...)
    assert best(found, HIGH).number == 2
    assert best(found, LOW).number == 6
    assert best(jobs(None, "AlgorithmError", ...), HIGH) is None


def test_every_job_is_counted_once_by_status_and_once_by_objective():
    found = count(jobs(0.5, None, "AlgorithmError: x", "InternalServerError: y", ..., ...))
    assert (found.completed, found.in_progress, found.retryable, found.failed) == (2, 2, 1, 1)
    assert (found.succeeded, found.pending, found.objective_failed) == (1, 2, 3)


@pytest.mark.parametrize(
    ("results", "since"),
    [
        ((), 0),
        ((0.5,), 0),
        ((0.5, 0.4, 0.5), 2),
        ((0.5, 0.502), 1),  # less than one in a hundred
        ((0.5, 0.51), 0),
        ((0.5, None, "AlgorithmError", ..., 0.6), 0),
        ((0.5, None, "AlgorithmError"), 2),
        ((0.0, 0.001), 0),
    ],
)
def test_jobs_since_the_last_improvement(results, since):
    assert not_improving(jobs(*results), HIGH) == since


def test_all_jobs_done_is_the_end():
    job = tuning_job(most=2)
    assert ending_of(job, jobs(0.1, ...), 200.0) is None
    assert ending_of(job, jobs(0.1, 0.2), 200.0) == Ending("Completed")


def test_a_target_that_is_reached_is_the_end():
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.9}}
    job = tuning_job(most=10, config=criteria)
    assert ending_of(job, jobs(0.89, ...), 200.0) is None
    assert ending_of(job, jobs(0.9, ...), 200.0) == Ending("Completed")
    criteria["HyperParameterTuningJobObjective"] = {"Type": "Minimize", "MetricName": "acc"}
    job = tuning_job(most=10, config=criteria)
    assert ending_of(job, jobs(0.91, ...), 200.0) is None
    assert ending_of(job, jobs(0.5, ...), 200.0) == Ending("Completed")


def test_no_improvement_for_so_many_jobs_is_the_end():
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    job = tuning_job(most=20, config={"TuningJobCompletionCriteria": criteria})
    assert ending_of(job, jobs(0.5, 0.5, 0.5), 200.0) is None
    assert ending_of(job, jobs(0.5, 0.5, 0.5, 0.5), 200.0) == Ending("Completed")


def test_convergence_is_the_end_when_asked_for():
    flat = jobs(*[0.5] * 11)
    assert has_converged(flat, HIGH)
    assert not has_converged(jobs(*[0.5] * 10), HIGH)
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    asked = tuning_job(most=30, config={"TuningJobCompletionCriteria": criteria})
    assert ending_of(asked, flat, 200.0) == Ending("Completed")
    assert ending_of(tuning_job(most=30), flat, 200.0) is None
    autotuned = tuning_job(most=30, Autotune={"Mode": "Enabled"})
    assert ending_of(autotuned, flat, 200.0) == Ending("Completed")


def test_its_time_is_the_end():
    job = tuning_job(most=10, limits={"MaxRuntimeInSeconds": 120})
    assert ending_of(job, jobs(0.5, ...), 219.0) is None
    assert ending_of(job, jobs(0.5, ...), 220.0) == Ending("Completed")


def test_five_failures_in_the_beginning_are_the_end():
    job = tuning_job(most=10)
    assert ending_of(job, jobs(*["AlgorithmError: x"] * 4), 200.0) is None
    ending = ending_of(job, jobs(*["AlgorithmError: x"] * 5, ...), 200.0)
    assert ending == Ending(
        "Failed",
        "No training job succeeded after 5 attempts. Please take a look at the training job "
        "failures to get more details.",
    )
    assert ending_of(job, jobs(0.1, *["AlgorithmError: x"] * 7), 200.0) is None


def test_no_metric_in_five_jobs_is_the_end():
    ending = ending_of(tuning_job(most=10), jobs(None, None, "AlgorithmError", None, None), 200.0)
    assert ending.status == "Failed"
    assert ending.reason.startswith("No objective metrics found after running 5 training jobs.")


def test_without_any_result_it_has_failed():
    done = Ending("Completed")
    assert conclude(done, jobs(0.1, "AlgorithmError")) == done
    assert conclude(done, jobs("AlgorithmError", "AlgorithmError")).reason == (
        "All training jobs failed. Please take a look at the training job failures to get more "
        "details."
    )
    assert "after running 2 training jobs" in conclude(done, jobs(None, "x")).reason
    assert conclude(Ending("Stopped"), jobs("x")) == Ending("Stopped")
