"""Waiting, not forever, for what other threads bring about."""

import time
from collections.abc import Callable

#: Between two looks, in seconds.
TICK = 0.02


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``condition`` holds; whether that came to pass within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(TICK)
    return True
