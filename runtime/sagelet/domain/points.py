"""What a chart is drawn from."""

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
