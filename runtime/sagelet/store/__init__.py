"""Everything remembered: SQL and bytes on disk. No policy."""

from dataclasses import dataclass
from pathlib import Path

from sagelet.store.database import Database
from sagelet.store.home import Home
from sagelet.store.metrics import Metrics
from sagelet.store.models import ModelVersions
from sagelet.store.objects import Objects
from sagelet.store.training_jobs import TrainingJobs


@dataclass(frozen=True, slots=True)
class Store:
    """One home's memory, by aggregate."""

    home: Home
    database: Database
    training_jobs: TrainingJobs
    metrics: Metrics
    models: ModelVersions
    objects: Objects


def open_store(root: Path) -> Store:
    """Open (and create or migrate) the store under ``root``."""
    home = Home(root)
    database = Database(home.database)
    return Store(
        home,
        database,
        TrainingJobs(database),
        Metrics(database),
        ModelVersions(database),
        Objects(database, home.root / "objects", home.root / "s3"),
    )
