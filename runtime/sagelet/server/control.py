"""One control plane per home: the lock it holds, and what the lock's file says of it."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from sagelet.domain.errors import ResourceInUse

#: How long whoever looks whether the lock is held may hold it itself, in seconds.
_LOOK = 0.2

_FILE = "control.lock"


class ControlLock:
    """Held while this process is the home's control plane; the kernel frees it when it dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        #: Where the last holder was reached, if it died without giving the lock up.
        self.before: str | None = _read(descriptor).get("url")
        self._started = time.time()
        self.announce(None)

    def announce(self, url: str | None) -> None:
        """Say where it is reached: ``{pid, url, started}``, started in epoch seconds."""
        said = {"pid": os.getpid(), "url": url, "started": self._started}
        text = json.dumps(said).encode()
        # In place, because the lock is the file's: padded, so that a reader never sees a mixture
        # that is longer than either, and in one write.
        os.pwrite(self._descriptor, text.ljust(512), 0)

    def release(self) -> None:
        """Give it up."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def take(home: Path) -> ControlLock:
    """Become the control plane of a home.

    Raises:
        ResourceInUse: another process is; the message says which, and where.
    """
    if not home.exists():  # requests and environments may hold secrets
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
    descriptor = os.open(home / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOOK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return ControlLock(descriptor)
        except BlockingIOError:
            if time.monotonic() > deadline:
                said = _read(descriptor)
                os.close(descriptor)
                break
            time.sleep(0.01)
    where = f" at {said['url']}" if said.get("url") else ""
    raise ResourceInUse(
        f"A control plane (pid {said.get('pid', 'unknown')}) already runs on {home}{where}: use "
        f"it, stop it, or give another SAGELET_HOME."
    )


def running(home: Path) -> dict[str, Any] | None:
    """What the control plane of a home says of itself, ``{pid, url, started}``; None without one.

    ``url`` is None while it starts.
    """
    try:
        descriptor = os.open(home / _FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor) or None
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> dict[str, Any]:
    try:
        said = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:  # it has only just taken the lock
        return {}
    return said if isinstance(said, dict) else {}
