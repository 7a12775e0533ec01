"""The last calls of AWS clients, in memory only: what the inspector shows.

Bodies are kept as they came, up to a limit; how they are shown is the page's business.
"""

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TypeVar

#: How many calls are kept.
KEPT = 2000
#: How many operations are counted: their names are whatever clients say.
OPERATIONS = 1000
#: How much of a body is kept, in bytes.
BODY = 16 * 1024


K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Call:
    """One call; ``time`` in epoch seconds, ``took`` in seconds, sizes in bytes.

    ``error`` is AWS's code for what went wrong, ``operation`` is empty when it has no name.
    """

    time: float
    took: float
    id: str
    service: str
    operation: str
    method: str
    path: str
    region: str
    agent: str
    door: str
    status: int
    error: str
    request: bytes
    request_size: int
    response: bytes
    response_size: int


class Calls:
    """The ring; each call has a number, counted up from the one after ``before``."""

    def __init__(self, before: int = 0) -> None:
        self._calls: deque[tuple[int, Call]] = deque(maxlen=KEPT)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._missing: Counter[str] = Counter()
        self._last = before
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Remember one."""
        with self._lock:
            self._last += 1
            self._calls.append((self._last, call))
            _count(self._counts, (call.service, call.operation))
            if call.status == 501:
                _count(self._missing, f"{call.service} {call.operation}".strip())

    @property
    def last(self) -> int:
        """The number of the last one."""
        with self._lock:
            return self._last

    def since(self, number: int = 0, limit: int = KEPT) -> list[tuple[int, Call]]:
        """Those behind ``number``, the newest ``limit`` of them, in order."""
        with self._lock:
            found = [each for each in self._calls if each[0] > number]
        return found[-limit:]

    def get(self, number: int) -> Call | None:
        """One, if it is still kept."""
        with self._lock:
            return next((call for count, call in self._calls if count == number), None)

    def counts(self) -> dict[tuple[str, str], int]:
        """(service, operation) -> how often it was called since the start."""
        with self._lock:
            return dict(self._counts)

    def missing(self) -> dict[str, int]:
        """Operation that is not served -> how often it was asked for."""
        with self._lock:
            return dict(self._missing)

    def clear(self) -> None:
        """Forget them; numbers go on."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
            self._missing.clear()


def _count(counter: Counter[K], key: K) -> None:
    if key in counter or len(counter) < OPERATIONS:
        counter[key] += 1
