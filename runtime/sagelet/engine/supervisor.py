"""One job from its first state to its last: event -> advance -> effect -> event.

A supervisor holds the job's lock, so it is the only one. It is a plain blocking loop in a thread
or process of its own; backends report to it through a queue.
"""

import queue
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sagelet.domain import failure
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.lifecycle import Effect, Event, Life, Secondary, advance
from sagelet.engine import outputs, staging
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
from sagelet.store.home import remove_tree

#: Between looks at the store for a stop request, in seconds.
TICK = 0.1

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
        self._job = store.training_jobs.get(name)
        self._plan = staging.plan_job(self._job, store.home)
        self._collector = Collector(self._job, store)
        self._events: queue.SimpleQueue[HostEvent] = queue.SimpleQueue()
        self._waiting = {host.name for host in self._plan.hosts}
        self._failed: HostExited | HostLost | None = None
        self._backend: ExecutionBackend | None = None
        self._keep_outputs = False
        self._impatient = False

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
        self._backend_of_job().adopt(self._plan, self._take)
        return self._drive((Effect.STOP_HOSTS,) if state is Secondary.STOPPING else ())

    def hurry(self) -> None:
        """Do not wait for the grace: kill the hosts. For a second Ctrl-C."""
        self._impatient = True
        if self._backend is not None:
            self._backend.stop(self._plan, grace=0)

    def _drive(self, effects: tuple[Effect, ...], report: Report | None = None) -> Life:
        life = self._job.life
        while not life.over:
            try:
                if report is None:
                    report = self._perform(effects[0]) if effects else self._wait(life)
            except Exception as error:  # noqa: BLE001 - a bug here must not leave a job that never ends
                self._listener.note("".join(traceback.format_exception(error)))
                report = (
                    Event.FAULTED,
                    f"InternalServerError: {type(error).__name__}: {error}"[: failure.LIMIT],
                )
            if report is None:
                effects = ()
                continue
            event, reason = report
            now = self._clock()
            life, effects = advance(life, event, now, reason)
            if Effect.CLEAN in effects:
                self._keep_outputs = event is Event.FAULTED and self._holds_outputs()
                life = self._clean(life)
            self._store.training_jobs.save_life(self._job.name, life, now)
            self._job = self._store.training_jobs.get(self._job.name)
            report = None
        return life

    def _perform(self, effect: Effect) -> Report | None:
        """Do it; the event it leads to, or None when that comes later."""
        try:
            match effect:
                case Effect.PREPARE:
                    self._prepare()
                    return (
                        (Event.STOP_REQUESTED, None)
                        if self._told_to_stop()
                        else (Event.PREPARED, None)
                    )
                case Effect.STAGE:
                    staging.stage(self._job, self._plan, self._store.home, self._step())
                    return (
                        (Event.STOP_REQUESTED, None)
                        if self._told_to_stop()
                        else (Event.STAGED, None)
                    )
                case Effect.LAUNCH:
                    self._backend_of_job().launch(self._plan, self._take)
                    return None
                case Effect.STOP_HOSTS:
                    grace = 0.0 if self._impatient else self._plan.grace
                    self._backend_of_job().stop(self._plan, grace=grace)
                    return None
                case Effect.STORE:
                    self._store_outputs()
                    return Event.STORED, None
                case Effect.ABANDON:
                    return Event.ABANDONED, None
        except Cancelled:
            return Event.STOP_REQUESTED, None
        except HostFault as fault:
            return Event.FAULTED, str(fault)[: failure.LIMIT]
        except DomainError as error:
            return Event.FAULTED, f"ClientError: {error}"[: failure.LIMIT]
        raise AssertionError(effect)

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

    def _wait(self, life: Life) -> Report | None:
        """The next event of a job whose hosts run; None after a while without one."""
        training = life.secondary is Secondary.TRAINING
        if training and self._told_to_stop():
            return Event.STOP_REQUESTED, None
        deadline = (life.started() or self._clock()) + self._job.max_runtime
        left = deadline - self._clock()
        if training and left <= 0:
            return Event.TIME_EXCEEDED, None
        try:
            event = self._events.get(timeout=min(TICK, left) if training else TICK)
        except queue.Empty:
            self._collector.flush()
            return None
        if isinstance(event, HostStarted):
            for note in event.notes:
                self._listener.note(f"{event.host}: {note}")
        elif isinstance(event, HostExited | HostLost):
            self._collector.finish(event.host)
            self._waiting.discard(event.host)
            failed = isinstance(event, HostLost) or event.code != 0
            if failed and self._failed is None:
                self._failed = event
                if self._waiting and training:
                    # One fate: a host that fails ends the others.
                    self._backend_of_job().stop(self._plan, grace=self._plan.grace)
            if not self._waiting:
                return self._verdict()
        return None

    def _verdict(self) -> Report:
        """All hosts ended: how, and why."""
        try:
            self._backend_of_job().reclaim(self._plan)
        except HostFault as fault:
            return Event.FAULTED, str(fault)
        many = len(self._plan.hosts) > 1
        if isinstance(self._failed, HostLost):
            return Event.HOSTS_FAILED, (
                f"InternalServerError: {self._failed.host} is gone: {self._failed.reason}"
            )
        exits = (
            [self._failed]
            if self._failed
            else [HostExited(host.name, 0) for host in self._plan.hosts]
        )
        for exited in exits:
            reason = failure.host_failure(
                self._failure_file(exited.host),
                exited.code,
                oom=exited.oom,
                error=exited.error,
                host=exited.host if many else None,
            )
            if reason:
                return Event.HOSTS_FAILED, reason
        return Event.HOSTS_SUCCEEDED, None

    def _failure_file(self, host: str) -> str | None:
        path = self._store.home.host(self._job.name, host) / "ml" / "output" / "failure"
        try:
            with path.open("rb") as file:
                return file.read(4 * failure.LIMIT).decode("utf-8", "replace")
        except OSError:
            return None

    def _store_outputs(self) -> None:
        if self._job.artifacts:  # stored before, by a supervisor that died then
            return
        artifacts = outputs.store_outputs(
            self._job, self._plan, self._store, self._clock(), self._step(stoppable=False)
        )
        self._store.training_jobs.save_artifacts(self._job.name, artifacts)

    def _holds_outputs(self) -> bool:
        return self._job.life.secondary in (Secondary.UPLOADING, Secondary.TRAINING)

    def _clean(self, life: Life) -> Life:
        """Leave the log and the configuration; remove hosts, mounts, scratch, code."""
        try:
            backend = self._backend_of_job()
            backend.remove(self._plan)
            backend.reclaim(self._plan)
        except (HostFault, DomainError) as error:
            self._listener.note(f"cleaning up: {error}")
        folder = self._store.home.job(self._job.name)
        doomed = [folder / "code", folder / "files"]
        for host in self._plan.hosts:
            place = Path(host.folder)
            doomed += [place / "scratch", place / "venv", place / "ml" / "input" / "data"]
            doomed += [place / "opt", place / "hosts"]
            if not self._keep_outputs:
                doomed += [place / "ml" / n for n in ("model", "output", "checkpoints")]
        for path in doomed:
            try:
                remove_tree(path)
            except OSError as error:
                self._listener.note(f"cleaning up: {error}")
        return life

    def _take(self, event: HostEvent) -> None:
        """The backend's door, called from its threads."""
        if isinstance(event, Output):
            self._collector.take(event)
        else:
            self._events.put(event)

    def _backend_of_job(self) -> ExecutionBackend:
        if self._backend is None:
            self._backend = self._backends.get(self._job.backend or "process")
        return self._backend

    def _told_to_stop(self) -> bool:
        return self._store.training_jobs.stop_requested(self._job.name)

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
