"""Everything remembered: SQL and bytes on disk. No policy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelet.domain.jobs import Job, Kind
from sagelet.store.component_table import ComponentTable
from sagelet.store.database import Database
from sagelet.store.experiments import Experiments
from sagelet.store.home import Home
from sagelet.store.job_table import JobTable
from sagelet.store.jobs import Jobs, PlacedJob
from sagelet.store.lineage import Lineage
from sagelet.store.log_streams import LogStreams
from sagelet.store.metrics import Metrics
from sagelet.store.models import ModelVersions
from sagelet.store.objects import Objects
from sagelet.store.processing_jobs import ProcessingJobs
from sagelet.store.roles import Roles
from sagelet.store.search import Search
from sagelet.store.spares import Spares
from sagelet.store.tags import Tags
from sagelet.store.training_jobs import TrainingJobs
from sagelet.store.trial_components import TrialComponents
from sagelet.store.tuning_jobs import TuningJobs
from sagelet.store.uploads import Uploads
from sagelet.store.usage import Usage

#: The tables with what people look at.
_SEEN = ("training_jobs", "processing_jobs", "tuning_jobs", "experiments", "trial_components")

#: The regions in a table, each found by its index: a table may be long.
_REGIONS = (
    "WITH RECURSIVE found(region) AS (SELECT min(region) FROM {table} UNION ALL"
    " SELECT (SELECT min(region) FROM {table} WHERE region > found.region) FROM found"
    " WHERE found.region IS NOT NULL) SELECT region FROM found WHERE region IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Store:
    """One home's memory as one region sees it, by aggregate."""

    region: str
    home: Home
    database: Database
    training_jobs: TrainingJobs
    processing_jobs: ProcessingJobs
    tuning_jobs: TuningJobs
    job_table: JobTable
    component_table: ComponentTable
    metrics: Metrics
    experiments: Experiments
    trial_components: TrialComponents
    search: Search
    lineage: Lineage
    models: ModelVersions
    objects: Objects
    uploads: Uploads
    logs: LogStreams
    processing_logs: LogStreams
    tags: Tags
    roles: Roles
    spares: Spares
    usage: Usage

    @property
    def jobs(self) -> tuple[Jobs[Any], ...]:
        """The jobs of each kind."""
        return self.training_jobs, self.processing_jobs

    def jobs_of(self, kind: Kind) -> Jobs[Any]:
        """The jobs of one kind."""
        return next(jobs for jobs in self.jobs if jobs.kind is kind)

    def logs_of(self, kind: Kind) -> LogStreams:
        """The log streams of one kind's jobs."""
        return self.logs if self.training_jobs.kind is kind else self.processing_logs

    def live(self) -> list[Job]:
        """Jobs of all regions and kinds that have not ended, in the order they came."""
        found: list[Job] = [job for jobs in self.jobs for job in jobs.live()]
        return sorted(found, key=lambda job: job.created)

    def placed(self) -> list[PlacedJob]:
        """Jobs of all regions and kinds that have a backend and have not ended."""
        return [placed for jobs in self.jobs for placed in jobs.placed()]

    def regions(self) -> list[str]:
        """The regions that have anything for a person to look at."""
        connection = self.database.connection()
        found: set[str] = set()
        for table in _SEEN:
            found |= {row[0] for row in connection.execute(_REGIONS.format(table=table))}
        return sorted(found)

    def in_region(self, region: str) -> "Store":
        """The same memory as another region sees it.

        Raises:
            ValidationException: that is no region's name.
        """
        if region == self.region:
            return self
        return _view(self.home.root, self.database, self.objects, region)


def open_store(root: Path, region: str = "us-east-1") -> Store:
    """Open (and create or migrate) the store under ``root``, as seen from ``region``."""
    home = Home(root, region)
    database = Database(home.database)
    objects = Objects(database, root / "objects", root / "s3")
    return _view(root, database, objects, region)


def _view(root: Path, database: Database, objects: Objects, region: str) -> Store:
    home = Home(root, region)
    return Store(
        region,
        home,
        database,
        training_jobs := TrainingJobs(database, region),
        processing_jobs := ProcessingJobs(database, region),
        TuningJobs(database, region),
        JobTable(database, region, (training_jobs, processing_jobs)),
        ComponentTable(database, region),
        Metrics(database, region),
        Experiments(database, region),
        TrialComponents(database, region),
        Search(database, region),
        Lineage(database, region),
        ModelVersions(database, region),
        objects,
        Uploads(objects),
        LogStreams(database, home, region, training_jobs),
        LogStreams(database, home, region, processing_jobs),
        Tags(database),
        Roles(database),
        Spares(home.warm),
        Usage(database, region),
    )
