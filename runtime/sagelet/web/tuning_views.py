"""What pages show of tuning jobs: domain values to JSON documents. Pure."""

from collections.abc import Sequence
from typing import Any

from sagelet.domain.ranges import LOGARITHMIC, Categorical, Range
from sagelet.domain.tuning import Definition, TunedJob, TuningJob, trial_name
from sagelet.domain.tuning_progress import best, count, not_improving
from sagelet.web.views import number

Document = dict[str, Any]

#: The most points of a course.
_COURSE = 60


def tuning_row(job: TuningJob, tuned: Sequence[TunedJob]) -> Document:
    """One line of the list of tuning jobs; times in epoch seconds."""
    objective = job.definitions[0].objective
    leader = best(tuned, objective)
    counters = count(tuned)
    return {
        "name": job.name,
        "region": job.region,
        "status": job.status,
        "strategy": job.strategy,
        "created": job.created,
        "ended": job.ended,
        "over": job.over,
        "failure": job.failure_reason,
        "objective": {"name": objective.metric, "low": not objective.maximize},
        "best": None
        if leader is None or leader.objective is None
        else {
            "name": leader.name,
            "number": leader.number,
            "value": number(leader.objective),
            "parameters": dict(leader.tuned),
        },
        "course": course(tuned, maximize=objective.maximize),
        "launched": len(tuned),
        "most": job.most_jobs,
        "counts": {
            "Completed": counters.completed,
            "InProgress": counters.in_progress,
            "Failed": counters.failed + counters.retryable,
            "Stopped": counters.stopped,
            "early": sum(each.stopped_early for each in tuned),
        },
    }


def course(tuned: Sequence[TunedJob], *, maximize: bool) -> list[float]:
    """The best objective so far, training job by training job, thinned for a small picture."""
    found: list[float] = []
    for each in tuned:
        value = each.objective
        if each.objective_status != "Succeeded" or value is None:
            continue
        found.append(value if not found else (max if maximize else min)(found[-1], value))
    last = len(found) - 1
    if last < _COURSE:
        return found
    return [found[round(index * last / (_COURSE - 1))] for index in range(_COURSE)]


def tuning_document(job: TuningJob, tuned: Sequence[TunedJob]) -> Document:
    """Everything about one tuning job but its training jobs and its request."""
    return {
        **tuning_row(job, tuned),
        "arn": job.arn,
        "experiment": trial_name(job.name),
        "account": job.account,
        "stopping": job.ending is not None and not job.over,
        "parallel": job.parallel,
        "maxRuntime": job.max_runtime,
        "stopsEarly": job.stops_early or job.strategy == "Hyperband",
        "converged": job.converged,
        "notImproving": not_improving(tuned, job.definitions[0].objective),
        "warmStart": None
        if job.warm_start is None
        else {"type": job.warm_start[0], "parents": list(job.warm_start[1])},
        "definitions": [_definition(each) for each in job.definitions],
    }


def _definition(definition: Definition) -> Document:
    return {
        "name": definition.name,
        "objective": definition.objective.metric,
        "low": not definition.objective.maximize,
        "image": definition.image or "",
        "static": definition.static,
        "ranges": [_range(each) for each in definition.ranges],
    }


def _range(given: Range) -> Document:
    if isinstance(given, Categorical):
        return {"name": given.name, "values": list(given.values)}
    return {
        "name": given.name,
        "low": given.low,
        "high": given.high,
        "log": given.scaling == LOGARITHMIC,
        "scaling": given.scaling,
        "whole": given.whole,
    }


def tuned_row(job: TuningJob, tuned: TunedJob, mark: int | None) -> Document:
    """One line of the table of a tuning job's training jobs."""
    numeric = {
        each.name
        for each in job.definitions[tuned.definition].ranges
        if not isinstance(each, Categorical)
    }
    return {
        "name": tuned.name,
        "number": tuned.number,
        "mark": mark,
        "definition": tuned.definition,
        "status": tuned.status,
        "created": tuned.created,
        "started": tuned.started,
        "ended": tuned.ended,
        "failure": tuned.failure_reason,
        "early": tuned.stopped_early,
        "settled": tuned.settled,
        "counts": tuned.objective_status == "Succeeded",
        "objective": None if tuned.objective is None else number(tuned.objective),
        "epochs": tuned.epochs,
        "parameters": {
            name: _value(text) if name in numeric else text for name, text in tuned.tuned.items()
        },
    }


def _value(text: str) -> float | str:
    try:
        return number(float(text))
    except ValueError:
        return text
