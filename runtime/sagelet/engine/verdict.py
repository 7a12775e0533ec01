"""How a job's hosts ended, taken together."""

from sagelet.domain import failure
from sagelet.domain.hosts import JobPlan
from sagelet.domain.lifecycle import Event
from sagelet.engine import remains
from sagelet.execution.backend import HostExited, HostLost

#: An event, and the reason that comes with it.
Report = tuple[Event, str | None]


def verdict(plan: JobPlan, failed: HostExited | HostLost | None) -> Report:
    """All hosts ended, ``failed`` as the first that failed: how, and why."""
    if isinstance(failed, HostLost):
        return Event.HOSTS_FAILED, (f"InternalServerError: {failed.host} is gone: {failed.reason}")[
            : failure.LIMIT
        ]
    many = len(plan.hosts) > 1
    for host in plan.hosts:
        exited = HostExited(host.name, 0)
        if failed is not None:
            if failed.host != host.name:
                continue
            exited = failed
        reason = failure.host_failure(
            remains.failure_text(host),
            exited.code,
            oom=exited.oom,
            error=exited.error,
            host=host.name if many else None,
        )
        if reason:
            return Event.HOSTS_FAILED, reason
    return Event.HOSTS_SUCCEEDED, None
