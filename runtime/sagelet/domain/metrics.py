"""Metrics in log lines: MetricDefinition regexes over chunks of text, as SageMaker applies them.

Each regex is searched in every line; its first group, read as a number, is a value. No I/O.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sagelet.domain.training import MetricDefinition

#: Longer lines are searched in their first part only: a regex over megabytes would stall the job.
LINE_LIMIT = 65536

# The shortcut below is off for what may match a line without matching the chunk around it, and for
# what runs over line ends: from each place in the chunk to its end, that takes minutes.
_WHOLE_LINE = re.compile(
    r"\\[AZz]|\(\?[!=<>]|[*+?}]\+|\(\?[a-zA-Z]*-|\(\?\("
    r"|\[\^|\\[DW]|\[[^]]*\\s|\(\?[a-zA-Z]*s"
)


@dataclass(frozen=True, slots=True)
class Datum:
    """One value of a metric; ``time`` in epoch seconds."""

    name: str
    value: float
    time: float


class Scanner:
    """Finds data in chunks of whole lines."""

    def __init__(self, definitions: Sequence[MetricDefinition]) -> None:
        self._rules = [
            (
                d.name,
                re.compile(d.regex),
                None if _WHOLE_LINE.search(d.regex) else re.compile(d.regex, re.MULTILINE),
            )
            for d in definitions
        ]

    def scan(self, chunk: str, time: float) -> list[Datum]:
        """All data in ``chunk``, in line order."""
        live = [
            (name, line_regex)
            for name, line_regex, chunk_regex in self._rules
            if chunk_regex is None or chunk_regex.search(chunk)
        ]
        return list(self._lines(live, chunk.split("\n"), time)) if live else []

    def _lines(
        self, rules: list[tuple[str, re.Pattern[str]]], lines: Iterable[str], time: float
    ) -> Iterator[Datum]:
        for line in lines:
            text = line[:LINE_LIMIT]
            for name, regex in rules:
                match = regex.search(text)
                value = _number(match) if match else None
                if value is not None:
                    yield Datum(name, value, time)


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match.group(1))
    except (TypeError, ValueError):
        return None
