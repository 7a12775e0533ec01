"""When a training job of a tuning job is stopped before its end: the median rule, and Hyperband.

A job's epochs are the values of the objective metric it has emitted, in order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sagelet.domain.draws import uniform

#: The median of fewer jobs that ended says too little.
LEAST_JOBS = 3

#: Of the jobs that reach a rung, one in so many goes on.
FACTOR = 3

#: Members of StaticHyperParameters that tell the most epochs, as SageMaker knows them.
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")

#: The most that MaxResource can be.
MOST_EPOCHS = 20_000

Values = Sequence[float]


def worse_than_median(values: Values, ended: Sequence[Values], *, maximize: bool) -> bool:
    """Whether a job's last value is worse than the median of the others' running averages.

    SageMaker's rule for TrainingJobEarlyStoppingType Auto: ``ended`` are the values of the jobs
    that ended, each averaged up to the epoch that ``values`` has reached.
    """
    if not values:
        return False
    epoch = len(values)
    averages = [
        math.fsum(other[:epoch]) / epoch
        for other in ended
        if len(other) >= epoch and all(map(math.isfinite, other[:epoch]))
    ]
    if len(averages) < LEAST_JOBS:
        return False
    if math.isnan(values[-1]):
        return True
    median = _median(averages)
    return values[-1] < median if maximize else values[-1] > median


def _median(values: Values) -> float:
    """The module ``statistics`` has one, and takes longer to load than all of this."""
    ranked, half = sorted(values), len(values) // 2
    return ranked[half] if len(values) % 2 else (ranked[half - 1] + ranked[half]) / 2


@dataclass(frozen=True, slots=True)
class Hyperband:
    """Successive halving as jobs come, in brackets that begin to choose sooner or later."""

    least: int
    most: int
    maximize: bool

    @property
    def brackets(self) -> int:
        """How many there are: the first chooses most often, the last never."""
        return int(math.log(self.most / self.least, FACTOR) + 1e-9) + 1

    def bracket_of(self, seed: int, number: int) -> int:
        """A job's bracket; one that chooses more often has more jobs."""
        levels = self.brackets
        sizes = [
            math.ceil(levels / (levels - bracket) * FACTOR ** (levels - 1 - bracket))
            for bracket in range(levels)
        ]
        mark = uniform(seed, number, "bracket") * sum(sizes)
        for bracket, size in enumerate(sizes):
            mark -= size
            if mark < 0:
                return bracket
        return levels - 1

    def rungs(self, bracket: int) -> list[int]:
        """The epochs at which jobs of the bracket are compared, below the last."""
        found = []
        epochs = self.least * FACTOR**bracket
        while epochs < self.most:
            found.append(epochs)
            epochs *= FACTOR
        return found

    def ends(self, bracket: int, values: Values, judged: int, others: Sequence[Values]) -> bool:
        """Whether a job stops now; ``others`` are the values of the other jobs of its bracket.

        It does when it has had all epochs, or is not among the best third at a rung it reached
        since it was judged, at so many epochs.
        """
        if len(values) >= self.most:
            return True
        for rung in self.rungs(bracket):
            if not judged < rung <= len(values):
                continue
            mine = self._worth(values[rung - 1])
            better = sum(
                self._worth(other[rung - 1]) > mine for other in others if len(other) >= rung
            )
            there = 1 + sum(len(other) >= rung for other in others)
            if better >= max(1, there // FACTOR):
                return True
        return False

    def _worth(self, value: float) -> float:
        if math.isnan(value):
            return -math.inf
        return value if self.maximize else -value
