"""How far a long step of a job is: said now and then, as its StatusMessage."""

import time
from collections.abc import Callable

#: Between two texts that are shown, in seconds.
TELL_EVERY = 0.25


class Telling:
    """The Progress of a long step. ``interruption``: what ends the job early, if anything."""

    def __init__(self, tell: Callable[[str], None], interruption: Callable[[], object]) -> None:
        self._tell = tell
        self._interruption = interruption
        self._told = 0.0

    def __call__(self, text: str) -> None:
        """Say what is happening now, unless the last word is too fresh."""
        if time.monotonic() - self._told > TELL_EVERY:
            self._tell(text)
            self._told = time.monotonic()

    def cancelled(self) -> bool:
        """Whether the step should give up."""
        return self._interruption() is not None
