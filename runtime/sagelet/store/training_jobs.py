"""Training jobs as rows. Which change is allowed is decided by the domain."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import orjson

from sagelet.domain.errors import NAME_TAKEN, ResourceInUse, ValidationException
from sagelet.domain.lifecycle import Life, Secondary, Step
from sagelet.domain.training import Interruption, TrainingJob, training_job_arn
from sagelet.store.database import Database
from sagelet.store.tags import write_tags
from sagelet.store.trial_components import enter, follow_life, follow_outputs, leave

#: SortBy of ListTrainingJobs -> the column that is compared.
_SORT_COLUMNS = {"Name": "name", "CreationTime": "created", "Status": "status"}

#: Whether a job's pool is warm, by the clock; ``?1`` is now. Mirrors ``domain.warm_pool``.
_WARM_STATUS = (
    "CASE WHEN pool_ended IS NOT NULL THEN 'Terminated' WHEN keep_alive = 0 THEN NULL"
    " WHEN over = 0 THEN 'InUse'"
    " WHEN reused_by IS NOT NULL THEN 'Reused'"
    " WHEN ended + keep_alive > ?1 THEN 'Available' ELSE 'Terminated' END"
)


_SECONDARY = {str(state): state for state in Secondary}

_PLAN = "json_extract(request, '$.ResourceConfig.TrainingPlanArn')"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs a listing wants; times in epoch seconds, bounds as the API has them."""

    name_contains: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    status: str | None = None
    warm_pool: str | None = None
    training_plan: str | None = None


@dataclass(frozen=True, slots=True)
class JobRow:
    """What a listing shows of a job; ``sort`` is its value in the column sorted by."""

    name: str
    account: str
    created: float
    modified: float
    status: str
    secondary: str
    ended: float | None
    keep_alive: int
    reused_by: str | None
    reused_at: float | None
    pool_ended: float | None
    training_plan: str | None
    sort: str | float

    def arn(self, region: str) -> str:
        """TrainingJobArn."""
        return training_job_arn(self.account, region, self.name)


class PlacedJob(NamedTuple):
    """A live job and the backend that runs it; ``created`` in epoch seconds."""

    region: str
    name: str
    created: float
    backend: str


