"""The engine: takes jobs in, sees that each has a supervisor, passes stop requests on."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.errors import NAME_TAKEN, ResourceInUse, ValidationException
from sagelet.domain.lifecycle import Life, begin
from sagelet.domain.rules import check
from sagelet.domain.training import TrainingJob
from sagelet.engine import staging
from sagelet.engine.supervisor import Listener, Supervisor
from sagelet.execution.backend import Progress
from sagelet.execution.registry import Backends
from sagelet.store import Store
from sagelet.store.home import JobLock


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was taken in, and the right to supervise it."""

    job: TrainingJob
    lock: JobLock


class Engine:
    """Jobs of one home."""

    def __init__(self, store: Store, backends: Backends, account: str, region: str) -> None:
        self._store = store
        self._backends = backends
        self._account = account
        self._region = region

    def submit(self, request: Mapping[str, Any], progress: Progress) -> Submission:
        """Check a CreateTrainingJob request and remember the job; it is not started yet.

        Raises:
            DomainError: the request is refused; nothing was remembered.
        """
        now = time.time()
        job = TrainingJob(dict(request), self._account, self._region, now, begin(now))
        check(job)
        staging.check_sources(job, self._store.home, self._store.objects)
        self._backends.choose(
            staging.plan_job(job, self._store.home), job.options.backend, progress
        )
        lock = self._store.home.lock(job.name)
        if lock is None:
            raise ResourceInUse(NAME_TAKEN.format(arn=job.arn))
        try:
            self._store.training_jobs.add(job)
        except BaseException:
            lock.release()
            raise
        return Submission(job, lock)

    def supervisor(self, name: str, listener: Listener) -> Supervisor:
        """A supervisor for a job whose lock this process holds."""
        return Supervisor(self._store, self._backends, name, listener)

    def detach(self, submission: Submission) -> None:
        """Hand a new job to a supervisor process of its own."""
        self._spawn(submission.job.name, submission.lock, ("--new",))

    def stop(self, name: str) -> Life:
        """Ask for a stop.

        Raises:
            ValidationException: there is no such job, or it has ended.
        """
        job = self._store.training_jobs.get(name)
        if job.life.over:
            raise ValidationException(
                "The request was rejected because the training job is in status "
                f"{job.life.primary}."
            )
        self._store.training_jobs.request_stop(name, time.time())
        return job.life

    def supervised(self, name: str) -> bool:
        """Whether some process supervises the job at this moment."""
        lock = self._store.home.lock(name)
        if lock is not None:
            lock.release()
        return lock is None

    def recover(self, patience: float = 2.0) -> list[str]:
        """Give every live job without a supervisor a new one; wait a moment for what they find.

        Returns:
            The names of the jobs adopted.
        """
        adopted = []
        for job in self._store.training_jobs.live():
            lock = self._store.home.lock(job.name)
            if lock is None:
                continue
            if self._store.training_jobs.get(job.name).life.over:  # ended meanwhile
                lock.release()
                continue
            self._spawn(job.name, lock, ())
            adopted.append(job.name)
        deadline = time.monotonic() + patience
        while adopted and time.monotonic() < deadline:
            if all(self._store.training_jobs.get(name).life.over for name in adopted):
                break
            time.sleep(0.05)
        return adopted

    def _spawn(self, name: str, lock: JobLock, arguments: Sequence[str]) -> None:
        """Start a supervisor process; it inherits the lock, so nobody else comes in between."""
        log = self._store.home.job(name) / "supervisor.log"
        with log.open("ab") as output:
            subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # nothing from the folder the user happens to be in
                    "-m",
                    "sagelet",
                    "_supervise",
                    name,
                    "--home",
                    str(self._store.home.root),
                    "--lock",
                    str(lock.descriptor),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=(lock.descriptor,),
                start_new_session=True,
            )
        lock.release()
