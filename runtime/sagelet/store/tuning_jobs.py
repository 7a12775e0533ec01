"""Hyperparameter tuning jobs as rows, with the training jobs each has launched."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sagelet.domain.errors import Refusal, ResourceInUse
from sagelet.domain.tuning import STOPPED, STOPPING, TUNING, TunedJob, TuningJob
from sagelet.store.database import Database
from sagelet.store.jobs import SORT_COLUMNS, Filter
from sagelet.store.tags import write_tags

_TUNED = (
    "number, name, definition, tuned, submitted, settled, status, created, started, ended,"
    " failure_reason, objective, epochs, stopped_early"
)


@dataclass(frozen=True, slots=True)
class TuningRow:
    """A tuning job in a listing; ``sort`` is its value in the column sorted by."""

    job: TuningJob
    sort: str | float


class TuningJobs:
    """The tuning_jobs and tuned_jobs tables, one region of them."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def add(self, job: TuningJob, tags: Mapping[str, str]) -> None:
        """Remember a new tuning job and its tags.

        Raises:
            ResourceInUse: the name is taken.
        """
        row = {
            "region": job.region,
            "name": job.name,
            "request": json.dumps(job.request),
            "account": job.account,
            "created": job.created,
            "modified": job.created,
            "seed": job.seed,
            "status": job.status,
            "confined": int(job.confined),
        }
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    f"INSERT INTO tuning_jobs ({columns}) VALUES ({marks})",  # noqa: S608
                    tuple(row.values()),
                )
                write_tags(connection, job.arn, tags)
        except sqlite3.IntegrityError:
            raise ResourceInUse(TUNING.taken.format(arn=job.arn)) from None

    def get(self, name: str) -> TuningJob:
        """The tuning job of that name.

        Raises:
            Refusal: ResourceNotFound.
        """
        row = (
            self._database.connection()
            .execute(
                "SELECT * FROM tuning_jobs WHERE region = ? AND name = ?", (self._region, name)
            )
            .fetchone()
        )
        if row is None:
            raise Refusal("ResourceNotFound", TUNING.missing.format(name=name))
        return _job(row)

    def has(self, name: str) -> bool:
        """Whether there is one of that name, in whatever case."""
        row = self._database.connection().execute(
            "SELECT 1 FROM tuning_jobs WHERE region = ? AND name = ? COLLATE NOCASE",
            (self._region, name),
        )
        return row.fetchone() is not None

    def select(
        self,
        wanted: Filter,
        sort_by: str,
        *,
        descending: bool,
        limit: int,
        after: tuple[str | float, str] | None,
    ) -> list[TuningRow]:
        """At most ``limit`` in order; ``after`` is (sort, name) of the last one seen."""
        column = SORT_COLUMNS[sort_by]
        clauses, values = wanted.clauses()
        clauses, values = ["region = ?", *clauses], [self._region, *values]
        order = "DESC" if descending else "ASC"
        if after is not None:
            clauses.append(f"({column}, name) {'<' if descending else '>'} (?, ?)")
            values += after
        rows = self._database.connection().execute(
            f"SELECT * FROM tuning_jobs WHERE {' AND '.join(clauses)}"  # noqa: S608
            f" ORDER BY {column} {order}, name {order} LIMIT ?",
            (*values, limit),
        )
        return [TuningRow(_job(row), row[column]) for row in rows]

    def by_row(self, rows: Sequence[int]) -> dict[int, TuningJob]:
        """Tuning jobs by the numbers of their rows."""
        found = self._database.connection().execute(
            "SELECT rowid AS number, * FROM tuning_jobs"
            " WHERE rowid IN (SELECT value FROM json_each(?))",
            (json.dumps(rows),),
        )
        return {row["number"]: _job(row) for row in found}

    def live(self) -> list[TuningJob]:
        """Those of all regions that have not ended, in the order they came."""
        rows = self._database.connection().execute(
            "SELECT * FROM tuning_jobs WHERE ended IS NULL ORDER BY created, rowid"
        )
        return [_job(row) for row in rows]

    def save_ending(self, name: str, ending: str, reason: str | None, now: float) -> None:
        """Store how it will end: no training job is launched any more. The first word stays."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE tuning_jobs SET ending = :ending, failure_reason = :reason,"
                " modified = :now,"
                " status = CASE WHEN :ending = :stopped THEN :stopping ELSE status END"
                " WHERE region = :region AND name = :name AND ending IS NULL",
                {
                    "ending": ending,
                    "reason": reason,
                    "now": now,
                    "stopped": STOPPED,
                    "stopping": STOPPING,
                    "region": self._region,
                    "name": name,
                },
            )

    def save_end(self, name: str, status: str, reason: str | None, now: float) -> None:
        """Store that it has ended."""
        self._update(name, status=status, failure_reason=reason, ended=now, modified=now)

    def save_convergence(self, name: str, now: float) -> None:
        """Store when it was seen to have converged."""
        self._update(name, converged=now)

    def delete(self, name: str) -> None:
        """Forget it, but not its training jobs."""
        with self._database.transaction() as connection:
            for table, column in (("tuned_jobs", "tuning_job"), ("tuning_jobs", "name")):
                connection.execute(
                    f"DELETE FROM {table} WHERE region = ? AND {column} = ?",  # noqa: S608
                    (self._region, name),
                )

    def tuned(self, name: str) -> list[TunedJob]:
        """The training jobs it has launched, or is about to, in that order."""
        rows = self._database.connection().execute(
            f"SELECT {_TUNED} FROM tuned_jobs"  # noqa: S608
            " WHERE region = ? AND tuning_job = ? ORDER BY number",
            (self._region, name),
        )
        return [_tuned(row) for row in rows]

    def save_tuned(self, name: str, job: TunedJob, now: float) -> None:
        """Store what is known of a training job, new or not."""
        row = {
            "number": job.number,
            "name": job.name,
            "definition": job.definition,
            "tuned": json.dumps(dict(job.tuned)),
            "submitted": int(job.submitted),
            "settled": int(job.settled),
            "status": job.status,
            "created": job.created,
            "started": job.started,
            "ended": job.ended,
            "failure_reason": job.failure_reason,
            "objective": job.objective,
            "epochs": job.epochs,
            "stopped_early": int(job.stopped_early),
        }
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        with self._database.transaction() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO tuned_jobs (region, tuning_job, {columns})"  # noqa: S608
                f" VALUES (?, ?, {marks})",
                (self._region, name, *row.values()),
            )
            connection.execute(
                "UPDATE tuning_jobs SET modified = ? WHERE region = ? AND name = ?",
                (now, self._region, name),
            )

    def drop_tuned(self, name: str, number: int) -> None:
        """Forget a training job that was never launched."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM tuned_jobs WHERE region = ? AND tuning_job = ? AND number = ?",
                (self._region, name, number),
            )

    def _update(self, name: str, **columns: Any) -> None:
        marks = ", ".join(f"{column} = ?" for column in columns)
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE tuning_jobs SET {marks} WHERE region = ? AND name = ?",  # noqa: S608
                (*columns.values(), self._region, name),
            )


def _job(row: sqlite3.Row) -> TuningJob:
    return TuningJob(
        request=orjson.loads(row["request"]),
        account=row["account"],
        region=row["region"],
        created=row["created"],
        seed=row["seed"],
        modified=row["modified"],
        status=row["status"],
        ending=row["ending"],
        ended=row["ended"],
        failure_reason=row["failure_reason"],
        converged=row["converged"],
        confined=bool(row["confined"]),
    )


def _tuned(row: sqlite3.Row) -> TunedJob:
    members = dict(row)
    for flag in ("submitted", "settled", "stopped_early"):
        members[flag] = bool(members[flag])
    return TunedJob(**{**members, "tuned": orjson.loads(members["tuned"])})
