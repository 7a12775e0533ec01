"""Warm pools: instances that outlive their job by KeepAlivePeriodInSeconds.

The statuses are told as SageMaker tells them. What is kept here are hosts (``spares``); as a job
starts in moments without them, too, a pool may be Reused although its hosts were not.
"""

from dataclasses import dataclass
from enum import StrEnum

from sagelet.domain.training import TrainingJob


class WarmPoolStatus(StrEnum):
    """WarmPoolResourceStatus of the service model."""

    IN_USE = "InUse"
    AVAILABLE = "Available"
    REUSED = "Reused"
    TERMINATED = "Terminated"


@dataclass(frozen=True, slots=True)
class WarmPool:
    """A pool's status; ``retained`` is how long it was kept beyond its job, in seconds."""

    status: WarmPoolStatus
    retained: float | None = None
    reused_by: str | None = None


def warm_pool(job: TrainingJob, now: float) -> WarmPool | None:
    """The job's pool; None for a job that asked for none."""
    return pool_of(
        job.keep_alive, job.life.ended(), job.reused_by, job.reused_at, job.pool_ended, now
    )


def pool_of(
    keep_alive: int,
    ended: float | None,
    reused_by: str | None,
    reused_at: float | None,
    pool_ended: float | None,
    now: float,
) -> WarmPool | None:
    """The same from single values, for listings."""
    if pool_ended is not None and ended is not None:
        return WarmPool(WarmPoolStatus.TERMINATED, pool_ended - ended)
    if keep_alive == 0:
        return None
    if ended is None:
        return WarmPool(WarmPoolStatus.IN_USE)
    if reused_by is not None and reused_at is not None:
        return WarmPool(WarmPoolStatus.REUSED, reused_at - ended, reused_by)
    if ended + keep_alive > now:
        return WarmPool(WarmPoolStatus.AVAILABLE, now - ended)
    return WarmPool(WarmPoolStatus.TERMINATED, float(keep_alive))


def matches(old: TrainingJob, new: TrainingJob) -> bool:
    """Whether ``new`` may run on what ``old`` left: role, network and resources are the same."""
    return _needs(old) == _needs(new)


def _needs(job: TrainingJob) -> dict[str, object]:
    resources = dict(job.request.get("ResourceConfig") or {})
    resources.pop("KeepAlivePeriodInSeconds", None)
    return {
        "resources": resources,
        "role": job.request.get("RoleArn"),
        "network": job.request.get("VpcConfig"),
        "isolated": job.isolated,
        "encrypted": bool(job.request.get("EnableInterContainerTrafficEncryption")),
    }
