"""One job from its first state to its last: event -> advance -> effect -> event.

A supervisor holds the job's lock, so it is the only one. It is a plain blocking loop in a thread
or process of its own; backends report to it through a queue, and whoever wants the job stopped
tells it through the store or a flag.
"""

import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from sagelet.domain import failure
from sagelet.domain.errors import DomainError, HostFault, Unavailable
from sagelet.domain.hosts import JobPlan
from sagelet.domain.lifecycle import Effect, Event, Life, Secondary, advance
from sagelet.domain.training import TrainingJob
from sagelet.engine import outputs, remains, staging
from sagelet.engine.collector import Collector
from sagelet.execution.backend import (
    Cancelled,
    ExecutionBackend,
    HostEvent,
    HostExited,
    HostLost,
    HostStarted,
    Output,
)
from sagelet.execution.registry import Backends
from sagelet.store import Store

#: Between looks at the store for a stop request, in seconds.
TICK = 0.1

#: How long a new state may wait for a full disk or a locked database, in seconds.
SAVE_PATIENCE = 60.0

#: States whose hosts may have written something worth keeping when the platform fails.
_WITH_OUTPUTS = frozenset({Secondary.TRAINING, Secondary.STOPPING, Secondary.UPLOADING})

Report = tuple[Event, str | None]


class Listener(Protocol):
    """Who wants to hear how a job goes, beyond what the store shows."""

    def progress(self, text: str) -> None:
        """A long step is at this point."""

    def note(self, text: str) -> None:
        """Something the user should know."""


