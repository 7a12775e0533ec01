"""Everything remembered: SQL and bytes on disk. No policy."""

from dataclasses import dataclass
from pathlib import Path

from sagelet.store.database import Database
from sagelet.store.home import Home
from sagelet.store.metrics import Metrics
from sagelet.store.models import ModelVersions
from sagelet.store.training_jobs import TrainingJobs


@dataclass(frozen=True, slots=True)
class Store:
    """One home's memory as one region sees it, by aggregate."""

    region: str
    home: Home
    database: Database
    training_jobs: TrainingJobs
    metrics: Metrics
    models: ModelVersions

    def in_region(self, region: str) -> "Store":
        """The same memory as another region sees it.

        Raises:
            ValidationException: that is no region's name.
        """
        return self if region == self.region else _view(self.home.root, self.database, region)


def open_store(root: Path, region: str = "us-east-1") -> Store:
    """Open (and create or migrate) the store under ``root``, as seen from ``region``."""
    return _view(root, Database(Home(root, region).database), region)


def _view(root: Path, database: Database, region: str) -> Store:
    return Store(
        region,
        Home(root, region),
        database,
        TrainingJobs(database, region),
        Metrics(database, region),
        ModelVersions(database, region),
    )
