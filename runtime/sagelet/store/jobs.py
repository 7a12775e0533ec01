"""Jobs as rows, a table a kind. Which change is allowed is decided by the domain."""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import orjson

from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.jobs import Interruption, Job, Kind
from sagelet.domain.lifecycle import Life, Secondary, Step
from sagelet.store.database import Database
from sagelet.store.tags import write_tags
from sagelet.store.trial_components import enter, follow_life, follow_outputs, leave
from sagelet.store.usage import Owner, forget

#: SortBy of the List operations -> the column that is compared.
SORT_COLUMNS = {"Name": "name", "CreationTime": "created", "Status": "status"}

_SECONDARY = {str(state): state for state in Secondary}

J = TypeVar("J", bound=Job)


class PlacedJob(NamedTuple):
    """A live job and the backend that runs it; ``created`` in epoch seconds."""

    region: str
    key: str
    created: float
    backend: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs a listing wants; times in epoch seconds, bounds as the API has them."""

    name_contains: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    status: str | None = None

    def clauses(self) -> tuple[list[str], list[Any]]:
        """The conditions in SQL, and their values."""
        wanted = (
            ("instr(lower(name), lower(?)) > 0", self.name_contains),
            ("created > ?", self.created_after),
            ("created < ?", self.created_before),
            ("modified > ?", self.modified_after),
            ("modified < ?", self.modified_before),
            ("status = ?", self.status),
        )
        there = [(text, value) for text, value in wanted if value is not None]
        return [text for text, _ in there], [value for _, value in there]


class Jobs(ABC, Generic[J]):
    """One region of the table of a kind of jobs."""

    made: ClassVar[type[Job]]
    table: ClassVar[str]

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    @property
    def kind(self) -> Kind:
        """The kind of its jobs."""
        return self.made.kind

    def add(self, job: J, tags: Mapping[str, str] | None = None) -> None:
        """Remember a new job, its tags, and its trial component.

        Raises:
            ResourceInUse: the name is taken.
            DomainError: its ExperimentConfig is refused.
        """
        row = self._columns(job)
        try:
            with self._database.transaction() as connection:
                row["component"] = enter(connection, job)
                columns, marks = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(
                    f"INSERT INTO {self.table} ({columns}) VALUES ({marks})",  # noqa: S608
                    tuple(row.values()),
                )
                write_tags(connection, job.arn, tags or {})
        except sqlite3.IntegrityError:
            raise ResourceInUse(self.kind.taken.format(arn=job.arn)) from None

    def _columns(self, job: J) -> dict[str, Any]:
        """What is remembered of a new job."""
        return {
            "region": job.region,
            "name": job.name,
            "request": json.dumps(job.request),
            "account": job.account,
            "created": job.created,
            "modified": job.created,
            "status": job.life.primary,
            "secondary": job.life.secondary,
            "steps": _steps(job.life),
            "simulate": int(job.simulate),
            "confined": int(job.confined),
            "devices": None if job.devices is None else json.dumps(job.devices),
        }

    def get(self, name: str) -> J:
        """The job of that name.

        Raises:
            ValidationException: there is none (SageMaker's own code for it).
        """
        row = (
            self._database.connection()
            .execute(
                f"SELECT * FROM {self.table} WHERE region = ? AND name = ?",  # noqa: S608
                (self._region, name),
            )
            .fetchone()
        )
        if row is None:
            raise ValidationException(self.kind.missing.format(name=name))
        return self._job(row)

    @abstractmethod
    def _job(self, row: sqlite3.Row) -> J:
        """The job of a row."""

    def by_row(self, rows: Sequence[int]) -> dict[int, J]:
        """Jobs by the numbers of their rows."""
        found = self._database.connection().execute(
            f"SELECT rowid AS number, * FROM {self.table}"  # noqa: S608
            " WHERE rowid IN (SELECT value FROM json_each(?))",
            (json.dumps(rows),),
        )
        return {row["number"]: self._job(row) for row in found}

    def of_components(self, components: Sequence[int]) -> dict[int, J]:
        """Jobs by the rows of their trial components."""
        found = self._database.connection().execute(
            f"SELECT * FROM {self.table}"  # noqa: S608
            " WHERE component IN (SELECT value FROM json_each(?))",
            (json.dumps(components),),
        )
        return {row["component"]: self._job(row) for row in found}

    def has(self, name: str) -> bool:
        """Whether there is a job of that name, in whatever case: ARNs have it in lower case."""
        row = (
            self._database.connection()
            .execute(
                f"SELECT 1 FROM {self.table} WHERE region = ? AND name = ? COLLATE NOCASE",  # noqa: S608
                (self._region, name),
            )
            .fetchone()
        )
        return row is not None

    def _select(
        self,
        columns: str,
        clauses: Sequence[str],
        values: Sequence[Any],
        sort_by: str,
        *,
        descending: bool,
        limit: int,
        after: tuple[str | float, str] | None,
    ) -> list[sqlite3.Row]:
        """At most ``limit`` rows in order, with the value they are sorted by at their end.

        ``after`` is (sort, name) of the last one seen.
        """
        column = SORT_COLUMNS[sort_by]
        clauses, values = ["region = ?", *clauses], [self._region, *values]
        order = "DESC" if descending else "ASC"
        if after is not None:
            clauses.append(f"({column}, name) {'<' if descending else '>'} (?, ?)")
            values += after
        # What is shown is read of the rows that are shown: requests can be large, and are many.
        rows = self._database.connection().execute(
            f"SELECT {columns}, {column} FROM {self.table} WHERE rowid IN ("  # noqa: S608
            f"SELECT rowid FROM {self.table} WHERE {' AND '.join(clauses)}"
            f" ORDER BY {column} {order}, name {order} LIMIT ?)"
            f" ORDER BY {column} {order}, name {order}",
            (*values, limit),
        )
        return rows.fetchall()

    def newest(self, limit: int) -> list[J]:
        """The last jobs created, newest first."""
        rows = self._database.connection().execute(
            f"SELECT * FROM {self.table} WHERE region = ? ORDER BY created DESC, name LIMIT ?",  # noqa: S608
            (self._region, limit),
        )
        return [self._job(row) for row in rows]

    def everywhere(self, limit: int) -> list[dict[str, Any]]:
        """The last jobs created in any region, newest first: what an overview shows of them."""
        rows = self._database.connection().execute(
            f"SELECT name, region, status, secondary, created FROM {self.table}"  # noqa: S608
            " ORDER BY rowid DESC LIMIT ?",
            (limit,),
        )
        return [dict(row) for row in rows]

    def counts(self, region: str | None = None) -> dict[str, int]:
        """Status -> number of jobs, of a region or over all."""
        rows = self._database.connection().execute(
            f"SELECT status, count(*) FROM {self.table}"  # noqa: S608
            " WHERE :region IS NULL OR region = :region GROUP BY status",
            {"region": region},
        )
        return dict(rows.fetchall())

    def live(self) -> list[J]:
        """Jobs of all regions that have not ended, in the order they came."""
        rows = self._database.connection().execute(
            f"SELECT * FROM {self.table} WHERE over = 0 ORDER BY created, rowid"  # noqa: S608
        )
        return [self._job(row) for row in rows]

    def placed(self) -> list[PlacedJob]:
        """Jobs of all regions that have a backend and have not ended; cheap, however many wait."""
        rows = self._database.connection().execute(
            f"SELECT region, name, created, backend FROM {self.table}"  # noqa: S608
            " WHERE over = 0 AND backend IS NOT NULL"
        )
        return [
            PlacedJob(region, self.kind.key(name), created, backend)
            for region, name, created, backend in rows
        ]

    def save_life(self, name: str, life: Life, now: float) -> None:
        """Store a job's new life, which its trial component shows too."""
        self._update(
            name,
            lambda connection, row: follow_life(connection, self._job(row), row["component"], now),
            status=life.primary,
            secondary=life.secondary,
            ending=life.ending,
            failure_reason=life.failure_reason,
            steps=_steps(life),
            over=int(life.over),
            ended=life.ended(),
            modified=now,
        )

    def save_admission(self, name: str, devices: Sequence[Sequence[str]]) -> None:
        """Store which GPUs each host got."""
        self._update(name, devices=json.dumps(devices))

    def save_backend(self, name: str, backend: str) -> None:
        """Store which backend runs the job."""
        self._update(name, backend=backend)

    def save_launch(self, name: str, now: float | None) -> None:
        """Store that the hosts were started; None: that they have to be started again."""
        self._update(name, launched=now)

    def save_attempt(self, name: str, attempt: int) -> None:
        """Store how often the job was begun."""
        self._update(name, attempt=attempt)

    def save_interruption(self, name: str, interruption: Interruption | None) -> None:
        """Store that capacity is taken away; None: it is back."""
        self._update(
            name, interruption=None if interruption is None else json.dumps(asdict(interruption))
        )

    def save_artifacts(self, name: str, artifacts: Mapping[str, str], now: float) -> None:
        """Store where the job's outputs lie: kind -> URI."""
        self._update(
            name,
            lambda connection, row: follow_outputs(
                connection, self._job(row), row["component"], now
            ),
            artifacts=json.dumps(dict(artifacts)),
        )

    def note(self, name: str, text: str) -> None:
        """Add something the user should know."""
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE {self.table} SET notes = json_insert(notes, '$[#]', ?)"  # noqa: S608
                " WHERE region = ? AND name = ?",
                (text, self._region, name),
            )

    def request_stop(self, name: str, now: float) -> None:
        """Ask for a stop; it is remembered if nobody hears it now."""
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE {self.table} SET stop_requested = coalesce(stop_requested, ?)"  # noqa: S608
                " WHERE region = ? AND name = ?",
                (now, self._region, name),
            )

    def delete(self, name: str) -> None:
        """Forget the job what its hosts used and, unless a trial has it, its component."""
        with self._database.transaction() as connection:
            row = connection.execute(
                f"DELETE FROM {self.table} WHERE region = ? AND name = ? RETURNING component",  # noqa: S608
                (self._region, name),
            ).fetchone()
            if row is not None:
                leave(connection, row["component"])
                forget(connection, Owner(self._region, self.kind.name, name))

    def _update(
        self,
        name: str,
        follow: Callable[[sqlite3.Connection, sqlite3.Row], None] | None = None,
        **columns: Any,
    ) -> None:
        """Set columns; ``follow`` does more in the same transaction, told the new row."""
        marks = ", ".join(f"{column} = ?" for column in columns)
        with self._database.transaction() as connection:
            row = connection.execute(
                f"UPDATE {self.table} SET {marks} WHERE region = ? AND name = ? RETURNING *",  # noqa: S608
                (*columns.values(), self._region, name),
            ).fetchone()
            if follow is not None and row is not None:
                follow(connection, row)


def _steps(life: Life) -> str:
    return json.dumps([(s.status, s.start, s.end, s.message) for s in life.steps])


def members_of(row: sqlite3.Row) -> dict[str, Any]:
    """The members that jobs of all kinds have, from a row."""
    steps = tuple(
        Step(_SECONDARY[status], start, end, message)
        for status, start, end, message in orjson.loads(row["steps"])
    )
    return {
        "request": orjson.loads(row["request"]),
        "account": row["account"],
        "region": row["region"],
        "created": row["created"],
        "life": Life(
            steps, Secondary(row["ending"]) if row["ending"] else None, row["failure_reason"]
        ),
        "modified": row["modified"],
        "backend": row["backend"],
        "simulate": bool(row["simulate"]),
        "confined": bool(row["confined"]),
        "devices": tuple(map(tuple, orjson.loads(row["devices"]))) if row["devices"] else None,
        "launched": row["launched"],
        "attempt": row["attempt"],
        "stop_requested": row["stop_requested"],
        "interruption": Interruption(**orjson.loads(row["interruption"]))
        if row["interruption"]
        else None,
        "artifacts": orjson.loads(row["artifacts"]),
        "notes": tuple(orjson.loads(row["notes"])),
    }
