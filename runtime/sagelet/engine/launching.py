"""Starting a job's hosts: those that wait, if it took some and they hear it, else new ones."""

import dataclasses
from collections.abc import Callable

from sagelet.domain.hosts import JobPlan
from sagelet.domain.jobs import Job
from sagelet.engine.talkback import TalkBack
from sagelet.engine.warm import WarmHosts
from sagelet.execution.backend import ExecutionBackend, Sink


def launch(
    job: Job,
    plan: JobPlan,
    backend: ExecutionBackend,
    warm: WarmHosts,
    talkback: TalkBack,
    sink: Sink,
    note: Callable[[str], None],
) -> JobPlan:
    """Start the hosts of a job that is staged; the plan under whose name they run.

    Raises:
        HostFault: one could not be started; none is left running.
    """
    joined = plan
    if not plan.isolated:
        found = talkback.join(job, plan, backend.address())
        if found is None:
            note("the job cannot reach the control plane: no address it could use")
        joined = found or plan
    if plan.spare:
        if warm.wake(job, backend.seen_from_inside(joined)):
            backend.adopt(joined, sink)
            note("the hosts were ready: kept after an earlier job")
            return plan
        warm.leave(job, plan, backend)
        joined, plan = (dataclasses.replace(each, spare=None) for each in (joined, plan))
    backend.launch(joined, sink)
    return plan
