"""What hosts use of the machine while they run: looked at by one thread, for all jobs.

It is worth less than any job: nobody waits for this thread, and what hinders it is passed over.
Which jobs are looked at is told by their supervisors, also by those that take jobs over from an
earlier process.
"""

import logging
import threading
import time
from dataclasses import dataclass, field

from sagelet.domain import usage
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.domain.jobs import Job
from sagelet.domain.lifecycle import HAVE_HOSTS
from sagelet.domain.usage import Gpu, Reading, Sample
from sagelet.engine.bus import Bus
from sagelet.execution import machine
from sagelet.execution.backend import ExecutionBackend
from sagelet.store import Store
from sagelet.store.usage import Owner

#: From the first look at a job, which only shows where its counters stand, to the next; also until
#: hosts are looked for again that were not there yet. In seconds.
FIRST = 0.5

#: Jobs whose turn comes within this time are looked at together, in seconds.
TOGETHER = 0.2

_log = logging.getLogger("sagelet.engine")


@dataclass(slots=True, eq=False)
class _Watched:
    """A job whose hosts are looked at; ``ran``: for how long it had them at the time ``since``."""

    owner: Owner
    key: str
    plan: JobPlan
    backend: ExecutionBackend
    ran: float
    since: float
    due: float
    before: dict[str, Reading] = field(default_factory=dict)


class Meter:
    """Looks at the hosts of jobs. Methods may be called from any thread, and never wait."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._watched: dict[Owner, _Watched] = {}
        self._changed = threading.Condition()
        self._alive = False

    def watch(self, job: Job, plan: JobPlan, backend: ExecutionBackend) -> None:
        """Look at a job's hosts from now on."""
        owner, now = _owner(job), time.monotonic()
        ran = job.life.ran(time.time())
        with self._changed:
            self._watched[owner] = _Watched(owner, job.key, plan, backend, ran, now, now)
            if self._alive:
                self._changed.notify()
            else:
                self._alive = True
                threading.Thread(target=self._run, name="meter", daemon=True).start()

    def hear(self, job: Job) -> None:
        """A job has a new state: one without hosts is looked at no more."""
        if job.life.secondary not in HAVE_HOSTS:
            with self._changed:
                if self._watched.pop(_owner(job), None) is not None:
                    self._changed.notify()

    def _run(self) -> None:
        """Until there is nothing to look at."""
        while (due := self._next()) is not None:
            try:
                self._round(due)
            except Exception as error:  # noqa: BLE001 - a full disk, say: it may pass
                _log.info("what hosts use is not stored: %s", error)
        self._store.database.close()

    def _next(self) -> list[_Watched] | None:
        """Wait for the jobs whose turn it is; None: there are no jobs."""
        with self._changed:
            while self._watched:
                now = time.monotonic()
                first = min(watched.due for watched in self._watched.values())
                if first <= now:
                    return [w for w in self._watched.values() if w.due <= now + TOGETHER]
                self._changed.wait(first - now)
            self._alive = False
            return None

    def _round(self, due: list[_Watched]) -> None:
        """Look at some jobs, and store what was seen of them in one go."""
        start = time.thread_time()  # who waits for an engine takes nothing from anybody
        wanted = any(host.gpus for watched in due for host in watched.plan.hosts)
        gpus = machine.look_at_gpus() if wanted else {}
        found = {watched: _look(watched, gpus) for watched in due}
        took, end = time.thread_time() - start, time.monotonic()
        for watched in due:
            pause = usage.interval(watched.ran + end - watched.since, took)
            watched.due = end + (pause if found[watched] else FIRST)
        with self._changed:
            live = [w for w in due if found[w] and self._watched.get(w.owner) is w]
        if live:
            self._store.usage.append({watched.owner: found[watched] for watched in live})
        for watched in live:
            self._bus.tell("usage", watched.owner.region, watched.key)


def _look(watched: _Watched, gpus: dict[str, Gpu]) -> list[Sample]:
    """What a job's hosts have used since the last look."""
    try:
        readings = watched.backend.look(watched.plan)
    except Exception as error:  # noqa: BLE001 - the engine, say: it may pass
        _log.debug("%s cannot be looked at: %s", watched.key, error)
        return []
    hosts = {host.name: host for host in watched.plan.hosts}
    samples = []
    for now in readings:
        host, before = hosts[now.host], watched.before.get(now.host)
        watched.before[now.host] = now
        made = before and usage.sample(
            before, now, time.time(), machine.full(host.folder), _gpus_of(host, gpus)
        )
        samples += [made] if made else []
    return samples


def _gpus_of(host: HostPlan, gpus: dict[str, Gpu]) -> list[Gpu]:
    """The GPUs of a host; none unless all can be looked at."""
    found = [gpus[name] for name in host.gpus if name in gpus]
    return found if len(found) == len(host.gpus) else []


def _owner(job: Job) -> Owner:
    return Owner(job.region, job.kind.name, job.name)
