"""Taking turns: every round runs each contender once, in random order; what it all adds up to."""

import argparse
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

#: What one turn of a contender measured: name -> value.
Sample = Mapping[str, float]
#: All turns: name -> one value a round, so that values of one round can be paired.
Samples = Mapping[str, Sequence[float]]


def arguments(rounds: int) -> argparse.ArgumentParser:
    """A parser that knows ``--rounds``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    return parser


def collect(
    contenders: Sequence[Callable[[], Sample]], rounds: int, *, warm: bool = True
) -> Samples:
    """Let every contender have its turn in every round; with ``warm``, once more before it all."""
    samples: dict[str, list[float]] = defaultdict(list)
    if warm:
        for contender in contenders:
            contender()
    for _ in range(rounds):
        for contender in random.sample(contenders, len(contenders)):
            for name, value in contender().items():
                samples[name].append(value)
    return samples


def pairwise(
    ours: Sequence[float], peer: Sequence[float], how: Callable[[float, float], float]
) -> list[float]:
    """One figure a round, from the values of that round."""
    return [how(one, other) for one, other in zip(ours, peer, strict=True)]


def ratio(ours: float, peer: float) -> float:
    """How many times the peer."""
    return ours / peer


def excess(ours: float, peer: float) -> float:
    """How much more than the peer."""
    return ours - peer


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """Median, least and most."""
    middle, least, most = (
        f"{value:z.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle}{unit} ({least} to {most})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; the first column is text, the others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
