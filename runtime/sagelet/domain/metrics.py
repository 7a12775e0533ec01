"""Metrics in log lines: MetricDefinition regexes over chunks of text, as SageMaker applies them.

Each regex is searched in every line; its first group, read as a number, is a value. No I/O.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from sagelet.domain.training import MetricDefinition

#: Longer lines are searched in their first part only: a regex over megabytes would stall the job.
LINE_LIMIT = 65536

#: How long a regex may take for a chunk of the log, in seconds.
PATIENCE = 2.0

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
    """Finds data in chunks of whole lines.

    A regex can take for ever on a short line. One that takes longer than PATIENCE is given up, and
    named in ``given_up``; while it is at work other threads run.
    """

    def __init__(self, definitions: Sequence[MetricDefinition]) -> None:
        self._rules = [_Rule(number, d) for number, d in enumerate(definitions)]
        self.given_up: list[str] = []

    def scan(self, chunk: str, time: float) -> list[Datum]:
        """All data in ``chunk``, in line order."""
        found: list[tuple[int, int, Datum]] = []
        for rule in list(self._rules):
            try:
                found += rule.find(chunk, time)
            except TimeoutError:
                self._rules.remove(rule)
                self.given_up.append(rule.name)
        found.sort(key=lambda place: place[:2])
        return [datum for _, _, datum in found]


class _Rule:
    """One definition. What it finds comes with its line's start and its own number."""

    def __init__(self, number: int, definition: MetricDefinition) -> None:
        self.name = definition.name
        self._number = number
        self._line = regex.compile(definition.regex)
        whole_line = _WHOLE_LINE.search(definition.regex)
        self._chunk = None if whole_line else regex.compile(definition.regex, regex.MULTILINE)

    def find(self, chunk: str, time: float) -> Iterator[tuple[int, int, Datum]]:
        """The first match of each line.

        Raises:
            TimeoutError: the regex takes too long.
        """
        for start, match in self._matches(chunk):
            value = _number(match)
            if value is not None:
                yield start, self._number, Datum(self.name, value, time)

    def _matches(self, chunk: str) -> Iterator[tuple[int, regex.Match[str]]]:
        if self._chunk is None:
            yield from self._line_by_line(chunk, 0, len(chunk))
            return
        done = -1  # the end of the last line looked at
        for match in self._chunk.finditer(chunk, timeout=PATIENCE, concurrent=True):
            if match.start() <= done:
                continue
            start = chunk.rfind("\n", 0, match.start()) + 1
            end = chunk.find("\n", match.end())
            end = len(chunk) if end < 0 else end
            if "\n" in match.group() or match.end() - start > LINE_LIMIT:
                # It ran over a line's end, or its limit: each line is asked by itself.
                yield from self._line_by_line(chunk, start, end)
            else:
                yield start, match
            done = end

    def _line_by_line(
        self, chunk: str, start: int, end: int
    ) -> Iterator[tuple[int, regex.Match[str]]]:
        for line in chunk[start:end].split("\n"):
            match = self._line.search(line[:LINE_LIMIT], timeout=PATIENCE, concurrent=True)
            if match:
                yield start, match
            start += len(line) + 1


def _number(match: regex.Match[str]) -> float | None:
    try:
        return float(match.group(1))
    except (TypeError, ValueError):
        return None
