"""Things to be done at a time, by one thread for all of them. Nothing here is remembered."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger("sagelet.engine")


class Alarm:
    """Calls functions when their time has come; a late one is not called again.

    Who no longer wants a call lets it come and does nothing. ``after`` is called after each.
    """

    def __init__(self, after: Callable[[], None] = lambda: None) -> None:
        self._after = after
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def set(self, when: float, call: Callable[[], None]) -> None:
        """Call ``call`` at ``when``, epoch seconds."""
        with self._changed:
            heapq.heappush(self._calls, (when, next(self._numbers), call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            call = self._next()
            try:
                call()
            except Exception:  # noqa: BLE001 - the next one must come
                _log.exception("what was to be done at a time could not be done")
            self._after()

    def _next(self) -> Callable[[], None]:
        """Wait for the first call whose time has come."""
        with self._changed:
            while True:
                left = self._calls[0][0] - time.time() if self._calls else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._calls)[2]
                self._changed.wait(left)
