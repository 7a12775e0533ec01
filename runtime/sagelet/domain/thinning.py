"""Fewer points of a series, so that its line looks the same at a given width. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """One value of a metric; ``place`` is its place in the series, ``time`` in epoch seconds.

    ``step`` is what the user called it, if anything.
    """

    place: int
    time: float
    value: float
    host: str
    step: int | None = None


def thin(points: Sequence[Point], width: int) -> list[Point]:
    """At most about four points for each of ``width`` columns: first, lowest, highest, last.

    What is not a number stays too, once a column: a page marks it.
    """
    if width < 1 or len(points) <= 4 * width:
        return list(points)
    kept: list[Point] = []
    for column in range(width):
        part = points[len(points) * column // width : len(points) * (column + 1) // width]
        kept += _column(part)
    return kept


def _column(part: Sequence[Point]) -> list[Point]:
    finite = [point for point in part if math.isfinite(point.value)]
    odd = [point for point in part if not math.isfinite(point.value)][:1]
    if finite:
        odd += [
            finite[0],
            min(finite, key=lambda point: point.value),
            max(finite, key=lambda point: point.value),
            finite[-1],
        ]
    return sorted(set(odd), key=lambda point: point.place)
