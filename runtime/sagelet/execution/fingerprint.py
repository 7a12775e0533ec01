"""What a process host runs in, in one word that changes when anything of it does."""

import hashlib
import json
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

_LIMITS = [name for name in dir(resource) if name.startswith("RLIMIT_")]


def fingerprint(python: str, toolkit: Path, inherited: Mapping[str, str]) -> str:
    """Of an interpreter and its packages, the toolkit's source, and what processes inherit.

    Installing, upgrading or removing a package changes the time of the folder it lies in.
    """
    document = [
        python,
        [(str(path), *_stamp(path)) for path in _of_interpreter(Path(python))],
        [(str(path), *_stamp(path)) for path in sorted(toolkit.rglob("*.py"))],
        sorted(inherited.items()),
        [resource.getrlimit(getattr(resource, name)) for name in _LIMITS],
        (os.geteuid(), os.getgroups(), _umask()),
    ]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def _of_interpreter(python: Path) -> Iterator[Path]:
    """The program, and the folders of packages beside it and beside what it was made from."""
    yield python
    home = python.resolve()
    yield home
    for prefix in dict.fromkeys((python.parent.parent, home.parent.parent)):
        yield prefix / "pyvenv.cfg"
        for pattern in ("lib*/python3*/site-packages", "lib*/python3*/dist-packages"):
            yield from sorted(prefix.glob(pattern))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _umask() -> str:
    text = Path("/proc/self/status").read_text()
    return next((line for line in text.splitlines() if line.startswith("Umask")), "")