class TrainingJobs:
    """The training_jobs table, one region of it."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def add(self, job: TrainingJob, tags: Mapping[str, str] | None = None) -> None:
        """Remember a new job, its tags, and its trial component.

        Raises:
            ResourceInUse: the name is taken.
            DomainError: its ExperimentConfig is refused.
        """
        life = job.life
        row: dict[str, Any] = {
            "region": job.region,
            "name": job.name,
            "request": json.dumps(job.request),
            "account": job.account,
            "created": job.created,
            "modified": job.created,
            "status": life.primary,
            "secondary": life.secondary,
            "steps": _steps(life),
            "simulate": int(job.simulate),
            "confined": int(job.confined),
            "devices": None if job.devices is None else json.dumps(job.devices),
            "keep_alive": job.keep_alive,
        }
        try:
            with self._database.transaction() as connection:
                row["component"] = enter(connection, job)
                columns, marks = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(
                    f"INSERT INTO training_jobs ({columns}) VALUES ({marks})",  # noqa: S608
                    tuple(row.values()),
                )
                write_tags(connection, job.arn, tags or {})
        except sqlite3.IntegrityError:
            raise ResourceInUse(NAME_TAKEN.format(arn=job.arn)) from None

    def get(self, name: str) -> TrainingJob:
        """The job of that name.

        Raises:
            ValidationException: there is none (SageMaker's own code for it).
        """
        row = self._row(name)
        if row is None:
            raise ValidationException("Requested resource not found.")
        return read_job(row)

    def by_row(self, rows: Sequence[int]) -> dict[int, TrainingJob]:
        """Jobs by the numbers of their rows."""
        found = self._database.connection().execute(
            "SELECT rowid AS number, * FROM training_jobs"
            " WHERE rowid IN (SELECT value FROM json_each(?))",
            (json.dumps(rows),),
        )
        return {row["number"]: read_job(row) for row in found}

    def of_components(self, components: Sequence[int]) -> dict[int, TrainingJob]:
        """Jobs by the rows of their trial components."""
        found = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE component IN (SELECT value FROM json_each(?))",
            (json.dumps(components),),
        )
        return {row["component"]: read_job(row) for row in found}

    def has(self, name: str) -> bool:
        """Whether there is a job of that name, in whatever case: ARNs have it in lower case."""
        row = (
            self._database.connection()
            .execute(
                "SELECT 1 FROM training_jobs WHERE region = ? AND name = ? COLLATE NOCASE",
                (self._region, name),
            )
            .fetchone()
        )
        return row is not None

    def _row(self, name: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = (
            self._database.connection()
            .execute(
                "SELECT * FROM training_jobs WHERE region = ? AND name = ?", (self._region, name)
            )
            .fetchone()
        )
        return row

    def select(
        self,
        wanted: Filter,
        sort_by: str,
        *,
        descending: bool,
        limit: int,
        after: tuple[str | float, str] | None,
        now: float,
    ) -> Sequence[JobRow]:
        """At most ``limit`` jobs in order; ``after`` is (sort, name) of the last one seen."""
        column = _SORT_COLUMNS[sort_by]
        clauses: list[str] = ["region = ?"]
        values: list[Any] = [self._region]
        for text, value in (
            ("instr(lower(name), lower(?)) > 0", wanted.name_contains),
            ("created > ?", wanted.created_after),
            ("created < ?", wanted.created_before),
            ("modified > ?", wanted.modified_after),
            ("modified < ?", wanted.modified_before),
            ("status = ?", wanted.status),
            (f"{_PLAN} = ?", wanted.training_plan),
        ):
            if value is not None:
                clauses.append(text)
                values.append(value)
        if wanted.warm_pool is not None:
            clauses.append(f"{_WARM_STATUS.replace('?1', '?')} = ?")
            values += [now, wanted.warm_pool]
        order = "DESC" if descending else "ASC"
        if after is not None:
            clauses.append(f"({column}, name) {'<' if descending else '>'} (?, ?)")
            values += after
        # What is shown is read of the rows that are shown: requests can be large, and are many.
        rows = self._database.connection().execute(
            f"SELECT name, account, created, modified, status, secondary, ended, keep_alive,"  # noqa: S608
            f" reused_by, reused_at, pool_ended, {_PLAN}, {column}"
            " FROM training_jobs WHERE rowid IN ("
            f"SELECT rowid FROM training_jobs WHERE {' AND '.join(clauses)}"
            f" ORDER BY {column} {order}, name {order} LIMIT ?)"
            f" ORDER BY {column} {order}, name {order}",
            (*values, limit),
        )
        return [JobRow(*row) for row in rows]

    def newest(self, limit: int) -> list[TrainingJob]:
        """The last jobs created, newest first."""
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE region = ? ORDER BY created DESC, name LIMIT ?",
            (self._region, limit),
        )
        return [read_job(row) for row in rows]

    def everywhere(self, limit: int) -> list[dict[str, Any]]:
        """The last jobs created in any region, newest first: what an overview shows of them."""
        rows = self._database.connection().execute(
            "SELECT name, region, status, secondary, created FROM training_jobs"
            " ORDER BY rowid DESC LIMIT ?",
            (limit,),
        )
        return [dict(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """TrainingJobStatus -> number of jobs, over all regions."""
        rows = self._database.connection().execute(
            "SELECT status, count(*) FROM training_jobs GROUP BY status"
        )
        return dict(rows.fetchall())

    def live(self) -> list[TrainingJob]:
        """Jobs of all regions that have not ended, in the order they came."""
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE over = 0 ORDER BY created, rowid"
        )
        return [read_job(row) for row in rows]

    def placed(self) -> list[PlacedJob]:
        """Jobs of all regions that have a backend and have not ended; cheap, however many wait."""
        rows = self._database.connection().execute(
            "SELECT region, name, created, backend FROM training_jobs"
            " WHERE over = 0 AND backend IS NOT NULL"
        )
        return [PlacedJob(*row) for row in rows]

    def save_life(self, name: str, life: Life, now: float) -> None:
        """Store a job's new life, which its trial component shows too."""
        self._update(
            name,
            follow=lambda connection: follow_life(connection, self._region, name, life, now),
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
            follow=lambda connection: follow_outputs(
                connection, self._region, name, artifacts, now
            ),
            artifacts=json.dumps(dict(artifacts)),
        )

    def save_request(self, name: str, request: Mapping[str, Any], keep_alive: int) -> None:
        """Store a request that UpdateTrainingJob changed."""
        self._update(name, request=json.dumps(request), keep_alive=keep_alive)

    def save_pool_end(self, name: str, now: float) -> None:
        """Store that the job's warm pool was ended."""
        self._update(name, pool_ended=now)

    def save_reuse(self, name: str, by: str, now: float) -> None:
        """Store that the job ``by`` took over this one's warm pool."""
        self._update(name, reused_by=by, reused_at=now)

    def warm(self, now: float) -> list[TrainingJob]:
        """Ended jobs whose pool is still warm, the one that ends first first."""
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE region = ? AND keep_alive > 0 AND over = 1"
            " AND reused_by IS NULL AND ended + keep_alive > ? ORDER BY ended + keep_alive",
            (self._region, now),
        )
        return [read_job(row) for row in rows]

    def note(self, name: str, text: str) -> None:
        """Add something the user should know."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE training_jobs SET notes = json_insert(notes, '$[#]', ?)"
                " WHERE region = ? AND name = ?",
                (text, self._region, name),
            )

    def request_stop(self, name: str, now: float) -> None:
        """Ask for a stop; it is remembered if nobody hears it now."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE training_jobs SET stop_requested = coalesce(stop_requested, ?)"
                " WHERE region = ? AND name = ?",
                (now, self._region, name),
            )

    def delete(self, name: str) -> None:
        """Forget the job and, unless a trial has it, its component with its metrics."""
        with self._database.transaction() as connection:
            leave(connection, self._region, name)
            connection.execute(
                "DELETE FROM training_jobs WHERE region = ? AND name = ?", (self._region, name)
            )

    def _update(
        self,
        name: str,
        follow: Callable[[sqlite3.Connection], None] | None = None,
        **columns: Any,
    ) -> None:
        """Set columns; ``follow`` does more in the same transaction."""
        marks = ", ".join(f"{column} = ?" for column in columns)
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE training_jobs SET {marks} WHERE region = ? AND name = ?",  # noqa: S608
                (*columns.values(), self._region, name),
            )
            if follow is not None:
                follow(connection)


