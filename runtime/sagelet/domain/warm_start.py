"""What a tuning job learns from earlier ones (WarmStartConfig).

With IdenticalDataAndAlgorithm the parents' training jobs count as if they were its own. With
TransferLearning other data may lead to other values, so only the parents' best combinations are
taken over: they are tried first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagelet.domain.draws import key_of
from sagelet.domain.ranges import Range
from sagelet.domain.tuning import Definition, TunedJob, TuningJob

#: Of the parents' combinations, so many are tried again under TransferLearning.
TAKEN = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """A combination that was tried.

    ``objective`` is None while nothing is known of it. ``whole``: it was not stopped early.
    """

    point: Mapping[str, str]
    objective: float | None = None
    epochs: int = 0
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent and its training jobs."""

    job: TuningJob
    tuned: Sequence[TunedJob]


def tried_of(job: TunedJob) -> Tried | None:
    """What a training job tells; None for one that failed."""
    if not job.settled:
        return Tried(job.tuned)
    if job.objective_status != "Succeeded":
        return None
    return Tried(job.tuned, job.objective, job.epochs, whole=not job.stopped_early)


def told_by(
    kind: str, parents: Sequence[Parent], definition: Definition
) -> tuple[list[Tried], list[dict[str, str]]]:
    """What counts as tried, and what is to be tried first."""
    found: list[Tried] = []
    for parent in parents:
        static = parent.job.definitions[0].static
        for tuned in parent.tuned:
            tried = tried_of(tuned)
            point = _within(definition.ranges, {**static, **tuned.tuned})
            if tried is not None and tried.objective is not None and point is not None:
                found.append(Tried(point, tried.objective, tried.epochs, tried.whole))
    if kind == "IdenticalDataAndAlgorithm":
        return found, []
    sign = -1.0 if definition.objective.maximize else 1.0
    found.sort(key=lambda tried: sign * (tried.objective or 0.0))
    first: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for tried in found:
        first.setdefault(key_of(tried.point), dict(tried.point))
    return [], list(first.values())[:TAKEN]


def _within(ranges: Sequence[Range], values: Mapping[str, str]) -> dict[str, str] | None:
    """The tuned hyperparameters of a training job, if all are in these ranges."""
    if any(each.place(values.get(each.name, "")) is None for each in ranges):
        return None
    return {each.name: values[each.name] for each in ranges}
