"""One job from its first state to its last: event -> advance -> effect -> event.

A supervisor is a plain blocking loop in a thread of its own; backends report to it through a
queue, and whoever wants the job stopped sets a flag. It may end at any moment, with its process:
``adopt`` goes on from what the store and the backend show.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from sagelet.domain import failure
from sagelet.domain.errors import DomainError, HostFault, Unavailable
from sagelet.domain.hosts import JobPlan
from sagelet.domain.jobs import Interruption, Job, Kind
from sagelet.domain.lifecycle import (
    HAVE_HOSTS,
    RETRYABLE,
    Effect,
    Event,
    Life,
    Secondary,
    advance,
    again,
)
from sagelet.engine import remains
from sagelet.engine.bus import Bus
from sagelet.engine.collector import Collector
from sagelet.engine.fate import Fate
from sagelet.engine.kinds import ways_of
from sagelet.engine.launching import launch
from sagelet.engine.meter import Meter
from sagelet.engine.saving import save_life
from sagelet.engine.talkback import TalkBack
from sagelet.engine.telling import Telling
from sagelet.engine.warm import WarmHosts
from sagelet.execution.backend import (
    Cancelled,
    ExecutionBackend,
    HostEvent,
    HostExited,
    HostLost,
    HostStarted,
    Output,
    Sink,
)
from sagelet.execution.registry import Backends, Choice
from sagelet.store import Store
from sagelet.store.object_store import ObjectStore

#: Between looks for a stop request, in seconds.
TICK = 0.1

#: States whose hosts may have written something worth keeping when the platform fails.
_WITH_OUTPUTS = frozenset({Secondary.TRAINING, Secondary.STOPPING, Secondary.UPLOADING})

#: An event, and the reason that comes with it.
Report = tuple[Event, str | None]

#: Hears of every new state of a job.
Observer = Callable[[Job], None]

_log = logging.getLogger("sagelet.engine")


class Supervisor:
    """Drives one job.

    ``choice`` is the backend it was checked for; ``clock`` gives epoch seconds.
    """

    def __init__(
        self,
        store: Store,
        backends: Backends,
        kind: Kind,
        name: str,
        objects: ObjectStore,
        talkback: TalkBack,
        warm: WarmHosts,
        meter: Meter,
        choice: Choice | None = None,
        observers: Sequence[Observer] = (),
        bus: Bus | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._bus = bus or Bus()
        self._jobs = store.jobs_of(kind)
        self._ways = ways_of(kind)
        self._backends = backends
        self._objects = objects
        self._talkback = talkback
        self._warm = warm
        self._meter = meter
        self._choice = choice
        self._observers = observers
        self._clock = clock
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._decided = threading.Event()
        self._interrupted = threading.Event()
        self._read(name)

    def _read(self, name: str) -> None:
        """Begin (again) with what the store knows."""
        self._job: Job = self._jobs.get(name)
        self._plan: JobPlan = self._ways.plan(self._job, self._store)
        self._collector = Collector(self._job, self._store, self._bus)
        self._events: queue.SimpleQueue[HostEvent | None] = queue.SimpleQueue()
        self._fate = Fate(self._plan)
        self._backend: ExecutionBackend | None = None
        self._deaf = False
        self._taken: Interruption | None = self._job.interruption
        folder = self._store.home.job(self._job.key)
        self._synced = self._ways.keeping(self._job, self._plan, folder, self._objects)
        if self._job.stop_requested is not None:
            self._stop.set()

    def stop(self) -> None:
        """Ask for a stop. Safe in a signal handler."""
        self._stop.set()
        self._events.put(None)  # it waits no longer for a host's word

    def hurry(self) -> None:
        """Do not wait for the grace: kill the hosts. Safe in a signal handler."""
        self._hurry.set()
        self.stop()

    def interrupt(self, interruption: Interruption) -> None:
        """Take the job's capacity away; that this is to be is stored already."""
        self._interrupted.clear()
        self._taken = interruption
        self._events.put(None)

    def await_interruption(self, seconds: float) -> bool:
        """Wait until the job is seen to be interrupted, or to end; whether that came to pass."""
        return self._interrupted.wait(seconds)

    def await_ending(self, seconds: float) -> bool:
        """Wait until how the job ends is decided and stored; whether that came to pass."""
        return self._decided.wait(seconds)

    def hosts(self) -> dict[str, str]:
        """Each host's state in one word, see ``Fate``. Safe in any thread."""
        return self._fate.states()

    def run(self) -> Life:
        """Supervise a job that was just admitted, to its end."""
        if self._job.life.secondary is Secondary.PENDING:
            return self._drive((), (Event.ADMITTED, None))
        return self._drive((Effect.PREPARE,))

    def give_up(self, event: Event, reason: str | None = None) -> Life:
        """End a job that waits."""
        return self._drive((), (event, reason))

    def adopt(self) -> Life:
        """Supervise a job whose supervisor died, to its end. What it was at is done again."""
        life, launched = self._job.life, self._job.launched is not None
        if launched and life.secondary in HAVE_HOSTS:
            for host in self._plan.hosts:
                self._collector.restart(host.name)
                self._fate.begin(host.name)
            self._bus.tell("hosts", self._job.region, self._job.key)
            self._find_hosts()
            self._meter.watch(self._job, self._plan, self._backend_of_job())
            self._synced.start(self._note)
        return self._drive(again(life.secondary, launched=launched))

    def _find_hosts(self) -> None:
        """Watch the hosts that an earlier process started, as soon as their engine answers."""
        message = self._job.life.steps[-1].message
        pause = 0.5
        while True:
            try:
                self._talkback.reopen(self._backend_of_job().address())
                self._backend_of_job().adopt(self._plan, self._door())
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
                life = self._job.life
                continue
            life, effects = self._step_on(*report)
            report = None
        return life

    def _step_on(self, event: Event, reason: str | None) -> tuple[Life, tuple[Effect, ...]]:
        """The next state, stored."""
        life = self._job.life
        if self._may_retry(life, event, reason):
            self._note(f"attempt {self._job.attempt} failed: {reason}")
            event, reason = Event.RETRIED, None
        messages = self._job.kind.messages
        keep = event is Event.FAULTED and life.secondary in _WITH_OUTPUTS
        if keep:
            place = self._store.home.job(self._job.key)
            reason = f"{reason} What the job wrote is kept in {place}/*/ml."[: failure.LIMIT]
        life, effects = advance(
            life.say(messages[life.secondary]), event, self._clock(), reason, messages
        )
        if Effect.CLEAN in effects:
            # Before the last state is stored: who dies in between is followed by another.
            self._clean(keep_outputs=keep)
        self._save(life)
        return life, effects

    def _may_retry(self, life: Life, event: Event, reason: str | None) -> bool:
        """Whether RetryStrategy has an attempt left for this: only for our own failures."""
        return (
            event in (Event.FAULTED, Event.HOSTS_FAILED)
            and life.secondary in RETRYABLE
            and (reason or "").startswith("InternalServerError")
            and life.count(Secondary.RESTARTING) < self._job.attempts - 1
            and not self._stop.is_set()
        )

    def _next(self, effects: tuple[Effect, ...], life: Life) -> Report | None:
        """Perform the effects, or wait: the event that follows, or None when none came yet."""
        try:
            if not effects:
                return self._wait(life)
            report = None
            for effect in effects:
                report = self._perform(effect)
                if report is not None and report[0] in (
                    Event.STOP_REQUESTED,
                    Event.WAIT_EXCEEDED,
                ):
                    return report
        except Cancelled:
            return self._interruption() or (Event.STOP_REQUESTED, None)
        except HostFault as fault:
            return Event.FAULTED, str(fault)
        except DomainError as error:
            return Event.FAULTED, f"ClientError: {error}"
        except Exception as error:  # noqa: BLE001 - a bug here must not leave a job without end
            _log.exception("%s", self._job.name)
            return Event.FAULTED, f"InternalServerError: {type(error).__name__}: {error}"
        return report

    def _perform(self, effect: Effect) -> Report | None:
        match effect:
            case Effect.PREPARE:
                self._prepare()
                return self._interruption() or (Event.PREPARED, None)
            case Effect.STAGE:
                self._plan = self._warm.take(self._job, self._plan, self._backend_of_job())
                self._ways.stage(self._job, self._plan, self._store, self._objects, self._step())
                return self._interruption() or (Event.STAGED, None)
            case Effect.LAUNCH:
                self._launch()
            case Effect.STOP_HOSTS:
                if self._job.launched is None:
                    return Event.ABANDONED, None  # there are none: not yet, or not any more
                self._stop_hosts()
            case Effect.STORE:
                self._store_outputs()
                return Event.STORED, None
            case Effect.ABANDON:
                return Event.ABANDONED, None
            case Effect.RESET:
                self._reset()
                return Event.RESET, None
            case Effect.AWAIT_CAPACITY:
                return self._await_capacity()
            case Effect.CLEAN:
                raise AssertionError("cleaning is done before the state is stored")
        return None

    def _prepare(self) -> None:
        if self._choice is None:
            wanted = "docker" if self._job.confined else self._job.options.backend
            self._choice = self._backends.choose(self._plan, wanted)
        choice = self._choice
        self._note(f"backend: {choice.backend.name} ({choice.reason})")
        backend = choice.backend
        try:
            backend.prepare(self._plan, self._step())
        except DomainError as error:
            if choice.otherwise is None or self._job.confined:
                raise
            backend = self._backends.get(choice.otherwise)
            self._note(f"backend: {backend.name} instead ({error})")
            backend.check(self._plan)
            backend.prepare(self._plan, self._step())
        self._jobs.save_backend(self._job.name, backend.name)
        self._backend = backend

    def _launch(self) -> None:
        self._plan = launch(
            self._job,
            self._plan,
            self._backend_of_job(),
            self._warm,
            self._talkback,
            self._door(),
            self._note,
        )
        self._meter.watch(self._job, self._plan, self._backend_of_job())
        self._synced.start(self._note)
        self._jobs.save_launch(self._job.name, self._clock())

    def _reset(self) -> None:
        """Remove what an attempt left; only its checkpoints are for the next one."""
        if self._job.backend is not None:
            self._backend_of_job().remove(self._plan)
            self._backend_of_job().reclaim(self._plan)
        self._collector.give_up()
        with suppress(HostFault):
            self._synced.finish()
        name = self._job.name
        remains.set_aside(self._store.home.job(self._job.key), self._plan, self._job.attempt)
        for host in self._plan.hosts:
            self._collector.restart(host.name)
        self._store.spares.forget(self._store.home.job(self._job.key))
        self._jobs.save_launch(name, None)
        self._jobs.save_attempt(name, self._job.life.attempt)
        if self._job.life.secondary is not Secondary.INTERRUPTED:
            self._jobs.save_interruption(name, None)  # these hosts are gone
        self._choice = None
        self._read(name)

    def _await_capacity(self) -> Report:
        back = self._taken.back if self._taken else 0.0
        if back > self._clock():
            self._tell("Waiting for managed spot training capacity")
        while (left := back - self._clock()) > 0 and self._interruption() is None:
            self._stop.wait(min(TICK, left))
        self._taken = None
        self._jobs.save_interruption(self._job.name, None)
        return self._interruption() or (Event.RESUMED, None)

    def _stop_hosts(self) -> None:
        plan, taken = self._plan, self._taken
        grace = 0.0 if self._hurry.is_set() else plan.grace
        if self._job.life.secondary is Secondary.INTERRUPTED and taken:
            # The others go when it has gone.
            alone = tuple(host for host in plan.hosts if host.name == taken.host)
            plan = replace(plan, hosts=alone) if taken.host in self._fate.waiting else plan
        self._backend_of_job().stop(plan, grace=grace)

    def _wait(self, life: Life) -> Report | None:
        """The next event of a job whose hosts run; None after a while without one."""
        training = life.secondary is Secondary.TRAINING
        interrupted = life.secondary is Secondary.INTERRUPTED
        left = TICK
        if self._hurry.is_set() and not self._deaf:
            self._deaf = True
            self._stop_hosts()
        if interrupted or (training and not self._fate.failed):  # else the ending is decided
            interruption = self._interruption()
            if interruption:
                return interruption
            left = self._job.max_runtime - life.ran(self._clock())
            if left <= 0:
                return Event.TIME_EXCEEDED, None
            if training and self._taken is not None:
                return Event.INTERRUPTED, None
        try:
            event = self._events.get(timeout=min(TICK, left))
        except queue.Empty:
            self._collect(self._collector.flush)
            return None
        if event is None:
            return None
        if isinstance(event, HostStarted):
            self._fate.begin(event.host)
            self._bus.tell("hosts", self._job.region, self._job.key)
            for note in event.notes:
                self._note(f"{event.host}: {note}")
        elif isinstance(event, HostExited | HostLost):
            return self._host_ended(event, training=training, interrupted=interrupted)
        return None

    def _host_ended(
        self, event: HostExited | HostLost, *, training: bool, interrupted: bool
    ) -> Report | None:
        self._collect(lambda: self._collector.finish(event.host))
        failed_before = self._fate.failed
        self._fate.hear(event)
        self._bus.tell("hosts", self._job.region, self._job.key)
        first_failure = self._fate.failed and not failed_before
        if self._fate.waiting and (interrupted or (training and first_failure)):
            self._stop_hosts()  # one fate: a host that fails ends the others
        return None if self._fate.waiting else self._verdict()

    def _verdict(self) -> Report:
        """All hosts ended: how, and why."""
        self._backend_of_job().reclaim(self._plan)
        reason = self._fate.reason()
        return (Event.HOSTS_FAILED if reason else Event.HOSTS_SUCCEEDED), reason

    def _store_outputs(self) -> None:
        if not self._job.artifacts:  # else stored before, by a supervisor that died then
            artifacts = self._ways.store_outputs(
                self._job,
                self._plan,
                self._store,
                self._objects,
                self._clock(),
                self._step(stoppable=False),
            )
            self._jobs.save_artifacts(self._job.name, artifacts, self._clock())
        self._synced.finish()

    def _clean(self, *, keep_outputs: bool) -> None:
        """Leave the log and the configuration; remove hosts, mounts, scratch, code."""
        try:
            backend = self._backend_of_job()
            backend.remove(self._plan)
            backend.reclaim(self._plan)
            self._synced.finish()
        except (HostFault, DomainError) as error:
            self._note(f"cleaning up: {error}")
        folder = self._store.home.job(self._job.key)
        self._store.home.use_reserve(self._job.key)
        remains.clean(folder, self._plan, self._note, keep_outputs=keep_outputs)

    def _save(self, life: Life) -> None:
        """Store a new state, and say so."""
        self._job = save_life(self._store, self._job, life, self._clock)
        if life.ending is not None or life.over:
            self._decided.set()
        if life.secondary is not Secondary.TRAINING:
            self._interrupted.set()
        for observer in (self._meter.hear, *self._observers):
            observer(self._job)
        self._bus.tell("job", self._job.region, self._job.key)

    def _door(self) -> Sink:
        """What the backend's threads report to; those of an attempt given up are not heard."""
        events, collector = self._events, self._collector

        def take(event: HostEvent) -> None:
            if isinstance(event, Output):
                self._collect(lambda: collector.take(event))
                return
            events.put(event)
            self._store.database.close()  # the thread's own connection; it ends soon

        return take

    def _collect(self, step: Callable[[], None]) -> None:
        """Times and metrics are worth less than the job: what hinders them does not end it."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is
            _log.warning("%s: times or metrics are not stored: %s", self._job.name, error)

    def _backend_of_job(self) -> ExecutionBackend:
        if self._backend is None:
            self._backend = self._backends.get(self._job.backend or "process")
        return self._backend

    def _interruption(self) -> Report | None:
        """What ends the job early, if anything does at this moment."""
        if self._stop.is_set():
            return Event.STOP_REQUESTED, None
        limit = self._job.max_wait
        if limit is not None and self._clock() > self._job.created + limit:
            return Event.WAIT_EXCEEDED, None
        return None

    def _note(self, text: str) -> None:
        """Something the user should know."""
        self._jobs.note(self._job.name, text)

    def _step(self, *, stoppable: bool = True) -> Telling:
        return Telling(self._tell, self._interruption if stoppable else lambda: None)