def _steps(life: Life) -> str:
    return json.dumps([(s.status, s.start, s.end, s.message) for s in life.steps])


def read_job(row: sqlite3.Row) -> TrainingJob:
    """A job from a whole row of its table."""
    steps = tuple(
        Step(_SECONDARY[status], start, end, message)
        for status, start, end, message in orjson.loads(row["steps"])
    )
    return TrainingJob(
        request=orjson.loads(row["request"]),
        account=row["account"],
        region=row["region"],
        created=row["created"],
        life=Life(
            steps, Secondary(row["ending"]) if row["ending"] else None, row["failure_reason"]
        ),
        modified=row["modified"],
        backend=row["backend"],
        simulate=bool(row["simulate"]),
        confined=bool(row["confined"]),
        devices=tuple(map(tuple, orjson.loads(row["devices"]))) if row["devices"] else None,
        launched=row["launched"],
        attempt=row["attempt"],
        stop_requested=row["stop_requested"],
        interruption=Interruption(**orjson.loads(row["interruption"]))
        if row["interruption"]
        else None,
        artifacts=orjson.loads(row["artifacts"]),
        notes=tuple(orjson.loads(row["notes"])),
        reused_by=row["reused_by"],
        reused_at=row["reused_at"],
        pool_ended=row["pool_ended"],
    )
