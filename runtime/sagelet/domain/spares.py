"""Spares: hosts that are made ready after a job, and which job they are fit for.

A spare serves one job. It is fit for a job whose hosts would be launched in the very same way: its
key is a digest of all that shapes them, except what a host can still be told (``given``) and the
files that are put into its folders.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.training import TrainingJob

#: How many spares a home keeps; with one more the oldest goes.
MOST = 3

#: One that ends within this many seconds is not taken any more.
MARGIN = 2.0

#: Variables that name the job; a host that waits is told them with its job.
OF_A_JOB = frozenset({"TRAINING_JOB_NAME", "TRAINING_JOB_ARN"})

#: Endings that leave the hosts as good as they were.
_SOUND = frozenset(
    {
        Secondary.COMPLETED,
        Secondary.STOPPED,
        Secondary.MAX_RUNTIME_EXCEEDED,
        Secondary.FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Spare:
    """A spare as its home remembers it; ``until`` in epoch seconds.

    ``job`` is the one it was made after, ``made`` whether it is whole, ``gpus`` those it was
    launched with.
    """

    name: str
    region: str
    job: str
    backend: str
    hosts: tuple[str, ...]
    gpus: tuple[str, ...]
    key: str
    until: float
    created: float
    made: bool = False

    def fits(self, region: str, backend: str, key: str, now: float) -> bool:
        """Whether a job of that key may have it."""
        return (
            self.made
            and self.until > now + MARGIN
            and (self.region, self.backend, self.key) == (region, backend, key)
        )


def keeps_hosts(job: TrainingJob, now: float) -> bool:
    """Whether hosts are made ready after ``job``: its pool is to be kept, and nothing was amiss."""
    ended = job.life.ended()
    return (
        job.keep_alive > 0
        and ended is not None
        and ended + job.keep_alive > now + MARGIN
        and job.pool_ended is None
        and job.launched is not None
        and job.life.secondary in _SOUND
        and not (job.life.failure_reason or "").startswith("InternalServerError")
    )


def can_wait(plan: JobPlan) -> bool:
    """Whether such hosts can be started without their job.

    The toolkit has to be what starts, and data that is streamed is not there yet.
    """
    return all(
        host.entrypoint is None and host.command == ("train",) and not host.pipes
        for host in plan.hosts
    )


def installs(names: Sequence[str]) -> bool:
    """Whether code of these files is installed before it runs, which changes a host."""
    return not {"requirements.txt", "setup.py"}.isdisjoint(names)


def waiting(plan: JobPlan, name: str) -> JobPlan:
    """The plan of a spare called ``name``, from a job's: it is told later which job it has."""
    hosts = tuple(
        dataclasses.replace(
            host,
            environment={k: v for k, v in host.environment.items() if k not in OF_A_JOB},
        )
        for host in plan.hosts
    )
    return dataclasses.replace(plan, hosts=hosts, spare=name)


def key_of(
    plan: JobPlan, folder: str, made_of: str, sources: Mapping[str, object], *, preload: bool
) -> str:
    """The key of a plan whose files lie in ``folder``.

    ``made_of`` names what the hosts run in by its content; ``sources`` what is mounted from
    elsewhere, by its path.
    """
    document = {
        "made of": made_of,
        "framework": dataclasses.astuple(plan.framework) if plan.framework else None,
        "isolated": plan.isolated,
        "grace": plan.grace,
        "python": plan.python,
        "launchers": plan.launchers,
        "preload": preload,
        "hosts": [_shape(host, folder) for host in plan.hosts],
        "sources": sorted(sources.items()),
    }
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _shape(host: HostPlan, folder: str) -> dict[str, Any]:
    """What of a host cannot be changed once it runs."""
    shape = dataclasses.asdict(host)
    del shape["folder"], shape["files"]
    shape["environment"] = {k: v for k, v in host.environment.items() if k not in OF_A_JOB}
    shape["mounts"] = [
        [_within(getattr(mount, field.name), folder) for field in dataclasses.fields(mount)]
        for mount in host.mounts
    ]
    program = json.loads(host.files.get("hyperparameters.json", b"{}")).get("sagemaker_program")
    shape["program"] = program
    resources = host.files.get("resourceconfig.json", b"").decode()
    return {**shape, "resources": resources}


def _within(value: object, folder: str) -> object:
    """A path in the job's own folder as it would be in any other."""
    if isinstance(value, str) and value.startswith(folder + "/"):
        return value[len(folder) :]
    return value
