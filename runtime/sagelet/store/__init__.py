"""Everything remembered: SQL and bytes on disk. No policy."""

from dataclasses import dataclass
from pathlib import Path

from sagelet.store.component_table import ComponentTable
from sagelet.store.database import Database
from sagelet.store.experiments import Experiments
from sagelet.store.home import Home
from sagelet.store.job_table import JobTable
from sagelet.store.lineage import Lineage
from sagelet.store.log_streams import LogStreams
from sagelet.store.metrics import Metrics
from sagelet.store.models import ModelVersions
from sagelet.store.objects import Objects
from sagelet.store.roles import Roles
from sagelet.store.search import Search
from sagelet.store.spares import Spares
from sagelet.store.tags import Tags
from sagelet.store.training_jobs import TrainingJobs
from sagelet.store.trial_components import TrialComponents
from sagelet.store.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Store:
    """One home's memory as one region sees it, by aggregate."""

    region: str
    home: Home
    database: Database
    training_jobs: TrainingJobs
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
    tags: Tags
    roles: Roles
    spares: Spares

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
        TrainingJobs(database, region),
        JobTable(database, region),
        ComponentTable(database, region),
        Metrics(database, region),
        Experiments(database, region),
        TrialComponents(database, region),
        Search(database, region),
        Lineage(database, region),
        ModelVersions(database, region),
        objects,
        Uploads(objects),
        LogStreams(database, home, region),
        Tags(database),
        Roles(database),
        Spares(home.warm),
    )
