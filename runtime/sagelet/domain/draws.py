"""Combinations of hyperparameters that ask for no model: at random, evenly spread, or all of them.

Every choice is a function of a seed and of a training job's number, so a tuning job that is begun
twice with one seed, or goes on after a crash, chooses the same.
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

from sagelet.domain.ranges import Categorical, Range

#: Hyperparameter -> value.
Point = Mapping[str, str]

#: How often a combination that was tried before is drawn again, before any untried one will do.
REDRAWS = 30


def uniform(*key: object) -> float:
    """A number in [0, 1) that anything of the key changes beyond recognition."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2.0**56


def at_random(ranges: Sequence[Range], seed: int, number: int, attempt: int = 0) -> dict[str, str]:
    """Each hyperparameter by itself, by its scale."""
    return {each.name: each.value(uniform(seed, number, attempt, each.name)) for each in ranges}


def spread(ranges: Sequence[Range], seed: int, number: int, attempt: int = 0) -> dict[str, str]:
    """The ``number``-th of a sequence that fills the space evenly from its first point on."""
    if attempt:
        return at_random(ranges, seed, number, attempt)
    step = _plastic(len(ranges))
    found = {}
    for index, each in enumerate(ranges, start=1):
        start = uniform(seed, "spread", each.name)
        found[each.name] = each.value((start + number / step**index) % 1.0)
    return found


def _plastic(dimensions: int) -> float:
    """The positive root of x^(d+1) = x + 1, whose powers fill d dimensions most evenly."""
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    return root


def combinations(ranges: Sequence[Range]) -> float:
    """How many there are."""
    return math.prod(each.count for each in ranges)


def grid(ranges: Sequence[Range]) -> Iterator[dict[str, str]]:
    """All combinations of categorical ranges, the last one's values changing fastest."""
    values = [each.values if isinstance(each, Categorical) else () for each in ranges]
    for chosen in product(*values):
        yield {each.name: value for each, value in zip(ranges, chosen, strict=True)}


def key_of(point: Point) -> tuple[tuple[str, str], ...]:
    """What tells two combinations apart."""
    return tuple(sorted(point.items()))


def untried(
    ranges: Sequence[Range], tried: Collection[tuple[tuple[str, str], ...]], seed: int, number: int
) -> dict[str, str]:
    """A combination that was not tried yet if chance meets one, else just one."""
    for attempt in range(1, 50 * REDRAWS):
        point = at_random(ranges, seed, number, attempt)
        if key_of(point) not in tried:
            return point
    return at_random(ranges, seed, number)
