"""The life of a job as one table: state x event -> state and effects.

No I/O and no clock: ``advance`` takes ``now`` and returns values. What an effect does belongs to
the engine; which texts SageMaker shows for a state belongs here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Secondary(StrEnum):
    """The SecondaryStatus values this machine can produce (names of the service model's enum)."""

    PENDING = "Pending"
    STARTING = "Starting"
    DOWNLOADING = "Downloading"
    TRAINING = "Training"
    UPLOADING = "Uploading"
    STOPPING = "Stopping"
    RESTARTING = "Restarting"
    INTERRUPTED = "Interrupted"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    MAX_RUNTIME_EXCEEDED = "MaxRuntimeExceeded"
    MAX_WAIT_TIME_EXCEEDED = "MaxWaitTimeExceeded"


class Event(StrEnum):
    """What can happen to a job."""

    ADMITTED = "admitted"
    PREPARED = "prepared"
    STAGED = "staged"
    HOSTS_SUCCEEDED = "hosts succeeded"
    HOSTS_FAILED = "hosts failed"
    STOP_REQUESTED = "stop requested"
    TIME_EXCEEDED = "time exceeded"
    WAIT_EXCEEDED = "wait exceeded"
    RETRIED = "retried"
    RESET = "reset"
    INTERRUPTED = "interrupted"
    RESUMED = "capacity is back"
    STORED = "outputs stored"
    ABANDONED = "abandoned"
    FAULTED = "faulted"


class Effect(StrEnum):
    """What the engine must do after a step."""

    PREPARE = "prepare the image or environment"
    STAGE = "stage inputs and code"
    LAUNCH = "launch the hosts"
    STOP_HOSTS = "stop the hosts"
    STORE = "store the outputs"
    ABANDON = "give up before launch"
    RESET = "remove the attempt"
    AWAIT_CAPACITY = "wait for capacity"
    CLEAN = "remove hosts and scratch"


S, E, X = Secondary, Event, Effect

#: Secondary status -> TrainingJobStatus. Total.
PRIMARY: dict[Secondary, str] = {
    S.PENDING: "InProgress",
    S.STARTING: "InProgress",
    S.DOWNLOADING: "InProgress",
    S.TRAINING: "InProgress",
    S.UPLOADING: "InProgress",
    S.RESTARTING: "InProgress",
    S.INTERRUPTED: "InProgress",
    S.STOPPING: "Stopping",
    S.COMPLETED: "Completed",
    S.FAILED: "Failed",
    S.STOPPED: "Stopped",
    S.MAX_RUNTIME_EXCEEDED: "Stopped",
    S.MAX_WAIT_TIME_EXCEEDED: "Stopped",
}

#: The StatusMessage a state enters with; ``Life.say`` may replace it while the state lasts.
MESSAGE: dict[Secondary, str] = {
    S.PENDING: "Waiting for jobs that run now to make room",
    S.STARTING: "Starting the training job",
    S.DOWNLOADING: "Downloading input data",
    S.TRAINING: "Training image download completed. Training in progress.",
    S.UPLOADING: "Uploading generated training model",
    S.STOPPING: "Stopping the training job",
    S.RESTARTING: "Restarting the training job after an internal error",
    S.INTERRUPTED: "Managed spot training instances were interrupted",
    S.COMPLETED: "Training job completed",
    S.FAILED: "Training job failed",
    S.STOPPED: "Training job stopped",
    S.MAX_RUNTIME_EXCEEDED: "Training job runtime exceeded MaxRuntimeInSeconds provided",
    S.MAX_WAIT_TIME_EXCEEDED: "Training job exceeded MaxWaitTimeInSeconds provided",
}

TERMINAL = frozenset(
    {S.COMPLETED, S.FAILED, S.STOPPED, S.MAX_RUNTIME_EXCEEDED, S.MAX_WAIT_TIME_EXCEEDED}
)

#: The ending an event decides; it is reached once the outputs are stored.
ENDING: dict[tuple[Secondary, Event], Secondary] = {
    (S.TRAINING, E.HOSTS_SUCCEEDED): S.COMPLETED,
    (S.TRAINING, E.HOSTS_FAILED): S.FAILED,
    (S.TRAINING, E.STOP_REQUESTED): S.STOPPED,
    (S.TRAINING, E.TIME_EXCEEDED): S.MAX_RUNTIME_EXCEEDED,
    (S.PENDING, E.STOP_REQUESTED): S.STOPPED,
    (S.STARTING, E.STOP_REQUESTED): S.STOPPED,
    (S.DOWNLOADING, E.STOP_REQUESTED): S.STOPPED,
    (S.RESTARTING, E.STOP_REQUESTED): S.STOPPED,
    (S.INTERRUPTED, E.STOP_REQUESTED): S.STOPPED,
    (S.INTERRUPTED, E.TIME_EXCEEDED): S.MAX_RUNTIME_EXCEEDED,
    (S.PENDING, E.WAIT_EXCEEDED): S.MAX_WAIT_TIME_EXCEEDED,
    (S.STARTING, E.WAIT_EXCEEDED): S.MAX_WAIT_TIME_EXCEEDED,
    (S.DOWNLOADING, E.WAIT_EXCEEDED): S.MAX_WAIT_TIME_EXCEEDED,
    (S.TRAINING, E.WAIT_EXCEEDED): S.MAX_WAIT_TIME_EXCEEDED,
    (S.RESTARTING, E.WAIT_EXCEEDED): S.MAX_WAIT_TIME_EXCEEDED,
    (S.INTERRUPTED, E.WAIT_EXCEEDED): S.MAX_WAIT_TIME_EXCEEDED,
}

#: ``None`` as the next state means: the ending decided earlier.
TRANSITIONS: dict[tuple[Secondary, Event], tuple[Secondary | None, tuple[Effect, ...]]] = {
    (S.PENDING, E.ADMITTED): (S.STARTING, (X.PREPARE,)),
    (S.PENDING, E.STOP_REQUESTED): (S.STOPPING, (X.ABANDON,)),
    (S.PENDING, E.WAIT_EXCEEDED): (S.STOPPING, (X.ABANDON,)),
    (S.PENDING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.STARTING, E.PREPARED): (S.DOWNLOADING, (X.STAGE,)),
    (S.STARTING, E.STOP_REQUESTED): (S.STOPPING, (X.ABANDON,)),
    (S.STARTING, E.WAIT_EXCEEDED): (S.STOPPING, (X.ABANDON,)),
    (S.STARTING, E.RETRIED): (S.RESTARTING, (X.RESET,)),
    (S.STARTING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.DOWNLOADING, E.STAGED): (S.TRAINING, (X.LAUNCH,)),
    (S.DOWNLOADING, E.STOP_REQUESTED): (S.STOPPING, (X.ABANDON,)),
    (S.DOWNLOADING, E.WAIT_EXCEEDED): (S.STOPPING, (X.ABANDON,)),
    (S.DOWNLOADING, E.RETRIED): (S.RESTARTING, (X.RESET,)),
    (S.DOWNLOADING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.TRAINING, E.HOSTS_SUCCEEDED): (S.UPLOADING, (X.STORE,)),
    (S.TRAINING, E.HOSTS_FAILED): (S.UPLOADING, (X.STORE,)),
    (S.TRAINING, E.STOP_REQUESTED): (S.STOPPING, (X.STOP_HOSTS,)),
    (S.TRAINING, E.TIME_EXCEEDED): (S.STOPPING, (X.STOP_HOSTS,)),
    (S.TRAINING, E.WAIT_EXCEEDED): (S.STOPPING, (X.STOP_HOSTS,)),
    (S.TRAINING, E.RETRIED): (S.RESTARTING, (X.RESET,)),
    (S.TRAINING, E.INTERRUPTED): (S.INTERRUPTED, (X.STOP_HOSTS,)),
    (S.TRAINING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.STOPPING, E.HOSTS_SUCCEEDED): (S.UPLOADING, (X.STORE,)),
    (S.STOPPING, E.HOSTS_FAILED): (S.UPLOADING, (X.STORE,)),
    (S.STOPPING, E.STOP_REQUESTED): (S.STOPPING, ()),
    (S.STOPPING, E.TIME_EXCEEDED): (S.STOPPING, ()),
    (S.STOPPING, E.WAIT_EXCEEDED): (S.STOPPING, ()),
    (S.STOPPING, E.ABANDONED): (None, (X.CLEAN,)),
    (S.STOPPING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.UPLOADING, E.STOP_REQUESTED): (S.UPLOADING, ()),
    (S.UPLOADING, E.TIME_EXCEEDED): (S.UPLOADING, ()),
    (S.UPLOADING, E.WAIT_EXCEEDED): (S.UPLOADING, ()),
    (S.UPLOADING, E.STORED): (None, (X.CLEAN,)),
    (S.UPLOADING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.RESTARTING, E.RESET): (S.STARTING, (X.PREPARE,)),
    (S.RESTARTING, E.STOP_REQUESTED): (S.STOPPING, (X.ABANDON,)),
    (S.RESTARTING, E.WAIT_EXCEEDED): (S.STOPPING, (X.ABANDON,)),
    (S.RESTARTING, E.FAULTED): (S.FAILED, (X.CLEAN,)),
    (S.INTERRUPTED, E.HOSTS_SUCCEEDED): (S.INTERRUPTED, (X.RESET,)),
    (S.INTERRUPTED, E.HOSTS_FAILED): (S.INTERRUPTED, (X.RESET,)),
    (S.INTERRUPTED, E.RESET): (S.INTERRUPTED, (X.AWAIT_CAPACITY,)),
    (S.INTERRUPTED, E.RESUMED): (S.STARTING, (X.PREPARE,)),
    (S.INTERRUPTED, E.STOP_REQUESTED): (S.STOPPING, (X.STOP_HOSTS,)),
    (S.INTERRUPTED, E.TIME_EXCEEDED): (S.STOPPING, (X.STOP_HOSTS,)),
    (S.INTERRUPTED, E.WAIT_EXCEEDED): (S.STOPPING, (X.STOP_HOSTS,)),
    (S.INTERRUPTED, E.FAULTED): (S.FAILED, (X.CLEAN,)),
}

#: What is done again, by state, for a job that lost its supervisor before its hosts started.
_AGAIN: dict[Secondary, tuple[Effect, ...]] = {
    S.STARTING: (X.RESET, X.PREPARE),
    S.DOWNLOADING: (X.RESET, X.PREPARE, X.STAGE),
    S.TRAINING: (X.RESET, X.PREPARE, X.STAGE, X.LAUNCH),
    S.RESTARTING: (X.RESET,),
    S.INTERRUPTED: (X.RESET,),
    S.STOPPING: (X.ABANDON,),
    S.UPLOADING: (X.STORE,),
}

#: States after which the job is begun once more.
BEGINS_AGAIN = frozenset({S.RESTARTING, S.INTERRUPTED})

#: States in which hosts may run.
HAVE_HOSTS = frozenset({S.TRAINING, S.STOPPING, S.INTERRUPTED})

#: States that are billed, and count as run time.
_BILLED = frozenset({S.DOWNLOADING, S.TRAINING, S.UPLOADING, S.STOPPING})

#: States that a job with attempts left begins again from.
RETRYABLE = frozenset(state for state, event in TRANSITIONS if event is E.RETRIED)


class IllegalTransition(Exception):
    """An event that cannot happen in this state: a bug here, never a user's error."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of SecondaryStatusTransitions; times are epoch seconds."""

    status: Secondary
    start: float
    end: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Life:
    """Where a job is, how it got there and, once decided, how it will end."""

    steps: tuple[Step, ...]
    ending: Secondary | None = None
    failure_reason: str | None = None

    @property
    def secondary(self) -> Secondary:
        """The current SecondaryStatus."""
        return self.steps[-1].status

    @property
    def primary(self) -> str:
        """The TrainingJobStatus; one that stores its outputs on the way to Stopped is Stopping."""
        if self.secondary is S.UPLOADING and self.ending and PRIMARY[self.ending] == "Stopped":
            return "Stopping"
        return PRIMARY[self.secondary]

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.secondary in TERMINAL

    def started(self) -> float | None:
        """TrainingStartTime: when the job got its hosts, before data and image were there."""
        return next((s.start for s in self.steps if s.status is S.DOWNLOADING), None)

    def ended(self) -> float | None:
        """TrainingEndTime, epoch seconds; None while the job lives."""
        return self.steps[-1].start if self.over else None

    def ran(self, now: float) -> float:
        """How long the job has had its hosts by ``now``, over all attempts, in seconds."""
        began = self.started()
        return sum(
            ((now if s.end is None else s.end) - s.start)
            for s in self.steps
            if s.status in _BILLED and began is not None and s.start >= began
        )

    def count(self, *states: Secondary) -> int:
        """How often the job came into one of these states."""
        return sum(s.status in states for s in self.steps)

    @property
    def attempt(self) -> int:
        """Which time it is that the job is begun."""
        return 1 + self.count(*BEGINS_AGAIN)

    def say(self, message: str) -> "Life":
        """The same life with another StatusMessage on the current step."""
        return replace(self, steps=(*self.steps[:-1], replace(self.steps[-1], message=message)))


def begin(
    now: float, *, waiting: bool = False, messages: Mapping[Secondary, str] = MESSAGE
) -> Life:
    """A new life: Starting, or Pending for one that has to wait its turn."""
    first = S.PENDING if waiting else S.STARTING
    return Life((Step(first, now, None, messages[first]),))


def again(here: Secondary, *, launched: bool) -> tuple[Effect, ...]:
    """The effects with which a job that lost its supervisor goes on.

    ``launched``: its hosts were started, so that they are to be found, not made.
    """
    if launched and here in HAVE_HOSTS:
        return () if here is S.TRAINING else (X.STOP_HOSTS,)
    return _AGAIN[here]


def advance(
    life: Life,
    event: Event,
    now: float,
    reason: str | None = None,
    messages: Mapping[Secondary, str] = MESSAGE,
) -> tuple[Life, tuple[Effect, ...]]:
    """The life after ``event`` and the effects it asks for.

    ``reason`` is the FailureReason that comes with HOSTS_FAILED or FAULTED; the first one stays,
    and a job that was told to stop keeps none. ``messages`` are its kind's.

    Raises:
        IllegalTransition: the table has no such row.
    """
    here = life.secondary
    try:
        target, effects = TRANSITIONS[here, event]
    except KeyError:
        raise IllegalTransition(f"{event} in {here}") from None
    ending = life.ending or ENDING.get((here, event))
    target = target or ending
    if target is None:
        raise IllegalTransition(f"{event} in {here} without an ending")
    failure = life.failure_reason
    if target is S.FAILED or ending is S.FAILED:
        failure = failure or reason
    if target is here:
        return replace(life, ending=ending, failure_reason=failure), effects
    now = max(now, life.steps[-1].start)
    steps = (
        *life.steps[:-1],
        replace(life.steps[-1], end=now),
        Step(target, now, now if target in TERMINAL else None, messages[target]),
    )
    return Life(steps, ending, failure), effects
