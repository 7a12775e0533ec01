"""How far a tuning job has come: what its training jobs found, and whether that is the end.

The texts are SageMaker's.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sagelet.domain.tuning import COMPLETED, FAILED, STOPPED, Objective, TunedJob, TuningJob

#: A tuning job gives up when none of its first so many training jobs is worth anything.
PATIENCE = 5

#: What counts as an improvement: more than this share of the best value so far.
SIGNIFICANT = 0.01

#: Convergence: so many training jobs, and a half of all, found nothing better.
CONVERGED = 10


@dataclass(frozen=True, slots=True)
class Counters:
    """TrainingJobStatusCounters and ObjectiveStatusCounters."""

    completed: int = 0
    in_progress: int = 0
    retryable: int = 0
    failed: int = 0
    stopped: int = 0
    succeeded: int = 0
    pending: int = 0
    objective_failed: int = 0


def count(jobs: Iterable[TunedJob]) -> Counters:
    """Both counters."""
    statuses: Counter[str] = Counter()
    objectives: Counter[str] = Counter()
    for job in jobs:
        objectives[job.objective_status] += 1
        if job.status == FAILED and (job.failure_reason or "").startswith("InternalServerError"):
            statuses["retryable"] += 1
        elif job.status in (COMPLETED, FAILED, STOPPED):
            statuses[job.status] += 1
        else:
            statuses["live"] += 1
    return Counters(
        statuses[COMPLETED],
        statuses["live"],
        statuses["retryable"],
        statuses[FAILED],
        statuses[STOPPED],
        objectives["Succeeded"],
        objectives["Pending"],
        objectives["Failed"],
    )


def best(jobs: Iterable[TunedJob], objective: Objective) -> TunedJob | None:
    """The job with the best objective, the first of equals."""
    found: TunedJob | None = None
    for job in jobs:
        value = job.objective
        if job.objective_status != "Succeeded" or value is None:
            continue
        if found is None or found.objective is None or objective.better(value, found.objective):
            found = job
    return found


def not_improving(jobs: Sequence[TunedJob], objective: Objective) -> int:
    """How many jobs in a row, to the last that ended, are no better than the best before them."""
    leader: float | None = None
    since = 0
    for job in sorted((j for j in jobs if j.settled), key=lambda j: (j.ended or 0.0, j.number)):
        value = job.objective if job.objective_status == "Succeeded" else None
        if value is not None and (
            leader is None
            or (objective.better(value, leader) and abs(value - leader) > SIGNIFICANT * abs(leader))
        ):
            leader, since = value, 0
        else:
            since += 1
    return since


def has_converged(jobs: Sequence[TunedJob], objective: Objective) -> bool:
    """Whether more jobs are unlikely to find anything better."""
    settled = sum(job.settled for job in jobs)
    return not_improving(jobs, objective) >= max(CONVERGED, settled // 2)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a tuning job ends, and why it failed."""

    status: str
    reason: str | None = None


def ending_of(job: TuningJob, jobs: Sequence[TunedJob], now: float) -> Ending | None:
    """How a tuning job ends by what is known; None while it goes on.

    Training jobs that still run are to be stopped then.
    """
    reason = _hopeless(job, jobs)
    if reason is not None:
        return Ending(FAILED, reason)
    if job.max_runtime is not None and now >= job.created + job.max_runtime:
        return Ending(COMPLETED)
    objective = job.definitions[0].objective
    criteria = job.criteria
    leader = best(jobs, objective)
    target = criteria.get("TargetObjectiveMetricValue")
    top = None if leader is None else leader.objective
    if target is not None and top is not None and not objective.better(target, top):
        return Ending(COMPLETED)
    limit = (criteria.get("BestObjectiveNotImproving") or {}).get(
        "MaxNumberOfTrainingJobsNotImproving"
    )
    if limit is not None and not_improving(jobs, objective) >= limit:
        return Ending(COMPLETED)
    if completes_on_convergence(job) and has_converged(jobs, objective):
        return Ending(COMPLETED)
    if job.most_jobs is not None and sum(each.settled for each in jobs) >= job.most_jobs:
        return Ending(COMPLETED)
    return None


def conclude(ending: Ending, jobs: Sequence[TunedJob]) -> Ending:
    """The same ending when no training job runs any more: without any result, it is a failure."""
    settled = [job for job in jobs if job.settled]
    if ending.status != COMPLETED or any(job.objective_status == "Succeeded" for job in settled):
        return ending
    return Ending(FAILED, _nothing(settled))


def completes_on_convergence(job: TuningJob) -> bool:
    """Whether ConvergenceDetected ends it; Autotune asks for that unless the request does not."""
    given = (job.criteria.get("ConvergenceDetected") or {}).get("CompleteOnConvergence")
    return given == "Enabled" or (given is None and job.autotune)


def _hopeless(job: TuningJob, jobs: Sequence[TunedJob]) -> str | None:
    """Why a tuning job is given up before it had all its training jobs."""
    settled = [each for each in jobs if each.settled]
    if len(settled) < PATIENCE or any(j.objective_status == "Succeeded" for j in settled):
        return None
    if all(each.status == STOPPED for each in settled):
        return None  # somebody stops them; they did not fail
    if job.most_jobs is not None and len(settled) >= job.most_jobs:
        return None  # told as the end of all
    failed = all(each.status == FAILED for each in settled)
    if failed:
        return (
            f"No training job succeeded after {len(settled)} attempts. Please take a look at the "
            "training job failures to get more details."
        )
    return _nothing(settled)


def _nothing(settled: Sequence[TunedJob]) -> str:
    """Why none of the training jobs is worth anything."""
    if settled and all(job.status == FAILED for job in settled):
        return (
            "All training jobs failed. Please take a look at the training job failures to get "
            "more details."
        )
    return (
        f"No objective metrics found after running {len(settled)} training jobs. Please ensure "
        "that the custom algorithm is emitting the objective metric as defined by the regular "
        "expression provided."
    )
