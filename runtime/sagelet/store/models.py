"""Model versions: which job's model is version N of a name.

The files are ``home.models/<name>/<version>``; a version counts once its files are in place.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sagelet.store.database import Database


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version; ``size`` in bytes, ``created`` in epoch seconds."""

    name: str
    version: int
    region: str
    job: str
    created: float
    size: int


class ModelVersions:
    """The model_versions table: names are shared by all regions, jobs are of this one."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def reserve(self, name: str, job: str, now: float) -> int:
        """The version ``job``'s model gets: the one it has already, else the next free one."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT version FROM model_versions WHERE region = ? AND job = ?",
                (self._region, job),
            ).fetchone()
            if row is None:
                row = connection.execute(
                    "INSERT INTO model_versions (name, version, region, job, created) SELECT :name,"
                    " coalesce(max(version), 0) + 1, :region, :job, :now FROM model_versions"
                    " WHERE name = :name RETURNING version",
                    {"name": name, "region": self._region, "job": job, "now": now},
                ).fetchone()
            return int(row[0])

    def publish(self, job: str, size: int) -> None:
        """The files are in place."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE model_versions SET size = ? WHERE region = ? AND job = ?",
                (size, self._region, job),
            )

    def release(self, job: str) -> None:
        """Give a reserved version back: its files could not be put in place."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM model_versions WHERE region = ? AND job = ? AND size IS NULL",
                (self._region, job),
            )

    def published(self, name: str | None = None) -> list[ModelVersion]:
        """Published versions by name and version; all names when ``name`` is None."""
        rows = self._database.connection().execute(
            "SELECT name, version, region, job, created, size FROM model_versions"
            " WHERE size IS NOT NULL AND (:name IS NULL OR name = :name) ORDER BY name, version",
            {"name": name},
        )
        return [ModelVersion(*row) for row in rows]

    def sizes(self, jobs: Sequence[str]) -> dict[str, int]:
        """How large what each of these jobs left is, in bytes, by their names."""
        found = self._database.connection().execute(
            "SELECT job, size FROM model_versions WHERE region = ? AND size IS NOT NULL"
            " AND job IN (SELECT value FROM json_each(?))",
            (self._region, json.dumps(list(jobs))),
        )
        return {row[0]: row[1] for row in found}

    def of_job(self, job: str) -> ModelVersion | None:
        """The published version a job left, if any."""
        row = (
            self._database.connection()
            .execute(
                "SELECT name, version, region, job, created, size FROM model_versions"
                " WHERE region = ? AND job = ? AND size IS NOT NULL",
                (self._region, job),
            )
            .fetchone()
        )
        return ModelVersion(*row) if row else None
