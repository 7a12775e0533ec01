"""All tuning jobs of a home: each that lives has a tuner in a thread of its own.

``Tuning`` is what a region's clients can ask of them.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sagelet.domain import tuning_rules
from sagelet.domain.draws import at_random
from sagelet.domain.errors import DomainError, ResourceInUse, ValidationException
from sagelet.domain.failure import LIMIT
from sagelet.domain.jobs import Job, without_nulls
from sagelet.domain.training import TrainingJob
from sagelet.domain.tuning import FAILED, STOPPED, TUNING, TuningJob
from sagelet.engine import tuner
from sagelet.engine.bus import Bus
from sagelet.engine.tuner import Tuner, first_that_fits
from sagelet.engine.waiting import wait_until
from sagelet.store import Store
from sagelet.store.database import TROUBLE

#: How long a tuner that could not go on waits for its next try, in seconds.
RETRY = 5.0

_log = logging.getLogger("sagelet.engine")


class TrainingJobs(tuner.TrainingJobs, Protocol):
    """What tuning jobs want of a region's engine."""

    def rehearse(self, request: Mapping[str, Any], *, confined: bool = False) -> None:
        """Refuse a request as ``submit`` would."""


@dataclass(slots=True)
class _Seat:
    """The tuner of one tuning job, once it has begun."""

    tuner: Tuner | None = None


class Tuners:
    """The tuners of one home. ``in_region`` gives a region's store and engine."""

    def __init__(
        self,
        store: Store,
        in_region: Callable[[str], tuple[Store, TrainingJobs]],
        bus: Bus | None = None,
    ) -> None:
        self._bus = bus or Bus()
        self._store = store
        self._in_region = in_region
        self._lock = threading.Lock()
        self._running: dict[str, _Seat] = {}

    def start(self) -> None:
        """Go on with every tuning job that an earlier process left alive."""
        for job in self._store.tuning_jobs.live():
            self.enter(job)

    def enter(self, job: TuningJob) -> None:
        """Drive a tuning job from now on."""
        seat = _Seat()
        with self._lock:
            self._running[job.arn] = seat
        self.tell(job)
        threading.Thread(
            target=self._drive, args=(job, seat), name=f"tuner-{job.name}", daemon=True
        ).start()

    def _drive(self, job: TuningJob, seat: _Seat) -> None:
        store, jobs = self._in_region(job.region)
        try:
            while not self._ran(job, seat, store, jobs):
                time.sleep(RETRY)
        finally:
            with self._lock:
                # One that ended may have been deleted, and its name taken, by now.
                if self._running.get(job.arn) is seat:
                    del self._running[job.arn]
            store.database.close()

    def _ran(self, job: TuningJob, seat: _Seat, store: Store, jobs: TrainingJobs) -> bool:
        """Drive a tuning job; whether it came to its end, or is not there any more."""
        try:
            if not _is_there(store, job):
                return True
            seat.tuner = Tuner(store, jobs, job.name, bus=self._bus)
            seat.tuner.run()
        except TROUBLE:  # a full disk, say: it may pass
            _log.exception("the tuning job %s in %s waits", job.name, job.region)
        except Exception as error:  # noqa: BLE001 - a bug here must not leave it without end
            _log.exception("the tuning job %s in %s fails", job.name, job.region)
            reason = f"InternalServerError: {type(error).__name__}: {error}"
            with suppress(*TROUBLE):
                store.tuning_jobs.save_ending(job.name, FAILED, reason[:LIMIT], time.time())
            self.tell(job)
        else:
            return True
        return False

    def hear(self, job: Job) -> None:
        """A job has a new state."""
        if isinstance(job, TrainingJob) and job.tuning_job_arn is not None:
            self.wake(job.tuning_job_arn)

    def tell(self, job: TuningJob) -> None:
        """Whoever listens: something about it is new in the store."""
        self._bus.tell("tuning", job.region, job.name)

    def wake(self, arn: str) -> None:
        """Let a tuner look now."""
        with self._lock:
            seat = self._running.get(arn)
        if seat is not None and seat.tuner is not None:
            seat.tuner.wake()

    def idle(self) -> bool:
        """Whether no tuning job lives."""
        with self._lock:
            return not self._running

    def drain(self, seconds: float) -> bool:
        """Wait until every tuning job has ended; whether that came to pass."""
        return wait_until(self.idle, seconds)

    def stop_all(self) -> None:
        """Let every tuning job end."""
        for job in self._store.tuning_jobs.live():
            store, _ = self._in_region(job.region)
            store.tuning_jobs.save_ending(job.name, STOPPED, None, time.time())
            self.wake(job.arn)


def _is_there(store: Store, job: TuningJob) -> bool:
    """Whether it was not deleted; another one may have its name."""
    try:
        return store.tuning_jobs.get(job.name).created == job.created
    except DomainError:
        return False


class Tuning:
    """Tuning jobs of one region."""

    def __init__(self, store: Store, jobs: TrainingJobs, tuners: Tuners, account: str) -> None:
        self._store = store
        self._jobs = jobs
        self._tuners = tuners
        self._account = account

    def create(
        self, request: Mapping[str, Any], tags: Mapping[str, str], *, confined: bool = False
    ) -> TuningJob:
        """Take a CreateHyperParameterTuningJob request in, with its tags by key.

        Raises:
            DomainError: the request, or any training job it would lead to, is refused.
        """
        request = without_nulls(dict(request))
        given = request["HyperParameterTuningJobConfig"].get("RandomSeed")
        job = TuningJob(
            request,
            self._account,
            self._store.region,
            time.time(),
            int.from_bytes(os.urandom(4)) if given is None else given,
            confined=confined,
        )
        _, names = job.warm_start or ("", ())
        parents = [self._store.tuning_jobs.get(name) for name in names]
        tuning_rules.check(job, parents)
        if self._store.tuning_jobs.has(job.name):
            raise ResourceInUse(TUNING.taken.format(arn=job.arn))
        for definition in job.definitions:
            first_that_fits(
                partial(self._jobs.rehearse, confined=confined),
                job.training_requests(
                    definition,
                    job.training_job_name(1),
                    at_random(definition.ranges, job.seed, 0),
                ),
            )
        self._store.tuning_jobs.add(job, tags)
        self._tuners.enter(job)
        return job

    def stop(self, name: str) -> None:
        """Stop a tuning job, and the training jobs it runs.

        Raises:
            Refusal: there is none of that name.
            ValidationException: it has ended.
        """
        job = self._store.tuning_jobs.get(name)
        if job.over:
            raise ValidationException(
                "The request was rejected because the hyperparameter tuning job is in status "
                f"{job.status}."
            )
        self._store.tuning_jobs.save_ending(name, STOPPED, None, time.time())
        self._tuners.tell(job)
        self._tuners.wake(job.arn)

    def delete(self, name: str) -> TuningJob:
        """Forget a tuning job that has ended; its training jobs stay.

        Raises:
            Refusal: there is none of that name.
            ResourceInUse: it has not ended.
        """
        job = self._store.tuning_jobs.get(name)
        if not job.over:
            raise ResourceInUse(
                f"The hyperparameter tuning job {job.arn} cannot be deleted: it has not ended."
            )
        self._store.tuning_jobs.delete(name)
        self._tuners.tell(job)
        return job
