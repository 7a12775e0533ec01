"""A process that runs beside the script and ends with it: sshd, a parameter server."""

from __future__ import annotations

import os
import signal
import time

from sagelet_toolkit.failure import FrameworkError
from sagelet_toolkit.process import GRACE_S, IGNORED_BY_PYTHON, POLL_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping


class Beside:
    """Started at once, in a process group of its own, so that the script's signals miss it."""

    def __init__(self, argv: list[str], env: Mapping[bytes, bytes], cwd: str) -> None:
        try:
            os.chdir(cwd)
            self._pid = os.posix_spawn(argv[0], argv, env, setpgroup=0, setsigdef=IGNORED_BY_PYTHON)
        except OSError as error:
            raise FrameworkError(f"{argv[0]} cannot be run: {error}.", error.errno) from None

    def running(self) -> bool:
        """Whether it has not ended by itself."""
        try:
            ended, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:  # whoever reaps for the script has seen it first
            return False
        return ended == 0

    def end(self) -> None:
        """Tell it to end, then make it."""
        started = time.monotonic()
        self._signal(signal.SIGTERM)
        killed = False
        while self.running() or self._signal(0):
            waited = time.monotonic() - started
            if waited > 2 * GRACE_S:
                return
            if waited > GRACE_S and not killed:
                killed = self._signal(signal.SIGKILL)
            time.sleep(POLL_S)

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self._pid, number)
        except OSError:
            return False
        return True
