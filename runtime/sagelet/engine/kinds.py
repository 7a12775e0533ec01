"""What the engine does differently for each kind of job; all else is one mechanism.

A kind is taken in, planned, staged, kept in step while it runs and stored in ways of its own. Life,
queue, backends, logs, restarts and cleaning up do not know kinds.
"""

from pathlib import Path
from typing import Any, Protocol, TypeVar

from sagelet.domain import processing_rules, rules
from sagelet.domain.hosts import JobPlan
from sagelet.domain.jobs import Job, Kind
from sagelet.domain.processing import PROCESSING, ProcessingJob
from sagelet.domain.training import TRAINING, TrainingJob
from sagelet.engine import outputs, processing, staging
from sagelet.engine.processed import Processed
from sagelet.engine.synced import Synced
from sagelet.execution.backend import Progress
from sagelet.store import Store
from sagelet.store.object_store import ObjectStore

J_contra = TypeVar("J_contra", bound=Job, contravariant=True)


class Keeping(Protocol):
    """What is brought to where it belongs while a job runs."""

    def start(self, note: Any) -> None:
        """Bring it in threads; what goes wrong is noted, once, and retried."""

    def finish(self) -> None:
        """Stop the threads, and bring all that is left. The hosts have ended.

        Raises:
            HostFault: something could not be brought there; the rest was.
        """


class Ways(Protocol[J_contra]):
    """The ways of one kind."""

    def check(self, job: J_contra) -> None:
        """Refuse a request that cannot run.

        Raises:
            DomainError: names the member at fault.
        """

    def check_sources(self, job: J_contra, store: Store, objects: ObjectStore) -> None:
        """Refuse a job whose data is not there, or whose output could not be written.

        Raises:
            DomainError: names what is missing.
        """

    def plan(self, job: J_contra, store: Store) -> JobPlan:
        """The job's hosts, with every source where it lies in this home."""

    def stage(
        self, job: J_contra, plan: JobPlan, store: Store, objects: ObjectStore, progress: Progress
    ) -> None:
        """Make the hosts' folders; what an earlier try left behind is replaced.

        Raises:
            HostFault: something cannot be read or written.
            Cancelled: told to stop.
        """

    def keeping(self, job: J_contra, plan: JobPlan, folder: Path, objects: ObjectStore) -> Keeping:
        """What is brought to S3 while it runs. ``start`` may be left out before ``finish``."""

    def store_outputs(
        self,
        job: J_contra,
        plan: JobPlan,
        store: Store,
        objects: ObjectStore,
        now: float,
        progress: Progress,
    ) -> dict[str, str]:
        """Put what the hosts left where it belongs; doing it again changes nothing.

        Returns:
            Name -> URI of what was stored.

        Raises:
            HostFault: it could not be stored.
        """


class _TrainingWays:
    """Training jobs: channels, code, checkpoints; a model and its version."""

    def check(self, job: TrainingJob) -> None:
        rules.check(job)

    def check_sources(self, job: TrainingJob, store: Store, objects: ObjectStore) -> None:
        staging.check_sources(job, store, objects)

    def plan(self, job: TrainingJob, store: Store) -> JobPlan:
        return staging.plan_job(job, store)

    def stage(
        self,
        job: TrainingJob,
        plan: JobPlan,
        store: Store,
        objects: ObjectStore,
        progress: Progress,
    ) -> None:
        staging.stage(job, plan, store, objects, progress)

    def keeping(
        self, job: TrainingJob, plan: JobPlan, folder: Path, objects: ObjectStore
    ) -> Keeping:
        return Synced(job, plan, folder, objects)

    def store_outputs(
        self,
        job: TrainingJob,
        plan: JobPlan,
        store: Store,
        objects: ObjectStore,
        now: float,
        progress: Progress,
    ) -> dict[str, str]:
        return outputs.store_outputs(job, plan, store, objects, now, progress)


class _ProcessingWays:
    """Processing jobs: inputs and outputs at paths of their own, and a message."""

    def check(self, job: ProcessingJob) -> None:
        processing_rules.check(job)

    def check_sources(self, job: ProcessingJob, store: Store, objects: ObjectStore) -> None:
        processing.check_sources(job, store, objects)

    def plan(self, job: ProcessingJob, store: Store) -> JobPlan:
        return processing.plan_job(job, store)

    def stage(
        self,
        job: ProcessingJob,
        plan: JobPlan,
        store: Store,
        objects: ObjectStore,
        progress: Progress,
    ) -> None:
        processing.stage(job, plan, store, objects, progress)

    def keeping(
        self, job: ProcessingJob, plan: JobPlan, folder: Path, objects: ObjectStore
    ) -> Keeping:
        return Processed(job, plan, folder, objects)

    def store_outputs(
        self,
        job: ProcessingJob,
        plan: JobPlan,
        store: Store,
        objects: ObjectStore,
        now: float,  # noqa: ARG002 - a model's version has a time, an output has none
        progress: Progress,
    ) -> dict[str, str]:
        return processing.store_outputs(job, plan, store, objects, progress)


_WAYS: dict[str, Ways[Any]] = {
    TRAINING.name: _TrainingWays(),
    PROCESSING.name: _ProcessingWays(),
}

_JOBS: dict[str, type[Job]] = {
    TRAINING.name: TrainingJob,
    PROCESSING.name: ProcessingJob,
}


def ways_of(kind: Kind) -> Ways[Any]:
    """The ways of a kind."""
    return _WAYS[kind.name]


def class_of(kind: Kind) -> type[Job]:
    """What its jobs are."""
    return _JOBS[kind.name]
