"""Hosts that are ready before their job: made after one, given to the next that is like it.

A job is never worse off for it: where a spare cannot be made, taken or woken, the job starts as
any other. Spares outlive this process, as jobs do; each ends by itself when its time is over.
"""

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Iterable

from sagelet.domain import spares
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.hosts import JobPlan
from sagelet.domain.jobs import Job, Kind
from sagelet.domain.machine import MEMORY
from sagelet.domain.spares import Spare
from sagelet.domain.training import TRAINING, TrainingJob
from sagelet.engine import remains, staging
from sagelet.engine.alarm import Alarm
from sagelet.engine.spare_plans import Unwatched, available, key_of, stub
from sagelet.engine.talkback import TalkBack
from sagelet.execution import door
from sagelet.execution.backend import ExecutionBackend
from sagelet.execution.registry import Backends
from sagelet.store import Store

#: How long a host has to answer, in seconds; it needs a millisecond unless the machine is busy.
PATIENCE = 5.0

#: How long a host that was just started may take to come to its door, in seconds.
ARRIVAL = 2.0

#: How long a job waits for a spare that is being made for the likes of it, in seconds.
MAKING = 5.0

#: After its time a spare is given this long to end by itself, in seconds.
LEAVING = 1.0

_log = logging.getLogger("sagelet.engine")


