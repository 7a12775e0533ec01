"""Processing jobs as rows: what they have beyond those of other kinds."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from sagelet.domain.processing import PROCESSING, ProcessingJob
from sagelet.store.jobs import Filter, Jobs, members_of


@dataclass(frozen=True, slots=True)
class ProcessingRow:
    """What a listing shows of a job; ``sort`` is its value in the column sorted by."""

    name: str
    account: str
    created: float
    modified: float
    status: str
    ended: float | None
    failure_reason: str | None
    exit_message: str | None
    sort: str | float

    def arn(self, region: str) -> str:
        """ProcessingJobArn."""
        return PROCESSING.arn(self.account, region, self.name)


class ProcessingJobs(Jobs[ProcessingJob]):
    """The processing_jobs table, one region of it."""

    made = ProcessingJob
    table = "processing_jobs"

    def _job(self, row: sqlite3.Row) -> ProcessingJob:
        return ProcessingJob(**members_of(row), exit_message=row["exit_message"])

    def select(
        self,
        wanted: Filter,
        sort_by: str,
        *,
        descending: bool,
        limit: int,
        after: tuple[str | float, str] | None,
    ) -> Sequence[ProcessingRow]:
        """At most ``limit`` jobs in order; ``after`` is (sort, name) of the last one seen."""
        clauses, values = wanted.clauses()
        rows = self._select(
            "name, account, created, modified, status, ended, failure_reason, exit_message",
            clauses,
            values,
            sort_by,
            descending=descending,
            limit=limit,
            after=after,
        )
        return [ProcessingRow(*row) for row in rows]

    def save_exit_message(self, name: str, text: str | None) -> None:
        """Store its ExitMessage."""
        self._update(name, exit_message=text)
