"""Who runs and who waits, over all regions of a home.

Jobs start in the order they came, each as soon as it fits beside those that run (``domain.machine``
says what fits); only those that want no GPU go past those that wait for one. Every job that runs
has a supervisor in a thread of its own. Nothing here is remembered beyond what the store holds:
``start`` finds it all again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sagelet.domain.errors import DomainError
from sagelet.domain.jobs import Interruption, Job, Kind
from sagelet.domain.lifecycle import Event, Secondary
from sagelet.domain.machine import Demand, Grant, Machine, demand_of, grant, lacks_only_gpus
from sagelet.engine.alarm import Alarm
from sagelet.engine.supervisor import Supervisor
from sagelet.engine.waiting import wait_until
from sagelet.engine.warm import WarmHosts
from sagelet.execution.registry import Choice
from sagelet.store import Store

#: How long an admission that could not be stored waits for its next attempt, in seconds.
RETRY = 5.0

#: How long one that leaves waits for what is made ready or put away, in seconds.
SETTLING = 5.0

MakeSupervisor = Callable[[Store, Kind, str, Choice | None], Supervisor]

_log = logging.getLogger("sagelet.engine")


class Key(NamedTuple):
    """Which job."""

    region: str
    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job in the queue."""

    store: Store
    demand: Demand
    choice: Choice | None


@dataclass(slots=True)
class _Running:
    supervisor: Supervisor
    grant: Grant | None
    thread: threading.Thread = field(init=False)