class WarmHosts:
    """The spares of one home."""

    def __init__(self, store: Store, backends: Backends, talkback: TalkBack) -> None:
        self._store = store
        self._files = store.spares
        self._backends = backends
        self._talkback = talkback
        self._changed = threading.Condition()
        self._making: dict[str, str] = {}  # names, to keys
        self._alarm = Alarm(after=store.database.close)

    def start(self) -> None:
        """Remove what an earlier process left half-made, or what is over."""
        for found in list(self._files.all()):
            if isinstance(found, str):
                self._files.remove(found)
            elif found.made and found.until > time.time():
                self._end_in_time(found)
            else:
                self._in_background([found])

    def make(self, store: Store, kind: Kind, name: str) -> None:
        """Make hosts ready after the job of that name, if they are to be kept and can be."""
        try:
            if kind is TRAINING and self._is_wanted(store, name):
                self._make(store, store.training_jobs.get(name))
        except Exception as error:  # noqa: BLE001 - the job is over, and right as it is
            _log.info("no hosts are kept after %s: %s", name, error)

    def _make(self, store: Store, job: TrainingJob) -> None:
        name = f"warm.{os.urandom(4).hex()}"
        folder = self._files.folder(name)
        plan = staging.plan_job(job, store, folder)
        backend = self._backends.get(job.backend or "process")
        source = staging.code_source(job, store.home)
        if (
            source is not None
            and source.is_dir()
            and spares.installs([path.name for path in source.iterdir()])
        ):
            return
        if available() < sum(host.memory or MEMORY for host in plan.hosts):
            return
        backend.prepare(plan, Unwatched())
        plan = self._mounted(job, plan, backend)
        key = key_of(job, plan, folder, backend)
        if key is None:
            return
        now = time.time()
        spare = Spare(
            name,
            job.region,
            job.name,
            backend.name,
            tuple(host.name for host in plan.hosts),
            tuple(gpu for host in plan.hosts for gpu in host.gpus),
            key,
            (job.life.ended() or now) + job.keep_alive,
            now,
        )
        with self._changed:
            self._files.write(spare)
            self._making[name] = key
        try:
            staging.stage_spare(job, plan)
            plan = spares.waiting(plan, name)
            preload = bool(job.options.warm)
            hosts = tuple(door.build(host, spare.until, preload=preload) for host in plan.hosts)
            backend.keep(dataclasses.replace(plan, hosts=hosts))
            spare = dataclasses.replace(spare, made=True)
            self._files.write(spare)
        except BaseException:
            self._remove(spare)
            raise
        finally:
            with self._changed:
                del self._making[name]
                self._changed.notify_all()
        if not self._is_wanted(store, job.name):
            self.end([spare])  # the pool was ended, or the job deleted, in the meantime
            return
        self._end_in_time(spare)
        self._end_superfluous()

    @staticmethod
    def _is_wanted(store: Store, name: str) -> bool:
        return store.training_jobs.has(name) and spares.keeps_hosts(
            store.training_jobs.get(name), time.time()
        )

    def take(self, job: Job, plan: JobPlan, backend: ExecutionBackend) -> JobPlan:
        """Give a job that is prepared a spare that is fit for it, if there is one.

        The spare's folder becomes the job's. The plan that is returned says so.
        """
        name = None
        if isinstance(job, TrainingJob) and job.keep_alive and job.attempt == 1:
            name = self._take(job, plan, backend)
        self._make_room(job, plan)
        return plan if name is None else dataclasses.replace(plan, spare=name)

    def _take(self, job: TrainingJob, plan: JobPlan, backend: ExecutionBackend) -> str | None:
        folder = self._store.in_region(job.region).home.job(job.key)
        try:
            key = key_of(job, self._mounted(job, plan, backend), folder, backend)
        except Exception as error:  # noqa: BLE001 - it starts as any other
            _log.info("no kept hosts for %s: %s", job.name, error)
            return None
        if key is None:
            return None
        with self._changed:
            self._changed.wait_for(lambda: key not in self._making.values(), MAKING)
            now = time.time()
            fit = [s for s in self._all() if s.fits(job.region, backend.name, key, now)]
            return next((s.name for s in fit if self._files.take(s.name, folder)), None)

    def wake(self, job: Job, plan: JobPlan) -> bool:
        """Tell the hosts that the job took that it is staged; whether all of them run it now."""
        folder = self._store.in_region(job.region).home.job(job.key)
        spare = self._files.read(folder)
        code = folder / "code"
        if (
            spare is None
            or (code.is_dir() and spares.installs([path.name for path in code.iterdir()]))
            or any(any(place.iterdir()) for place in folder.glob("links/*"))
        ):
            return False
        arrival = max(0.0, ARRIVAL - (time.time() - spare.created))
        return door.open_all(plan.hosts, PATIENCE, arrival)

    def leave(self, job: Job, plan: JobPlan, backend: ExecutionBackend) -> None:
        """The hosts that the job took do not answer, or are not fit after all: it gets its own.

        Raises:
            HostFault: one of them does not go.
        """
        _log.info("the hosts kept for %s are not used", job.name)
        backend.remove(plan)
        backend.reclaim(plan)
        for host in plan.hosts:
            remains.clear_host(host)
        self._files.forget(self._store.in_region(job.region).home.job(job.key))

    def _make_room(self, job: Job, plan: JobPlan) -> None:
        """End spares that stand in the way of a job: by its GPUs, or for want of memory."""
        gpus = {gpu for host in plan.hosts for gpu in host.gpus}
        there = self._all()
        if not there:
            return
        wanted = sum(host.memory or MEMORY for host in plan.hosts)
        scarce = available() < wanted
        doomed = [spare for spare in there if scarce or not gpus.isdisjoint(spare.gpus)]
        if doomed:
            _log.info("%d kept spare(s) make room for %s", len(doomed), job.name)
            self._in_background(doomed)

    def renew(self, job: TrainingJob, seconds: int) -> None:
        """The job's pool lives for so long from its end; 0 ends it now."""
        until = (job.life.ended() or time.time()) + seconds
        for spare in self._of(job):
            if until <= time.time():
                self.end([spare])
                continue
            hosts = stub(spare, self._files.folder(spare.name)).hosts
            with self._changed:
                if door.renew(hosts, until, PATIENCE):
                    renewed = dataclasses.replace(spare, until=until)
                    self._files.write(renewed)
                    self._end_in_time(renewed)

    def forget(self, job: TrainingJob) -> None:
        """End what is kept after the job."""
        self.end(self._of(job))

    def end_all(self) -> None:
        """End every spare."""
        self.end(self._all())

    def end(self, doomed: Iterable[Spare]) -> None:
        """End spares, unless a job took them meanwhile."""
        for spare in doomed:
            with self._changed:
                if spare.name in self._making:
                    continue  # whoever makes it sees for itself whether it is still wanted
                there = self._files.read(self._files.folder(spare.name))
                if there is None:
                    continue
                self._files.write(dataclasses.replace(there, made=False))
            self._remove(spare)

    def _remove(self, spare: Spare) -> None:
        folder = self._files.folder(spare.name)
        plan = stub(spare, folder)
        try:
            backend = self._backends.get(spare.backend)
            backend.remove(plan)
            backend.reclaim(plan)
            self._files.remove(spare.name)
        except (DomainError, HostFault, OSError) as error:
            _log.warning("a spare could not be removed, it will be tried again: %s", error)

    def _in_background(self, doomed: list[Spare]) -> None:
        def end() -> None:
            self.end(doomed)
            self._store.database.close()

        threading.Thread(target=end, name="spares", daemon=True).start()

    def _end_in_time(self, spare: Spare) -> None:
        def end() -> None:
            now = self._files.read(self._files.folder(spare.name))
            if now is not None and now.until <= time.time():
                self.end([now])

        self._alarm.set(spare.until + LEAVING, end)

    def _end_superfluous(self) -> None:
        there = sorted(self._all(), key=lambda spare: spare.created)
        self.end(there[: -spares.MOST])

    def _all(self) -> list[Spare]:
        return [found for found in self._files.all() if isinstance(found, Spare)]

    def _of(self, job: TrainingJob) -> list[Spare]:
        return [s for s in self._all() if (s.region, s.job) == (job.region, job.name)]

    def _mounted(self, job: TrainingJob, plan: JobPlan, backend: ExecutionBackend) -> JobPlan:
        """The plan with what is mounted for the way to the control plane; nothing else of it."""
        if plan.isolated:
            return plan
        joined = self._talkback.join(job, plan, backend.address())
        if joined is None:
            return plan
        hosts = tuple(
            dataclasses.replace(host, mounts=more.mounts)
            for host, more in zip(plan.hosts, joined.hosts, strict=True)
        )
        return dataclasses.replace(plan, hosts=hosts)
