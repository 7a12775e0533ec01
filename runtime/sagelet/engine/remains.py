"""What hosts leave behind: read with suspicion, then removed.

A host's folders are written by the job, which may be anybody's code: a link in them may point
anywhere, a file may be a pipe. Nothing here follows a link or waits for a pipe.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from sagelet.domain import failure
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.store.home import remove_tree
from sagelet.store.logs import move_log

#: What staging, syncing and storing make in a job's folder.
_MADE = (
    "code",
    "files",
    "links",
    "inputs",
    "shards",
    "pipes",
    "intermediate",
    "outputs",
    "upload",
    "network",
)


def own_folder(host: HostPlan, *parts: str) -> Path | None:
    """``<host>/ml/<parts>`` if every step of it is a folder, and none a link."""
    return within(Path(host.folder), *parts)


def within(folder: Path, *parts: str) -> Path | None:
    """The same of the host whose folder this is."""
    path = folder / "ml"
    for part in parts:
        path /= part
        try:
            if not stat.S_ISDIR(path.lstat().st_mode):
                return None
        except OSError:
            return None
    return path


def failure_text(host: HostPlan) -> str | None:
    """The beginning of the host's /opt/ml/output/failure; None when there is no such file."""
    return said(host, "failure")


def said(host: HostPlan, name: str) -> str | None:
    """The beginning of a file in the host's /opt/ml/output; None when there is no such file."""
    found = written(host, name)
    return None if found is None else found.decode("utf-8", "replace")


def written(host: HostPlan, name: str) -> bytes | None:
    """The same as bytes."""
    folder = own_folder(host, "output")
    if folder is None:
        return None
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read(4 * failure.LIMIT)


def set_aside(folder: Path, plan: JobPlan, attempt: int) -> None:
    """Of an attempt that is given up, keep the logs only: ``attempts/<attempt>/<host>.log``."""
    for host in plan.hosts:
        log = Path(host.folder) / "log"
        place = folder / "attempts" / str(attempt) / f"{host.name}.log"
        if log.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            move_log(log, place)
        remove_tree(Path(host.folder))


def clear_host(host: HostPlan) -> None:
    """Remove what a host that waited for its job left beside what was staged for that."""
    for name in ("scratch", "log", "exit.json", "started.json", "stop", "opt", "hosts"):
        remove_tree(Path(host.folder) / name)
    for path in (Path(host.folder) / "ml" / "input" / "config").glob(".door*"):
        path.unlink()


def clean(folder: Path, plan: JobPlan, note: Callable[[str], None], *, keep_outputs: bool) -> None:
    """Remove all of a job but its logs, its configuration and, if wanted, what it wrote."""
    doomed = [folder / name for name in _MADE]
    if not keep_outputs:
        doomed += [folder / "checkpoints", folder / "checkpoints.json"]
    for host in plan.hosts:
        place = Path(host.folder)
        doomed += [
            place / n for n in ("scratch", "venv", "opt", "hosts", "resolv.conf", "ml/input/data")
        ]
        if not keep_outputs:
            doomed += [
                place / "ml" / n for n in ("model", "output", "checkpoints", "code", "processing")
            ]
    for path in doomed:
        try:
            remove_tree(path)
        except OSError as error:
            note(f"cleaning up: {error}")
