"""Metrics in log lines: MetricDefinition regexes over chunks of text, as SageMaker applies them.

Each regex is searched in every line; its first group, read as a number, is a value. No I/O.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import regex

from sagelet.domain.jobs import MetricDefinition

#: Longer lines are searched in their first part only: a regex over megabytes would stall the job.
LINE_LIMIT = 65536

#: How long a regex's slow searches may take for a chunk of the log, in seconds of processor time.
PATIENCE = 2.0

# A search that takes longer lets other threads run. The rest do not, for who lets go of the
# interpreter at every line waits for it at every line.
_QUICK = 0.01

# The shortcut below is off for what may match a line without matching the chunk around it, and for
# what runs over line ends: from each place in the chunk to its end, that takes minutes.
_WHOLE_LINE = re.compile(
    r"\\[AZz]|\(\?[!=<>]|[*+?}]\+|\(\?[a-zA-Z]*-|\(\?\("
    r"|\[\^|\\[DW]|\[[^]]*\\s|\(\?[a-zA-Z]*s"
)


@dataclass(frozen=True, slots=True)
class Datum:
    """One value of a metric; ``time`` in epoch seconds, ``step`` if its writer counts."""

    name: str
    value: float
    time: float
    step: int | None = None


class Scanner:
    """Finds data in chunks of whole lines.

    A regex can take for ever on a short line. One that takes longer than PATIENCE is given up, and
    named in ``given_up``; other threads run meanwhile. ``clock`` tells the processor time of the
    thread that asks, in seconds.
    """

    def __init__(self, definitions: Sequence[MetricDefinition], clock: Callable[[], float]) -> None:
        self._rules = [_Rule(number, d, clock) for number, d in enumerate(definitions)]
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

    def __init__(
        self, number: int, definition: MetricDefinition, clock: Callable[[], float]
    ) -> None:
        self.name = definition.name
        self._number = number
        self._clock = clock
        self._slow = 0.0
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
        self._slow = 0.0
        if self._chunk is None:
            yield from self._line_by_line(chunk, 0, len(chunk))
            return
        done = -1  # the end of the last line looked at
        for match in self._walk(self._chunk, chunk):
            if match.end() <= done:
                continue
            start = max(done, chunk.rfind("\n", 0, match.start())) + 1
            end = chunk.find("\n", match.end())
            end = len(chunk) if end < 0 else end
            if "\n" in match.group() or match.end() - start > LINE_LIMIT:
                # It ran over a line's end, or its limit: each line is asked by itself.
                yield from self._line_by_line(chunk, start, end)
            elif match.start() > done:
                yield start, match
            done = end

    def _walk(self, pattern: regex.Pattern[str], chunk: str) -> Iterator[regex.Match[str]]:
        """All matches, by way of ``finditer``, whose time limit is for all of its searches."""
        place = 0
        while True:
            try:
                for match in pattern.finditer(chunk, place, timeout=_QUICK, concurrent=False):
                    place = _after(match)
                    yield match
            except TimeoutError:
                slow = self._search(pattern, chunk, place)
                if slow is None:
                    return
                place = _after(slow)
                yield slow
            else:
                return

    def _line_by_line(
        self, chunk: str, start: int, end: int
    ) -> Iterator[tuple[int, regex.Match[str]]]:
        for line in chunk[start:end].split("\n"):
            match = self._search(self._line, line[:LINE_LIMIT], 0)
            if match:
                yield start, match
            start += len(line) + 1

    def _search(
        self, pattern: regex.Pattern[str], text: str, place: int
    ) -> regex.Match[str] | None:
        try:
            return pattern.search(text, place, timeout=_QUICK, concurrent=False)
        except TimeoutError:
            pass
        patience = PATIENCE - self._slow
        began = self._clock()
        match = pattern.search(text, place, timeout=patience, concurrent=True)
        self._slow += self._clock() - began
        if self._slow > PATIENCE:
            raise TimeoutError
        return match


def _after(match: regex.Match[str]) -> int:
    """Where to search on; an empty match is not found twice."""
    return match.end() + (match.start() == match.end())


def _number(match: regex.Match[str]) -> float | None:
    try:
        return float(match.group(1))
    except (TypeError, ValueError):
        return None
