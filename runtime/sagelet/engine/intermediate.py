"""/opt/ml/output/intermediate: what a job wants to be seen while it runs.

With the hyperparameter ``sagemaker_s3_output`` set to a place in S3, the files of all hosts go to
``<s3_output>/<job>/output/intermediate/``; what is deleted in the host stays there. SageMaker's own
toolkit does it inside the container, unless the folder is there already, as it is here.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sagelet.domain.channels import below, location_of
from sagelet.domain.hosts import JobPlan
from sagelet.domain.opt_ml import INTERMEDIATE
from sagelet.domain.rules import s3_output
from sagelet.domain.training import TrainingJob
from sagelet.engine import remains
from sagelet.engine.syncing import PAUSE, FolderSync, Way
from sagelet.store.object_store import ObjectStore

#: Where SageMaker's own toolkit puts copies before it uploads them.
_COPIES = ".tmp.sagemaker_s3_sync"


class Intermediate:
    """The intermediate output of all hosts of a job, if it is to go anywhere."""

    def __init__(self, hosts: Sequence[FolderSync]) -> None:
        self._hosts = hosts

    @classmethod
    def of(
        cls, job: TrainingJob, plan: JobPlan, job_folder: Path, objects: ObjectStore
    ) -> "Intermediate":
        """What the job's hyperparameters ask for."""
        target = location_of(s3_output(job) or "")
        if target is None:
            return cls(())
        place = below(target, job.name, *INTERMEDIATE.split("/"))
        work = job_folder / "intermediate"
        return cls(
            [
                FolderSync(
                    Way(
                        what="Intermediate output",
                        location=place,
                        folder=partial(remains.own_folder, host, *INTERMEDIATE.split("/")),
                        state=work / f"{host.name}.json",
                        part=work / f".{host.name}.part",
                        deletions=False,
                        skipped=(_COPIES,),
                    ),
                    objects,
                )
                for host in plan.hosts
            ]
        )

    def begin(self) -> None:
        """The folders are made and empty."""
        for host in self._hosts:
            host.begin()

    def start(self, note: Callable[[str], None], pause: float = PAUSE) -> None:
        """Sync in threads; what goes wrong is noted, once, and retried."""
        for host in self._hosts:
            host.start(note, pause)

    def finish(self) -> None:
        """Stop the threads, and bring all that is left to S3. The hosts have ended.

        Raises:
            HostFault: something could not be brought there.
        """
        for host in self._hosts:
            host.finish()
