"""Training jobs as rows: what they have beyond those of other kinds."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.training import TrainingJob, training_job_arn
from sagelet.store import jobs
from sagelet.store.jobs import Jobs, members_of

#: Whether a job's pool is warm, by the clock; ``?`` is now. Mirrors ``domain.warm_pool``.
_WARM_STATUS = (
    "CASE WHEN pool_ended IS NOT NULL THEN 'Terminated' WHEN keep_alive = 0 THEN NULL"
    " WHEN over = 0 THEN 'InUse'"
    " WHEN reused_by IS NOT NULL THEN 'Reused'"
    " WHEN ended + keep_alive > ? THEN 'Available' ELSE 'Terminated' END"
)


_PLAN = "json_extract(request, '$.ResourceConfig.TrainingPlanArn')"


@dataclass(frozen=True, slots=True)
class Filter(jobs.Filter):
    """Which training jobs a listing wants."""

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


class TrainingJobs(Jobs[TrainingJob]):
    """The training_jobs table, one region of it."""

    made = TrainingJob
    table = "training_jobs"

    def _columns(self, job: TrainingJob) -> dict[str, Any]:
        return {**super()._columns(job), "keep_alive": job.keep_alive}

    def _job(self, row: sqlite3.Row) -> TrainingJob:
        return TrainingJob(
            **members_of(row),
            reused_by=row["reused_by"],
            reused_at=row["reused_at"],
            pool_ended=row["pool_ended"],
        )

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
        clauses, values = wanted.clauses()
        if wanted.training_plan is not None:
            clauses.append(f"{_PLAN} = ?")
            values.append(wanted.training_plan)
        if wanted.warm_pool is not None:
            clauses.append(f"{_WARM_STATUS} = ?")
            values += [now, wanted.warm_pool]
        rows = self._select(
            "name, account, created, modified, status, secondary, ended, keep_alive, reused_by,"
            f" reused_at, pool_ended, {_PLAN}",
            clauses,
            values,
            sort_by,
            descending=descending,
            limit=limit,
            after=after,
        )
        return [JobRow(*row) for row in rows]

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
        return [self._job(row) for row in rows]
