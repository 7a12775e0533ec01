"""Which hyperparameters the next training job of a tuning job gets, by its strategy.

A pure function of what was tried: who asks again after a crash gets the same answer. The model
behind Bayesian and Hyperband is handed in, for it takes an optimiser that is not loaded here.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from sagelet.domain import draws
from sagelet.domain.ranges import Range
from sagelet.domain.tuning import Definition, TuningJob
from sagelet.domain.warm_start import Tried

#: Ranges, what was tried, whether more is better, a seed: the next combination.
Model = Callable[[Sequence[Range], Sequence[Tried], bool, int], dict[str, str]]

#: A model is asked after so many combinations; fewer if there will be few training jobs at all.
LEAST_KNOWN, MOST_KNOWN = 3, 10


def startup(job: TuningJob) -> int:
    """How many combinations are spread evenly before a model is asked."""
    most = job.most_jobs or 4 * MOST_KNOWN
    return min(max(LEAST_KNOWN, most // 4), MOST_KNOWN)


def suggest(
    job: TuningJob,
    definition: Definition,
    ordinal: int,
    tried: Sequence[Tried],
    first: Sequence[dict[str, str]],
    model: Model,
) -> dict[str, str] | None:
    """The combination of the definition's ``ordinal``-th training job, counted from 0.

    ``first`` is tried before anything else. None when a grid has no more.
    """
    ranges, seed = definition.ranges, _seed(job, definition)
    if job.strategy == "Grid":
        return next(islice(draws.grid(ranges), ordinal, None), None)
    if ordinal < len(first):
        return dict(first[ordinal])
    known = {draws.key_of(each.point) for each in tried}
    for attempt in range(draws.REDRAWS):
        if job.strategy == "Random":
            point = draws.at_random(ranges, seed, ordinal, attempt)
        elif sum(each.objective is not None for each in tried) < startup(job):
            point = draws.spread(ranges, seed, ordinal, attempt)
        else:
            point = model(
                ranges, tried, definition.objective.maximize, _draw(seed, ordinal, attempt)
            )
        if draws.key_of(point) not in known:
            return point
    return draws.untried(ranges, known, seed, ordinal)


def _seed(job: TuningJob, definition: Definition) -> int:
    return job.seed + 7919 * definition.number


def _draw(seed: int, ordinal: int, attempt: int) -> int:
    """A seed of its own for each question to the model."""
    return int(draws.uniform(seed, ordinal, attempt, "model") * 2**32)
