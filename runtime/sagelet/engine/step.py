"""The Progress of a job's long steps."""

import time
from collections.abc import Callable

#: Between two texts of a long step that are shown as StatusMessage, in seconds.
TELL_EVERY = 0.25


class Step:
    """The Progress of a long step: its texts become StatusMessage, now and then."""

    def __init__(self, tell: Callable[[str], None], interruption: Callable[[], object]) -> None:
        self._tell = tell
        self._interruption = interruption
        self._told = 0.0

    def __call__(self, text: str) -> None:
        if time.monotonic() - self._told > TELL_EVERY:
            self._tell(text)
            self._told = time.monotonic()

    def cancelled(self) -> bool:
        return self._interruption() is not None
