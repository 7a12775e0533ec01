"""What is known of a metric without its series: extremes, mean, spread, last value, count.

A value that is not a number counts, and can be the last one; it has no part in the rest. Where the
rest is not defined (no numbers at all, both infinities) it is None.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of one trial component. ``numbers`` of its ``count`` values are numbers.

    ``time`` is that of the last value, in epoch seconds.
    """

    count: int
    numbers: int
    least: float | None
    greatest: float | None
    mean: float | None
    deviation: float | None
    last: float
    time: float


#: Of no values.
NOTHING = Summary(0, 0, None, None, None, None, math.nan, 0.0)


def extended(summary: Summary, values: Sequence[float], time: float) -> Summary:
    """The summary after these further values, at least one; ``time`` is that of the last."""
    numbers = [value for value in values if not math.isnan(value)]
    merged = _merged(summary, numbers) if numbers else summary
    return Summary(
        summary.count + len(values),
        merged.numbers,
        merged.least,
        merged.greatest,
        merged.mean,
        merged.deviation,
        values[-1],
        time,
    )


def summarised(values: Sequence[float], time: float) -> Summary:
    """The summary of a whole series, at least one value."""
    return extended(NOTHING, values, time)


def _merged(summary: Summary, numbers: Sequence[float]) -> Summary:
    """The means and spreads of two samples give those of both, without their values."""
    before, added = summary.numbers, len(numbers)
    total = before + added
    here = sum(numbers) / added
    least, greatest = min(numbers), max(numbers)
    if summary.least is not None and summary.greatest is not None:
        least, greatest = min(least, summary.least), max(greatest, summary.greatest)
    mean: float | None = None
    if before == 0:
        mean = here
    elif summary.mean is not None:
        mean = summary.mean + (here - summary.mean) * added / total
        if math.isnan(mean):  # infinity minus itself, on the way to it
            mean = (summary.mean * before + here * added) / total
    squares = _squares(numbers, here)
    if before:
        old, spread = summary.mean, summary.deviation
        if old is None or spread is None:
            squares = math.nan
        else:
            apart = here - old
            squares += spread * spread * before + apart * apart * before * added / total
    deviation = math.sqrt(squares / total) if math.isfinite(squares) else None
    return Summary(
        summary.count,
        total,
        least,
        greatest,
        None if mean is None or math.isnan(mean) else mean,
        deviation,
        summary.last,
        summary.time,
    )


def _squares(numbers: Sequence[float], mean: float) -> float:
    """The sum of squared distances from the mean; not finite where a number is not."""
    if len(numbers) == 1:
        return 0.0 if math.isfinite(mean) else math.nan
    try:
        return math.fsum((number - mean) ** 2 for number in numbers)
    except OverflowError:
        return math.inf
