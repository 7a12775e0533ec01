"""The engine as one region sees it: takes jobs in, passes on what is wanted of them."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagelet.domain.confined import check_confined
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.jobs import Interruption, Job, Kind, without_nulls
from sagelet.domain.lifecycle import Secondary, begin
from sagelet.domain.machine import Demand, Grant, Machine, deal, demand_of
from sagelet.domain.opt_ml import host_names
from sagelet.domain.rules import check
from sagelet.domain.training import TRAINING, TrainingJob
from sagelet.domain.warm_pool import WarmPoolStatus, matches, warm_pool
from sagelet.engine import staging
from sagelet.engine.bus import Bus
from sagelet.engine.dispatcher import Dispatcher
from sagelet.engine.kinds import class_of, ways_of
from sagelet.engine.project import Project, lay_out
from sagelet.engine.tuners import Tuners, Tuning
from sagelet.execution.backend import Progress
from sagelet.execution.registry import Backends, Choice
from sagelet.store import Store
from sagelet.store.home import remove_tree
from sagelet.store.object_store import ObjectStore

#: How long whoever stops a job waits until it is seen to stop, in seconds; one amid a long step
#: takes longer.
HEARD = 2.0


class Engine:
    """Jobs of one region of a home.

    ``simulate``: instance types set limits unless a job objects.
    """

    def __init__(
        self,
        store: Store,
        backends: Backends,
        dispatcher: Dispatcher,
        objects: ObjectStore,
        account: str,
        tuners: Tuners,
        *,
        simulate: bool = False,
        bus: Bus | None = None,
    ) -> None:
        self._store = store
        self._bus = bus or Bus()
        self._backends = backends
        self._dispatcher = dispatcher
        self._objects = objects
        self._account = account
        self._simulate = simulate
        #: The region's tuning jobs.
        self.tuning = Tuning(store, self, tuners, account)

    def submit(
        self,
        request: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        *,
        kind: Kind = TRAINING,
        confined: bool = False,
    ) -> Job:
        """Take a Create request in, with its tags by key: the job runs, or waits for room.

        ``confined``: a job in a container asks, which may not reach beyond containers.

        Raises:
            DomainError: the request is refused; nothing was remembered.
        """
        now = time.time()
        jobs = self._store.jobs_of(kind)
        job, choice, demand = self._examine(request, now, kind, confined=confined)

        def remember(got: Grant | None) -> Job:
            made = dataclasses.replace(
                job,
                life=begin(now, waiting=got is None, messages=kind.messages),
                devices=got.devices if got else None,
            )
            jobs.add(made, tags)
            return made

        made = self._dispatcher.enter(self._store, choice, demand, remember)
        if isinstance(made, TrainingJob):
            self._take_pool(made, now)
        self._bus.tell("job", made.region, made.key)
        return made

    def rehearse(self, request: Mapping[str, Any], *, confined: bool = False) -> None:
        """Refuse a CreateTrainingJob request as ``submit`` would now; no job is made.

        Raises:
            DomainError: the request is refused.
        """
        self._examine(request, time.time(), TRAINING, confined=confined)

    def _examine(
        self, request: Mapping[str, Any], now: float, kind: Kind, *, confined: bool
    ) -> tuple[Job, Choice, Demand]:
        """The job that a request asks for, where it would run and what it needs."""
        ways = ways_of(kind)
        job = self._read(kind, request, now, confined=confined)
        if confined:
            check_confined(job)
        ways.check(job)
        if self._store.jobs_of(kind).has(job.name):
            raise ResourceInUse(kind.taken.format(arn=job.arn))
        ways.check_sources(job, self._store, self._objects)
        machine = self._dispatcher.machine
        demand = demand_of(job, machine)
        tried = dataclasses.replace(job, devices=deal(demand, machine.gpus))
        choice = self._backends.choose(
            ways.plan(tried, self._store),
            "docker" if confined else job.options.backend,
        )
        return job, choice, demand

    def project(
        self, request: Mapping[str, Any], folder: Path, progress: Progress | None
    ) -> tuple[Project, Machine]:
        """The job as a compose project in ``folder``, for this machine; no job is made.

        ``progress`` None: nothing may be written.

        Raises:
            DomainError: the request is refused, or compose cannot do what it asks for.
        """
        job = TrainingJob(**self._members(request, time.time()))
        check(job)
        staging.check_inputs(job, self._store, self._objects)
        machine = self._dispatcher.machine
        tried = dataclasses.replace(job, devices=deal(demand_of(job, machine), machine.gpus))
        return lay_out(tried, self._store, self._objects, folder, progress), machine

    def _read(self, kind: Kind, request: Mapping[str, Any], now: float, *, confined: bool) -> Job:
        return class_of(kind)(**self._members(request, now), confined=confined)

    def _members(self, request: Mapping[str, Any], now: float) -> dict[str, Any]:
        """What a new job of any kind is made of."""
        return {
            "request": without_nulls(dict(request)),
            "account": self._account,
            "region": self._store.region,
            "created": now,
            "life": begin(now),
            "simulate": self._simulate,
        }

    def stop(self, name: str, kind: Kind = TRAINING, *, patience: float = HEARD) -> Job:
        """Stop a job; on return it is Stopping, or soon will be. ``patience`` in seconds.

        Raises:
            ValidationException: there is no such job, or it has ended.
        """
        job = self._ask_to_stop(name, kind)
        self._dispatcher.stop(job, patience=patience)
        return job

    def _ask_to_stop(self, name: str, kind: Kind) -> Job:
        """Store the wish, so that whoever supervises the job next knows it too."""
        jobs = self._store.jobs_of(kind)
        job: Job = jobs.get(name)
        if job.life.over:
            raise ValidationException(
                f"The request was rejected because the {kind.noun} is in status {job.life.primary}."
            )
        jobs.request_stop(name, time.time())
        return job

    def kill(self, name: str, kind: Kind = TRAINING) -> None:
        """Stop a job at once, without the time its script has to end.

        Raises:
            ValidationException: there is no such job, or it has ended.
        """
        self._dispatcher.stop(self._ask_to_stop(name, kind), hurry=True, patience=HEARD)

    def hosts(self, name: str, kind: Kind = TRAINING) -> dict[str, str]:
        """Each host of a job that runs, and whether it is Waiting, Running, Ended or Failed."""
        return self.hosts_of(self._store.jobs_of(kind).get(name))

    def hosts_of(self, job: Job) -> dict[str, str]:
        """The same of a job that was read already."""
        return self._dispatcher.hosts(job)

    def interrupt(self, name: str, host: str | None = None, away: float = 0.0) -> None:
        """Take managed spot capacity away, as SageMaker may: the job begins again from checkpoints.

        ``host``: whose; its notice is the others', too. ``away``: how long there is none, seconds.

        Raises:
            ValidationException: there is no such job or host, it is not one of managed spot
                training, or it has no hosts now.
        """
        job = self._store.training_jobs.get(name)
        if not job.spot:
            raise ValidationException(
                f"{name} is not a managed spot training job, so SageMaker would not interrupt it: "
                "create it with EnableManagedSpotTraining (sagelet train --spot)."
            )
        if host is not None and host not in host_names(job.host_count):
            raise ValidationException(
                f"{name} has no host '{host}': its hosts are algo-1 to algo-{job.host_count}."
            )
        if job.life.secondary is not Secondary.TRAINING:
            raise ValidationException(
                f"{name} is {job.life.secondary}: only a job in status Training has hosts that "
                "can be taken away."
            )
        interruption = Interruption(host, time.time() + away)
        self._store.training_jobs.save_interruption(name, interruption)
        self._dispatcher.interrupt(job, interruption, patience=HEARD)

    def delete(self, name: str, kind: Kind = TRAINING) -> Job:
        """Forget a job that has ended: its record, its logs and metrics; not what it stored.

        Raises:
            ValidationException: there is no such job.
            ResourceInUse: it has not ended, or keeps a warm pool.
        """
        jobs = self._store.jobs_of(kind)
        job: Job = jobs.get(name)
        pool = warm_pool(job, time.time()) if isinstance(job, TrainingJob) else None
        if not job.life.over or (pool and pool.status is WarmPoolStatus.AVAILABLE):
            what = "retains an available warm pool" if job.life.over else "has not ended"
            raise ResourceInUse(f"The {kind.noun} {job.arn} cannot be deleted: it {what}.")
        if isinstance(job, TrainingJob):
            self._dispatcher.warm.forget(job)
        remove_tree(self._store.home.job(job.key))
        jobs.delete(name)
        self._bus.tell("job", job.region, job.key)
        return job

    def keep_alive(self, name: str, seconds: int) -> TrainingJob:
        """Change how long the job's warm pool lives; it may not grow from nothing.

        Raises:
            ValidationException: there is no such job, or it has no warm pool.
        """
        job = self._store.training_jobs.get(name)
        now = time.time()
        pool = warm_pool(job, now)
        if pool is None or pool.status not in (WarmPoolStatus.AVAILABLE, WarmPoolStatus.IN_USE):
            raise ValidationException(
                f"ResourceConfig.KeepAlivePeriodInSeconds: {job.arn} has no warm pool to update."
            )
        resources = {**job.request["ResourceConfig"], "KeepAlivePeriodInSeconds": seconds}
        self._store.training_jobs.save_request(
            name, {**job.request, "ResourceConfig": resources}, seconds
        )
        ended = job.life.ended()
        if ended is not None and ended + seconds <= now:
            self._store.training_jobs.save_pool_end(name, now)
        self._dispatcher.warm.renew(job, seconds)
        return job

    def _take_pool(self, job: TrainingJob, now: float) -> None:
        """A job that asks for a warm pool takes over the first one that is like its own."""
        if job.keep_alive:
            found = next(
                (old for old in self._store.training_jobs.warm(now) if matches(old, job)), None
            )
            if found is not None:
                self._store.training_jobs.save_reuse(found.name, job.name, now)