class Dispatcher:
    """The queue and the supervisors of one home. ``most`` bounds how many jobs run at once."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        supervisor: MakeSupervisor,
        most: int | None,
        warm: WarmHosts,
    ) -> None:
        self.machine = machine
        self.warm = warm
        self._store = store
        self._make = supervisor
        self._most = most
        self._lock = threading.RLock()
        self._waiting: dict[Key, _Waiting] = {}
        self._running: dict[Key, _Running] = {}
        self._left: set[Key] = set()
        self._tidying = 0
        self._alarm = Alarm(after=store.database.close)

    def start(self) -> None:
        """Go on with every job that an earlier process left alive."""
        self.warm.start()
        with self._lock:
            for job in self._store.live():
                self._resume(job)
            self._admit()

    def _resume(self, job: Job) -> None:
        store = self._store.in_region(job.region)
        waits = job.life.secondary is Secondary.PENDING
        try:
            demand = demand_of(job, self.machine)
        except DomainError as error:  # the machine is another one than it was
            if waits:
                reason = f"ClientError: {error}"
                self._run(_key(job), store, None, None, lambda s: s.give_up(Event.FAULTED, reason))
                return
            demand = Demand(0.0, 0, ())
        if not waits:
            held = Grant(demand, job.devices or ())
            self._run(_key(job), store, held, None, Supervisor.adopt)
        elif job.stop_requested is not None:
            self._run(_key(job), store, None, None, lambda s: s.give_up(Event.STOP_REQUESTED))
        else:
            self._queue(job, store, demand, None)

    def enter(
        self,
        store: Store,
        choice: Choice,
        demand: Demand,
        begin: Callable[[Grant | None], Job],
    ) -> Job:
        """Take a new job in; ``begin`` makes and stores it, told what it got or that it waits."""
        with self._lock:
            got = self._fits(demand) if self._may_pass(demand) else None
            job = begin(got)
            if got is None:
                self._queue(job, store, demand, choice)
            else:
                self._run(_key(job), store, got, choice, Supervisor.run)
            return job

    def stop(self, job: Job, *, hurry: bool = False, patience: float = 0.0) -> None:
        """Stop a job that waits or runs; ``hurry``: its hosts get no time.

        Returns once what is stored says so, or after ``patience``, in seconds.
        """
        with self._lock:
            if _key(job) in self._waiting:
                self._give_up(_key(job), Event.STOP_REQUESTED)
            running = self._running.get(_key(job))
            if running is not None:
                (running.supervisor.hurry if hurry else running.supervisor.stop)()
        if running is not None:
            running.supervisor.await_ending(patience)

    def interrupt(self, job: Job, interruption: Interruption, *, patience: float) -> None:
        """Take a running job's capacity away; returns like ``stop``."""
        with self._lock:
            running = self._running.get(_key(job))
            if running is not None:
                running.supervisor.interrupt(interruption)
        if running is not None:
            running.supervisor.await_interruption(patience)

    def hosts(self, job: Job) -> dict[str, str]:
        """The states of the hosts of a job that runs; none of one that does not."""
        with self._lock:
            running = self._running.get(_key(job))
        return running.supervisor.hosts() if running else {}

    def idle(self) -> bool:
        """Whether no job waits or runs, and nothing is made ready after one."""
        with self._lock:
            return not (self._waiting or self._running or self._left or self._tidying)

    def drain(self, seconds: float) -> bool:
        """Wait until every job has ended; whether that came to pass."""
        return wait_until(self.idle, seconds)

    def settle(self) -> None:
        """Wait, not forever, for what is made ready or put away after jobs that have ended."""
        wait_until(lambda: not self._tidying, SETTLING)

    def _queue(self, job: Job, store: Store, demand: Demand, choice: Choice | None) -> None:
        waiting = self._waiting[_key(job)] = _Waiting(store, demand, choice)
        for limit, event in (
            (job.max_wait, Event.WAIT_EXCEEDED),
            (job.max_pending, Event.STOP_REQUESTED),
        ):
            if limit is not None:
                self._alarm.set(
                    job.created + limit, partial(self._time_out, _key(job), waiting, event)
                )

    def _time_out(self, key: Key, waiting: _Waiting, event: Event) -> None:
        with self._lock:
            if self._waiting.get(key) is waiting:
                self._give_up(key, event)

    def _give_up(self, key: Key, event: Event) -> None:
        """End a job that waits; this needs no room."""
        waiting = self._waiting.pop(key)
        self._run(key, waiting.store, None, None, lambda s: s.give_up(event))
        self._admit()

    def _admit(self) -> None:
        """Start the jobs that fit now and whose turn it is."""
        gpus_are_waited_for = False
        for key, waiting in list(self._waiting.items()):
            if gpus_are_waited_for and any(waiting.demand.gpus):
                continue
            got = self._fits(waiting.demand)
            if got is None:
                if not self._lacks_only_gpus(waiting.demand):
                    return
                gpus_are_waited_for = True
                continue
            try:
                waiting.store.jobs_of(key.kind).save_admission(key.name, got.devices)
            except Exception as error:  # noqa: BLE001 - a full disk, say: it may pass
                _log.warning("%s in %s cannot be admitted: %s", key.name, key.region, error)
                self._admit_later()
                return
            del self._waiting[key]
            self._run(key, waiting.store, got, waiting.choice, Supervisor.run)

    def _may_pass(self, demand: Demand) -> bool:
        """Whether a job that comes now need not wait for those that wait already."""
        if not self._waiting:
            return True
        return not any(demand.gpus) and all(
            self._lacks_only_gpus(waiting.demand) for waiting in self._waiting.values()
        )

    def _admit_later(self) -> None:
        """Nothing else may happen that would let the queue go on."""

        def again() -> None:
            with self._lock:
                self._admit()

        self._alarm.set(time.time() + RETRY, again)

    def _resume_later(self, key: Key, store: Store) -> None:
        """A job that lost its supervisor to a fault of ours goes on from what is stored."""
        self._left.add(key)

        def again() -> None:
            with self._lock:
                self._left.discard(key)
                if key not in self._running and key not in self._waiting:
                    job = store.jobs_of(key.kind).get(key.name)
                    if not job.life.over:
                        self._resume(job)

        self._alarm.set(time.time() + RETRY, again)

    def _fits(self, demand: Demand) -> Grant | None:
        return grant(demand, self.machine, self._held(), self._most)

    def _lacks_only_gpus(self, demand: Demand) -> bool:
        return lacks_only_gpus(demand, self.machine, self._held(), self._most)

    def _held(self) -> list[Grant]:
        return [r.grant for r in self._running.values() if r.grant is not None]

    def _run(
        self,
        key: Key,
        store: Store,
        got: Grant | None,
        choice: Choice | None,
        how: Callable[[Supervisor], object],
    ) -> None:
        try:
            running = _Running(self._make(store, key.kind, key.name, choice), got)
        except Exception as error:  # noqa: BLE001 - the store, say: it may pass
            _log.warning("%s in %s cannot be supervised: %s", key.name, key.region, error)
            self._resume_later(key, store)
            return
        running.thread = threading.Thread(
            target=self._supervise,
            args=(key, store, running, how),
            name=f"job-{key.name}",
            daemon=True,
        )
        self._running[key] = running
        running.thread.start()

    def _supervise(
        self, key: Key, store: Store, running: _Running, how: Callable[[Supervisor], object]
    ) -> None:
        left = False
        try:
            how(running.supervisor)
        except Exception:  # noqa: BLE001 - its state cannot be stored: that may pass
            _log.exception("%s in %s was left", key.name, key.region)
            left = True
        finally:
            with self._lock:
                if left:
                    self._resume_later(key, store)
                # One that ended may have been deleted, and its name taken, by now.
                if self._running.get(key) is running:
                    del self._running[key]
                self._tidying += 1
                self._admit()
            try:
                self.warm.make(store, key.kind, key.name)
            finally:
                with self._lock:
                    self._tidying -= 1
            self._store.database.close()


def _key(job: Job) -> Key:
    return Key(job.region, job.kind, job.name)
