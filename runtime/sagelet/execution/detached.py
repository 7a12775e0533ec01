"""Small processes of our own that outlive whoever started them: shims, feeders, hubs.

Each holds a lock as long as it lives. Unlike a pid, a lock is never reused.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: What a fresh interpreter runs: source root, module, specification and lock are its arguments.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "__import__(sys.argv[2], fromlist=['main']).main(sys.argv[3], int(sys.argv[4]))"
)
_SOURCE_ROOT = str(Path(__file__).parents[2])


def command(module: str, spec: Path, lock: int) -> list[str]:
    """What runs ``module.main(spec, lock)``, in milliseconds."""
    interpreter = (sys.executable, "-I", "-S", "-c", _BOOT, _SOURCE_ROOT)
    return [*interpreter, module, str(spec), str(lock)]


def start(
    module: str, spec: Path, name: str, descriptors: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Run ``module.main(spec, lock)`` in a process that inherits ``descriptors``.

    ``<name>.lock`` and ``<name>.err``, what it says on its streams, stand beside ``spec``.

    Raises:
        OSError: it cannot be started.
    """
    folder = spec.parent
    # The lock is taken here and inherited: from now on, free means that the process is gone.
    lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (folder / f"{name}.err").open("wb") as errors:
            return subprocess.Popen(
                command(module, spec, lock),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd="/",
                pass_fds=(lock, *descriptors),
                start_new_session=True,
            )
    finally:
        os.close(lock)


def alive(lock: Path) -> bool:
    """Whether the process lives: it holds its lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two may look at once
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
