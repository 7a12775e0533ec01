"""Training jobs as rows. Which change is allowed is decided by the domain."""

import json
import sqlite3
from collections.abc import Mapping

from sagelet.domain.errors import NAME_TAKEN, ResourceInUse, ValidationException
from sagelet.domain.lifecycle import Life, Secondary, Step
from sagelet.domain.training import TrainingJob
from sagelet.store.database import Database


class TrainingJobs:
    """The training_jobs table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: TrainingJob) -> None:
        """Remember a new job.

        Raises:
            ResourceInUse: the name is taken.
        """
        life = job.life
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO training_jobs (name, request, account, region, created, modified,"
                    " secondary, steps) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        job.name,
                        json.dumps(job.request),
                        job.account,
                        job.region,
                        job.created,
                        job.created,
                        life.secondary,
                        _steps(life),
                    ),
                )
        except sqlite3.IntegrityError:
            raise ResourceInUse(NAME_TAKEN.format(arn=job.arn)) from None

    def get(self, name: str) -> TrainingJob:
        """The job of that name.

        Raises:
            ValidationException: there is none (SageMaker's own code for it).
        """
        row = (
            self._database.connection()
            .execute("SELECT * FROM training_jobs WHERE name = ?", (name,))
            .fetchone()
        )
        if row is None:
            raise ValidationException(
                f"Requested resource not found. (There is no training job named '{name}'.)"
            )
        return _job(row)

    def has(self, name: str) -> bool:
        """Whether there is a job of that name, in whatever case: ARNs have it in lower case."""
        row = (
            self._database.connection()
            .execute("SELECT 1 FROM training_jobs WHERE name = ? COLLATE NOCASE", (name,))
            .fetchone()
        )
        return row is not None

    def newest(self, limit: int | None = None) -> list[TrainingJob]:
        """All jobs, newest first."""
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs ORDER BY created DESC, name LIMIT ?",
            (-1 if limit is None else limit,),
        )
        return [_job(row) for row in rows]

    def live(self) -> list[TrainingJob]:
        """Jobs that have not ended."""
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE over = 0 ORDER BY created"
        )
        return [_job(row) for row in rows]

    def save_life(self, name: str, life: Life, now: float) -> None:
        """Store a job's new life."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE training_jobs SET secondary = ?, ending = ?, failure_reason = ?, steps = ?,"
                " over = ?, modified = ? WHERE name = ?",
                (
                    life.secondary,
                    life.ending,
                    life.failure_reason,
                    _steps(life),
                    int(life.over),
                    now,
                    name,
                ),
            )

    def save_backend(self, name: str, backend: str) -> None:
        """Store which backend runs the job."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE training_jobs SET backend = ? WHERE name = ?", (backend, name)
            )

    def save_artifacts(self, name: str, artifacts: Mapping[str, str]) -> None:
        """Store where the job's outputs lie: kind -> URI."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE training_jobs SET artifacts = ? WHERE name = ?",
                (json.dumps(dict(artifacts)), name),
            )

    def request_stop(self, name: str, now: float) -> None:
        """Ask for a stop; the job's supervisor sees it."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE training_jobs SET stop_requested = coalesce(stop_requested, ?)"
                " WHERE name = ?",
                (now, name),
            )

    def stop_requested(self, name: str) -> bool:
        """Whether a stop was asked for."""
        row = (
            self._database.connection()
            .execute("SELECT stop_requested FROM training_jobs WHERE name = ?", (name,))
            .fetchone()
        )
        return row is not None and row[0] is not None


def _steps(life: Life) -> str:
    return json.dumps([(s.status, s.start, s.end, s.message) for s in life.steps])


def _job(row: sqlite3.Row) -> TrainingJob:
    steps = tuple(
        Step(Secondary(status), start, end, message)
        for status, start, end, message in json.loads(row["steps"])
    )
    return TrainingJob(
        request=json.loads(row["request"]),
        account=row["account"],
        region=row["region"],
        created=row["created"],
        life=Life(
            steps, Secondary(row["ending"]) if row["ending"] else None, row["failure_reason"]
        ),
        modified=row["modified"],
        backend=row["backend"],
        stop_requested=row["stop_requested"],
        artifacts=json.loads(row["artifacts"]),
    )
