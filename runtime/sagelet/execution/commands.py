"""Long commands (pip) that can be given up at any moment."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import IO, cast

from sagelet.execution.backend import Cancelled, Progress

_POLL = 0.1


def run(
    command: Sequence[str],
    progress: Progress,
    tell: Callable[[str], None],
    timeout: float = 3600.0,
) -> int:
    """Run ``command`` in a session of its own; each line it prints goes to ``tell``.

    Returns:
        Its exit code; -9 when ``timeout`` seconds were not enough.

    Raises:
        Cancelled: told to stop; the command and its children are gone.
    """
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        output = cast("IO[bytes]", process.stdout).fileno()
        rest = b""
        while True:
            cancelled = progress.cancelled()
            if cancelled or time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
            if cancelled:
                raise Cancelled
            if not select.select([output], [], [], _POLL)[0]:
                continue
            data = os.read(output, 65536)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines if data else [rest]:
                tell(line.decode("utf-8", "replace").strip())
            if not data:
                break
    return process.returncode
