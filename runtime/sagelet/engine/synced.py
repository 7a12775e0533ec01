"""What S3 gets of a job while it runs: its checkpoints and its intermediate output."""

from collections.abc import Callable
from pathlib import Path

from sagelet.domain.errors import HostFault
from sagelet.domain.hosts import JobPlan
from sagelet.domain.training import TrainingJob
from sagelet.engine.checkpoints import Checkpoints
from sagelet.engine.intermediate import Intermediate
from sagelet.store.object_store import ObjectStore


class Synced:
    """Both, as far as the job has them. ``start`` may be left out before ``finish``."""

    def __init__(
        self, job: TrainingJob, plan: JobPlan, job_folder: Path, objects: ObjectStore
    ) -> None:
        self._all: list[Checkpoints | Intermediate] = [
            Intermediate.of(job, plan, job_folder, objects)
        ]
        checkpoints = Checkpoints.of(job, job_folder, objects)
        if checkpoints is not None:
            self._all.append(checkpoints)

    def start(self, note: Callable[[str], None]) -> None:
        """Sync in threads; what goes wrong is noted, once, and retried."""
        for each in self._all:
            each.start(note)

    def finish(self) -> None:
        """Stop the threads, and bring all that is left to S3. The hosts have ended.

        Raises:
            HostFault: something could not be brought there; the rest was.
        """
        faults = []
        for each in self._all:
            try:
                each.finish()
            except HostFault as fault:
                faults.append(fault)
        if faults:
            raise faults[0]
