"""One tuning job from its first training job to its end.

A tuner is a plain loop in a thread of its own: look at the training jobs that run, decide whether
this is the end, stop early those that lead nowhere, launch the next. It keeps nothing that the
store does not hold, so another one goes on where it was killed. At most one of its training jobs
waits for room at a time: jobs that others submit do not stand behind all of them.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from sagelet.domain.early_stopping import worse_than_median
from sagelet.domain.errors import DomainError, ResourceLimitExceeded, ValidationException
from sagelet.domain.failure import LIMIT
from sagelet.domain.jobs import Job
from sagelet.domain.suggestions import Model, suggest
from sagelet.domain.tuning import COMPLETED, FAILED, Definition, TunedJob, TuningJob
from sagelet.domain.tuning_progress import Ending, conclude, ending_of, has_converged
from sagelet.domain.warm_start import Parent, Tried, told_by, tried_of
from sagelet.engine.bayes import next_point
from sagelet.engine.bus import Bus
from sagelet.engine.tuned import find, looked_at, objective_values, waits
from sagelet.store import Store

#: Between looks when nobody says that a training job has changed, in seconds.
TICK = 1.0

Request = Mapping[str, Any]

T = TypeVar("T")


def first_that_fits(take: Callable[[Request], T], requests: Sequence[Request]) -> T:
    """What ``take`` makes of the first request that this machine has enough for.

    Raises:
        DomainError: it has not enough for any, as said of the last; or one is refused otherwise.
    """
    *preferred, last = requests
    for request in preferred:
        with suppress(ResourceLimitExceeded):
            return take(request)
    return take(last)


class TrainingJobs(Protocol):
    """What a tuner wants of the engine."""

    def submit(
        self,
        request: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        *,
        confined: bool = False,
    ) -> Job:
        """Take a CreateTrainingJob request in."""

    def stop(self, name: str, *, patience: float) -> Job:
        """Stop a training job."""


class Tuner:
    """Drives one tuning job. ``clock`` gives epoch seconds."""

    def __init__(
        self,
        store: Store,
        jobs: TrainingJobs,
        name: str,
        model: Model = next_point,
        clock: Callable[[], float] = time.time,
        bus: Bus | None = None,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._model = model
        self._clock = clock
        self._bus = bus or Bus()
        self._wake = threading.Event()
        self._job: TuningJob = store.tuning_jobs.get(name)
        self._tuned = {job.number: job for job in store.tuning_jobs.tuned(name)}
        self._tags = {tag["Key"]: tag["Value"] for tag in self._job.request.get("Tags") or ()}
        self._told = {each.number: self._told_to(each) for each in self._job.definitions}
        self._waiting: set[int] = set()
        #: The values of those that ended.
        self._series: dict[int, list[float]] = {}

    def wake(self) -> None:
        """Something happened: look now."""
        self._wake.set()

    def run(self) -> None:
        """Drive it to its end."""
        while not self.step():
            self._wake.wait(TICK)
            self._wake.clear()

    def step(self) -> bool:
        """Do what is to be done now; whether the tuning job is over."""
        self._job = self._store.tuning_jobs.get(self._job.name)
        if self._job.over:
            return True
        self._look()
        if self._job.ending is None:
            self._judge()
        if self._job.ending is not None:
            return self._end()
        self._stop_early()
        self._launch()
        return False

    def _look(self) -> None:
        """See how those that run are; one that was about to be launched is launched."""
        self._waiting.clear()
        for known in self._live():
            job = find(self._store, known.name)
            if job is None and not known.submitted:
                if self._job.ending is None:
                    self._submit(known)
                else:
                    self._forget(known)
                continue
            if job is not None and waits(job):
                self._waiting.add(known.number)
            seen = looked_at(self._store, self._job, known, job)
            if seen != known:
                self._keep(seen)

    def _live(self) -> list[TunedJob]:
        return [job for job in self._tuned.values() if not job.settled]

    def _keep(self, job: TunedJob) -> None:
        self._store.tuning_jobs.save_tuned(self._job.name, job, self._clock())
        self._tuned[job.number] = job
        self._tell()

    def _forget(self, job: TunedJob) -> None:
        """One that was never launched and will not be."""
        self._store.tuning_jobs.drop_tuned(self._job.name, job.number)
        del self._tuned[job.number]
        self._tell()

    def _tell(self) -> None:
        """Whoever listens: something is new in the store."""
        self._bus.tell("tuning", self._job.region, self._job.name)

    def _judge(self) -> None:
        """Whether this is the end."""
        jobs, now = list(self._tuned.values()), self._clock()
        if self._job.converged is None and has_converged(jobs, self._job.definitions[0].objective):
            self._store.tuning_jobs.save_convergence(self._job.name, now)
        ending = ending_of(self._job, jobs, now)
        if ending is None and self._exhausted() and not self._live():
            ending = Ending(COMPLETED)
        if ending is not None:
            self._decide(ending.status, ending.reason)

    def _decide(self, status: str, reason: str | None) -> None:
        self._store.tuning_jobs.save_ending(self._job.name, status, reason, self._clock())
        self._job = self._store.tuning_jobs.get(self._job.name)
        self._tell()

    def _end(self) -> bool:
        """Stop what runs; when nothing does any more, it is over."""
        live = self._live()
        for known in live:
            job = find(self._store, known.name)
            if job is not None:
                self._stop(job)
        if live:
            return False
        ending = conclude(
            Ending(self._job.ending or FAILED, self._job.failure_reason), list(self._tuned.values())
        )
        self._store.tuning_jobs.save_end(
            self._job.name, ending.status, ending.reason, self._clock()
        )
        self._tell()
        return True

    def _stop(self, job: Job) -> None:
        if job.stop_requested is None:
            with suppress(ValidationException):  # it has ended by now
                self._jobs.stop(job.name, patience=0.0)

    def _stop_early(self) -> None:
        """Stop those that will not be the best."""
        for known in self._live():
            job = find(self._store, known.name)
            band = self._job.hyperband(self._job.definitions[known.definition])
            if job is None or (band is None and not self._job.stops_early):
                continue
            if known.stopped_early:
                self._stop(job)
                continue
            values = objective_values(self._store, self._job, known)
            if len(values) <= known.epochs:
                continue  # all were judged
            others = [
                other
                for other in self._tuned.values()
                if other.definition == known.definition and other.number != known.number
            ]
            if band is None:
                ended = [self._values(other) for other in others if other.settled]
                lost = worse_than_median(
                    values,
                    ended,
                    maximize=self._job.definitions[known.definition].objective.maximize,
                )
            else:
                bracket = band.bracket_of(self._job.seed, known.number)
                lost = band.ends(
                    bracket,
                    values,
                    known.epochs,
                    [
                        self._values(other)
                        for other in others
                        if band.bracket_of(self._job.seed, other.number) == bracket
                    ],
                )
            self._keep(replace(known, epochs=len(values), stopped_early=lost))
            if lost:
                self._stop(job)

    def _values(self, job: TunedJob) -> list[float]:
        found = self._series.get(job.number)
        if found is None:
            found = objective_values(self._store, self._job, job)
            if job.settled:
                self._series[job.number] = found
        return found

    def _launch(self) -> None:
        """Launch training jobs until as many run as may, or one has to wait."""
        while not self._waiting and self._room():
            known = self._next()
            if known is None:
                return
            self._keep(known)
            self._submit(known)
            self._job = self._store.tuning_jobs.get(self._job.name)
            if self._job.ending is not None:  # refused, or somebody stops it
                self.wake()
                return

    def _room(self) -> bool:
        most = self._job.most_jobs
        if most is not None and len(self._tuned) >= most:
            return False
        return len(self._live()) < self._job.parallel

    def _next(self) -> TunedJob | None:
        """The next training job: definitions take turns; None when none has anything to try."""
        number = len(self._tuned) + 1
        definitions = self._job.definitions
        for turn in range(len(definitions)):
            definition = definitions[(number - 1 + turn) % len(definitions)]
            point = self._suggest(definition)
            if point is not None:
                return TunedJob(
                    number, self._job.training_job_name(number), definition.number, point
                )
        return None

    def _exhausted(self) -> bool:
        """Whether a grid has nothing left to try."""
        return self._job.strategy == "Grid" and self._room() and self._next() is None

    def _suggest(self, definition: Definition) -> dict[str, str] | None:
        mine = [job for job in self._tuned.values() if job.definition == definition.number]
        told, first = self._told[definition.number]
        tried = [*told, *(each for job in mine if (each := tried_of(job)) is not None)]
        return suggest(self._job, definition, len(mine), tried, first, self._model)

    def _told_to(self, definition: Definition) -> tuple[list[Tried], list[dict[str, str]]]:
        """What a definition knows from parents."""
        if self._job.warm_start is None:
            return [], []
        kind, names = self._job.warm_start
        parents = []
        for name in names:
            with suppress(DomainError):  # deleted since
                parents.append(
                    Parent(self._store.tuning_jobs.get(name), self._store.tuning_jobs.tuned(name))
                )
        return told_by(kind, parents, definition)

    def _submit(self, known: TunedJob) -> None:
        """Hand a training job to the queue; a refusal ends the tuning job."""
        definition = self._job.definitions[known.definition]
        try:
            job = first_that_fits(
                partial(self._jobs.submit, tags=self._tags, confined=self._job.confined),
                self._job.training_requests(definition, known.name, known.tuned),
            )
        except DomainError as error:
            self._forget(known)
            reason = f"ClientError: {known.name} cannot be launched: {error}"
            self._decide(FAILED, reason[:LIMIT])
            return
        self._keep(looked_at(self._store, self._job, known, job))
        if waits(job):
            self._waiting.add(known.number)
