"""CloudWatch's statistics: data gathered into periods, and numbers of each period. No I/O."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100(?:\.0+)?)")

#: Statistic -> what it makes of the values of a period.
SIMPLE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SampleCount": lambda values: float(len(values)),
    "Average": lambda values: math.fsum(values) / len(values),
    "Sum": math.fsum,
    "Minimum": min,
    "Maximum": max,
}


def statistic(name: str) -> Callable[[Sequence[float]], float]:
    """The function behind ``Average``, ``p90``, ``p99.9``, ...

    Raises:
        KeyError: it is none of those known here.
    """
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        return SIMPLE[name]
    share = float(match[1]) / 100
    return lambda values: _percentile(values, share)


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def periods(
    data: Iterable[tuple[float, float]], start: float, period: int
) -> dict[float, list[float]]:
    """(time, value) pairs by the beginning of their period, in order of time.

    Periods are counted from ``start``; times in seconds. NaN and infinities are left out.
    """
    found: dict[float, list[float]] = {}
    for time, value in data:
        if math.isfinite(value):
            begin = start + (time - start) // period * period
            found.setdefault(begin, []).append(value)
    return dict(sorted(found.items()))


def range_of(start: float, end: float, period: int, now: float) -> tuple[float, float]:
    """The range CloudWatch reads when asked for ``start`` to ``end``, all in epoch seconds.

    The start is rounded down: to the minute (or to ``period``, below a minute), for data older
    than 15 days to five minutes, than 63 days to the hour. The end is rounded up in the same way.
    """
    age = now - start
    if age > 63 * 86400:
        step = 3600
    elif age > 15 * 86400:
        step = 300
    else:
        step = min(period, 60)
    return start // step * step, -(-end // step) * step
