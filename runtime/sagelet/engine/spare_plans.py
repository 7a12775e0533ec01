"""What is worked out about a spare: its key, and its plan from its record."""

import logging
from collections.abc import Callable
from pathlib import Path

from sagelet.domain import spares
from sagelet.domain.hosts import HostPlan, JobPlan, Mount
from sagelet.domain.spares import Spare
from sagelet.domain.training import TrainingJob
from sagelet.execution.backend import ExecutionBackend

_log = logging.getLogger("sagelet.engine")


class Unwatched:
    """The Progress of steps that nobody watches."""

    def __call__(self, text: str) -> None:
        """For whoever looks for something."""
        _log.debug("%s", text)

    def cancelled(self) -> bool:
        """Nobody gives it up."""
        return False


def key_of(job: TrainingJob, plan: JobPlan, folder: Path, backend: ExecutionBackend) -> str | None:
    """The key of the job's hosts; None: they cannot be made ready before their job.

    Raises:
        OSError: something that is mounted is not there.
    """
    if not spares.can_wait(plan):
        return None
    made_of = backend.made_of(plan)
    if made_of is None:
        return None
    own = str(folder)
    sources = {
        mount.source: _identity(mount.source)
        for host in plan.hosts
        for mount in host.mounts
        if not mount.source.startswith(own + "/")
    }
    return spares.key_of(plan, own, made_of, sources, preload=bool(job.options.warm))


def _identity(source: str) -> tuple[int, ...]:
    """What tells apart two folders, or two versions of a file, that have the same path."""
    path = Path(source)
    status = path.stat()
    which = (status.st_dev, status.st_ino)
    return which if path.is_dir() else (*which, status.st_size, status.st_mtime_ns)


def stub(spare: Spare, folder: Path) -> JobPlan:
    """As much of a spare's plan as is needed to speak to it, and to end it."""
    hosts = tuple(
        HostPlan(name, f"{folder}/{name}", None, (), {}, (Mount(f"{folder}/{name}", "/"),), {})
        for name in spare.hosts
    )
    return JobPlan(
        spare.job, spare.region, "", None, hosts, isolated=False, grace=0.0, spare=spare.name
    )


def available(read: Callable[[], str] = Path("/proc/meminfo").read_text) -> int:
    """Memory that programs can have, in bytes."""
    for line in read().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return 1 << 62
