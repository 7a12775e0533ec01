"""Fewer points of a series, so that its line looks the same at a given width. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """One value of a metric; ``place`` is its place in the series, ``time`` in epoch seconds.

    ``step`` is what the user called it, if anything. ``turn`` is its place among those of its host,
    where several hosts have values in the series.
    """

    place: int
    time: float
    value: float
    host: str
    step: int | None = None
    turn: int | None = None


def kept(values: Sequence[float | None], width: int) -> Sequence[int]:
    """Which of ``values`` to draw on ``width`` columns: of each the lowest and the highest.

    The first and the last stay too, and what is no number (None among it), once a column: a page
    marks it.
    """
    count = len(values)
    if count <= 2 * width:
        return range(count)
    found = {0, count - 1}
    numbers = _numbers(values)
    for column in range(width):
        start = count * column // width
        part = values[start : count * (column + 1) // width]
        if numbers or _numbers(part):
            found.add(start + part.index(min(part)))  # type: ignore[type-var]
            found.add(start + part.index(max(part)))  # type: ignore[type-var]
        else:
            found |= {start + index for index in _told(part)}
    return sorted(found)


def kept_of_hosts(
    values: Iterable[tuple[str, int, float | None]], width: int, before: Mapping[str, int]
) -> dict[int, int]:
    """The places to draw of a series of several hosts, each with its turn: see ``Point``.

    Each host's line is thinned by itself. ``values``: host, place and value, in order;
    ``before``: how many values each host has before the first of these.
    """
    hosts: dict[str, tuple[list[int], list[float | None]]] = {}
    for host, place, value in values:
        places, own = hosts.setdefault(host, ([], []))
        places.append(place)
        own.append(value)
    return {
        places[at]: before.get(host, 0) + at
        for host, (places, own) in hosts.items()
        for at in kept(own, width)
    }


def _plain(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _numbers(values: Sequence[float | None]) -> bool:
    """Whether all are plain numbers: then their sum is, unless they are huge."""
    try:
        return math.isfinite(sum(values))  # type: ignore[arg-type]
    except TypeError:
        return False


def _told(part: Sequence[float | None]) -> set[int]:
    """The places of the lowest and the highest number, and of the first that is none."""
    plain = [(value, index) for index, value in enumerate(part) if _plain(value)]
    odd = {index for index, value in enumerate(part) if not _plain(value)}
    return {*sorted(odd)[:1], *((min(plain)[1], max(plain)[1]) if plain else ())}