class Supervisor:
    """Drives one job. ``clock`` gives epoch seconds."""

    def __init__(
        self,
        store: Store,
        backends: Backends,
        name: str,
        listener: Listener,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._backends = backends
        self._listener = listener
        self._clock = clock
        self._job: TrainingJob = store.training_jobs.get(name)
        self._plan: JobPlan = staging.plan_job(self._job, store.home)
        self._collector = Collector(self._job, store)
        self._events: queue.SimpleQueue[HostEvent] = queue.SimpleQueue()
        self._waiting = {host.name for host in self._plan.hosts}
        self._failed: HostExited | HostLost | None = None
        self._backend: ExecutionBackend | None = None
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._deaf = False

    def stop(self) -> None:
        """Ask for a stop. Safe in a signal handler."""
        self._stop.set()

    def hurry(self) -> None:
        """Do not wait for the grace: kill the hosts. Safe in a signal handler."""
        self._stop.set()
        self._hurry.set()

    def run(self) -> Life:
        """Supervise a new job to its end."""
        return self._drive((Effect.PREPARE,))

    def adopt(self) -> Life:
        """Supervise a job whose supervisor died, to its end."""
        state = self._job.life.secondary
        if state in (Secondary.STARTING, Secondary.DOWNLOADING):
            return self._drive(
                (),
                (
                    Event.FAULTED,
                    "InternalServerError: sagelet was ended before the job's hosts were started.",
                ),
            )
        if state is Secondary.UPLOADING:
            return self._drive((Effect.STORE,))
        for host in self._plan.hosts:
            self._collector.restart(host.name)
        self._find_hosts()
        return self._drive((Effect.STOP_HOSTS,) if state is Secondary.STOPPING else ())

    def _find_hosts(self) -> None:
        """Watch the hosts that an earlier process started, as soon as their engine answers."""
        message = self._job.life.steps[-1].message
        pause = 0.5
        while True:
            try:
                self._backend_of_job().adopt(self._plan, self._take)
                break
            except (Unavailable, HostFault) as error:
                self._tell(f"Waiting for the hosts' engine: {error}")
            time.sleep(pause)
            pause = min(pause * 2, 10.0)
        self._tell(message)

    def _tell(self, message: str) -> None:
        """Change the StatusMessage of the current state."""
        life = self._job.life
        if life.steps[-1].message != message:
            self._save(life.say(message))

    def _drive(self, effects: tuple[Effect, ...], report: Report | None = None) -> Life:
        life = self._job.life
        while not life.over:
            if report is None:
                report = self._next(effects, life)
            effects = ()
            if report is None:
                continue
            event, reason = report
            keep = event is Event.FAULTED and life.secondary in _WITH_OUTPUTS
            if keep:
                place = self._store.home.job(self._job.name)
                reason = f"{reason} What the job wrote is kept in {place}/*/ml."[: failure.LIMIT]
            life, effects = advance(life, event, self._clock(), reason)
            if Effect.CLEAN in effects:
                # Before the last state is stored: who dies in between is followed by another.
                self._clean(keep_outputs=keep)
            self._save(life)
            report = None
        return life

    def _next(self, effects: tuple[Effect, ...], life: Life) -> Report | None:
        """Perform the effect, or wait: the event that follows, or None when none came yet."""
        try:
            return self._perform(effects[0]) if effects else self._wait(life)
        except Cancelled:
            return Event.STOP_REQUESTED, None
        except HostFault as fault:
            return Event.FAULTED, str(fault)
        except DomainError as error:
            return Event.FAULTED, f"ClientError: {error}"
        except Exception as error:  # noqa: BLE001 - a bug here must not leave a job without end
            self._listener.note("".join(traceback.format_exception(error)))
            return Event.FAULTED, f"InternalServerError: {type(error).__name__}: {error}"

    def _perform(self, effect: Effect) -> Report | None:
        match effect:
            case Effect.PREPARE:
                self._prepare()
                return (Event.STOP_REQUESTED if self._told_to_stop() else Event.PREPARED), None
            case Effect.STAGE:
                staging.stage(
                    self._job, self._plan, self._store.home, self._store.objects, self._step()
                )
                return (Event.STOP_REQUESTED if self._told_to_stop() else Event.STAGED), None
            case Effect.LAUNCH:
                self._backend_of_job().launch(self._plan, self._take)
            case Effect.STOP_HOSTS:
                self._stop_hosts()
            case Effect.STORE:
                self._store_outputs()
                return Event.STORED, None
            case Effect.ABANDON:
                return Event.ABANDONED, None
            case Effect.CLEAN:
                raise AssertionError("cleaning is done before the state is stored")
        return None

    def _prepare(self) -> None:
        choice = self._backends.choose(self._plan, self._job.options.backend, self._step())
        self._listener.note(f"backend: {choice.backend.name} ({choice.reason})")
        backend = choice.backend
        try:
            backend.prepare(self._plan, self._step())
        except DomainError as error:
            if choice.otherwise is None:
                raise
            backend = self._backends.get(choice.otherwise)
            self._listener.note(f"backend: {backend.name} instead ({error})")
            backend.check(self._plan, self._step())
            backend.prepare(self._plan, self._step())
        self._store.training_jobs.save_backend(self._job.name, backend.name)
        self._backend = backend

    def _stop_hosts(self) -> None:
        grace = 0.0 if self._hurry.is_set() else self._plan.grace
        self._backend_of_job().stop(self._plan, grace=grace)

    def _wait(self, life: Life) -> Report | None:
        """The next event of a job whose hosts run; None after a while without one."""
        training = life.secondary is Secondary.TRAINING
        left = TICK
        if self._hurry.is_set() and not self._deaf:
            self._deaf = True
            self._stop_hosts()
        if training and self._failed is None:  # a failed host has decided the ending
            if self._told_to_stop():
                return Event.STOP_REQUESTED, None
            began = life.started() or self._clock()
            left = began + self._job.max_runtime - self._clock()
            if left <= 0:
                return Event.TIME_EXCEEDED, None
        try:
            event = self._events.get(timeout=min(TICK, left))
        except queue.Empty:
            self._collector.flush()
            return None
        if isinstance(event, HostStarted):
            for note in event.notes:
                self._listener.note(f"{event.host}: {note}")
        elif isinstance(event, HostExited | HostLost):
            return self._host_ended(event, training=training)
        return None

    def _host_ended(self, event: HostExited | HostLost, *, training: bool) -> Report | None:
        self._collector.finish(event.host)
        self._waiting.discard(event.host)
        failed = isinstance(event, HostLost) or event.code != 0
        if failed and self._failed is None:
            self._failed = event
            if self._waiting and training:
                # One fate: a host that fails ends the others.
                self._stop_hosts()
        return None if self._waiting else self._verdict()

    def _verdict(self) -> Report:
        """All hosts ended: how, and why."""
        self._backend_of_job().reclaim(self._plan)
        if isinstance(self._failed, HostLost):
            return Event.HOSTS_FAILED, (
                f"InternalServerError: {self._failed.host} is gone: {self._failed.reason}"
            )[: failure.LIMIT]
        many = len(self._plan.hosts) > 1
        for host in self._plan.hosts:
            exited = HostExited(host.name, 0)
            if self._failed is not None:
                if self._failed.host != host.name:
                    continue
                exited = self._failed
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

    def _store_outputs(self) -> None:
        if self._job.artifacts:  # stored before, by a supervisor that died then
            return
        artifacts = outputs.store_outputs(
            self._job,
            self._plan,
            self._store,
            self._store.objects,
            self._clock(),
            self._step(stoppable=False),
        )
        self._store.training_jobs.save_artifacts(self._job.name, artifacts)

    def _clean(self, *, keep_outputs: bool) -> None:
        """Leave the log and the configuration; remove hosts, mounts, scratch, code."""
        try:
            backend = self._backend_of_job()
            backend.remove(self._plan)
            backend.reclaim(self._plan)
        except (HostFault, DomainError) as error:
            self._listener.note(f"cleaning up: {error}")
        folder = self._store.home.job(self._job.name)
        self._store.home.use_reserve(self._job.name)
        remains.clean(folder, self._plan, self._listener.note, keep_outputs=keep_outputs)

    def _save(self, life: Life) -> None:
        """Store a new state; what hinders it (a full disk, say) may pass."""
        deadline = time.monotonic() + SAVE_PATIENCE
        while True:
            try:
                self._store.training_jobs.save_life(self._job.name, life, self._clock())
                self._job = self._store.training_jobs.get(self._job.name)
            except Exception as error:
                if time.monotonic() > deadline:
                    raise
                self._store.home.use_reserve(self._job.name)
                self._listener.progress(f"the state of {self._job.name} cannot be stored: {error}")
                time.sleep(0.5)
            else:
                return

    def _take(self, event: HostEvent) -> None:
        """The backend's door, called from its threads: nothing may break them."""
        if not isinstance(event, Output):
            self._events.put(event)
            return
        try:
            self._collector.take(event)
        except Exception as error:  # noqa: BLE001 - times and metrics are worth less than the job
            self._listener.progress(f"{event.host}: times and metrics are not stored: {error}")

    def _backend_of_job(self) -> ExecutionBackend:
        if self._backend is None:
            self._backend = self._backends.get(self._job.backend or "process")
        return self._backend

    def _told_to_stop(self) -> bool:
        return self._stop.is_set() or self._store.training_jobs.stop_requested(self._job.name)

    def _step(self, *, stoppable: bool = True) -> "_Step":
        return _Step(self._listener, self._told_to_stop if stoppable else lambda: False)


class _Step:
    """The Progress of a long step: passes texts on, looks now and then for a stop request."""

    def __init__(self, listener: Listener, told_to_stop: Callable[[], bool]) -> None:
        self._listener = listener
        self._told_to_stop = told_to_stop
        self._looked = 0.0
        self._stop = False

    def __call__(self, text: str) -> None:
        self._listener.progress(text)

    def cancelled(self) -> bool:
        if not self._stop and time.monotonic() - self._looked > TICK:
            self._looked = time.monotonic()
            self._stop = self._told_to_stop()
        return self._stop
