"""Jobs of all kinds as a person looks through them: words, conditions, any order, any part.

The API's own listings are in ``training_jobs`` and ``processing_jobs``; this one also knows metrics
and parameters.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sagelet.domain.errors import DomainError
from sagelet.domain.jobs import Job, Kind
from sagelet.domain.processing import PROCESSING
from sagelet.domain.training import TRAINING
from sagelet.store.database import Database
from sagelet.store.jobs import Jobs
from sagelet.store.wishes import Clauses, Wanted, place_of, tracked

#: What a listing can be ordered by -> how SQL says it.
_SORTS = {
    "name": "lower(name)",
    "status": "status",
    "created": "created",
    "duration": "coalesce(ended, unixepoch('subsec')) - created",
}


class _Request(NamedTuple):
    """Where a kind's request has what a listing can be ordered by."""

    hosts: str
    image: str


_REQUESTS = {
    TRAINING.name: _Request(
        "$.ResourceConfig.InstanceCount", "$.AlgorithmSpecification.TrainingImage"
    ),
    PROCESSING.name: _Request(
        "$.ProcessingResources.ClusterConfig.InstanceCount", "$.AppSpecification.ImageUri"
    ),
}


class JobTable:
    """One region's jobs; ``kinds`` are those of each kind."""

    def __init__(self, database: Database, region: str, kinds: Sequence[Jobs[Any]]) -> None:
        self._database = database
        self._region = region
        self._kinds = kinds

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        total = 0
        for jobs in self._of(wanted):
            where = self._where(wanted, jobs)
            row = self._database.connection().execute(
                f"SELECT count(*) FROM {jobs.table} WHERE {where.text}",  # noqa: S608 - our own texts
                where.values,
            )
            total += int(row.fetchone()[0])
        return total

    def rows(self, wanted: Wanted, start: int, limit: int) -> list[Job]:
        """At most ``limit`` of them, from number ``start`` on."""
        parts: list[str] = []
        values: list[Any] = []
        for jobs in self._of(wanted):
            where = self._where(wanted, jobs)
            place, given = place_of(wanted, _sorts(jobs.kind), self._region, _component(jobs))
            number = self._kinds.index(jobs)
            parts.append(
                f"SELECT {number} AS kind, rowid AS number, {place} AS place, created, name"  # noqa: S608 - our own texts
                f" FROM {jobs.table} WHERE {where.text}"
            )
            values += (*given, *where.values)
        if not parts:
            return []
        way = "DESC" if wanted.descending else "ASC"
        after = "created DESC, name" if wanted.by_tracked else f"name {way}"
        found = self._database.connection().execute(
            f"{' UNION ALL '.join(parts)}"
            f" ORDER BY place {way} NULLS LAST, {after} LIMIT ? OFFSET ?",
            (*values, limit, start),
        )
        return self._read([(row["kind"], row["number"]) for row in found])

    def changed(self, since: float, limit: int) -> list[Job]:
        """Those with a new state at or after ``since`` (epoch seconds), the last ``limit``."""
        found: list[Job] = []
        for jobs in self._kinds:
            rows = self._database.connection().execute(
                f"SELECT rowid FROM {jobs.table} WHERE region = ? AND modified >= ?"  # noqa: S608
                " ORDER BY modified DESC LIMIT ?",
                (self._region, since, limit),
            )
            found += jobs.by_row([row[0] for row in rows]).values()
        return sorted(found, key=lambda job: -job.modified)[:limit]

    def components(self, wanted: Iterable[Job]) -> dict[str, int]:
        """The rows of these jobs' trial components, by the jobs' keys."""
        names: dict[str, list[str]] = {}
        for job in wanted:
            names.setdefault(job.kind.name, []).append(job.name)
        found: dict[str, int] = {}
        for jobs in self._kinds:
            rows = self._database.connection().execute(
                f"SELECT name, component FROM {jobs.table}"  # noqa: S608
                " WHERE region = ? AND component IS NOT NULL"
                " AND name IN (SELECT value FROM json_each(?))",
                (self._region, json.dumps(names.get(jobs.kind.name, []))),
            )
            found |= {jobs.kind.key(row["name"]): row["component"] for row in rows}
        return found

    def find(self, key: str) -> Job | None:
        """The job that this machine knows by ``key``."""
        # A training job's key is its name, which has no dot.
        of_kind = sorted(self._kinds, key=lambda jobs: -len(jobs.kind.prefix))
        jobs = next(each for each in of_kind if key.startswith(each.kind.prefix))
        try:
            job: Job = jobs.get(key.removeprefix(jobs.kind.prefix))
        except DomainError:
            return None
        return job

    def counts(self) -> dict[str, int]:
        """Status -> number of jobs of all kinds."""
        found: dict[str, int] = {}
        for jobs in self._kinds:
            for status, count in jobs.counts(self._region).items():
                found[status] = found.get(status, 0) + count
        return found

    def _of(self, wanted: Wanted) -> list[Jobs[Any]]:
        return [each for each in self._kinds if not wanted.kinds or each.kind.name in wanted.kinds]

    def _read(self, places: Sequence[tuple[int, int]]) -> list[Job]:
        """The jobs at (kind, row), in that order."""
        found: dict[tuple[int, int], Job] = {}
        for kind, jobs in enumerate(self._kinds):
            mine = jobs.by_row([row for each, row in places if each == kind])
            found |= {(kind, row): job for row, job in mine.items()}
        return [found[place] for place in places if place in found]

    def _where(self, wanted: Wanted, jobs: Jobs[Any]) -> Clauses:
        where = Clauses()
        where.add("region = ?", self._region)
        for word in wanted.words:
            where.add("instr(lower(name), lower(?)) > 0", word)
        if wanted.statuses:
            marks = ", ".join("?" * len(wanted.statuses))
            names = [status.lower() for status in wanted.statuses] * 2
            where.add(f"(lower(status) IN ({marks}) OR lower(secondary) IN ({marks}))", *names)
        tracked(where, wanted, self._region, _component(jobs))
        return where


def _component(jobs: Jobs[Any]) -> str:
    return f"{jobs.table}.component"


def _sorts(kind: Kind) -> dict[str, str]:
    request = _REQUESTS[kind.name]
    return {
        **_SORTS,
        "hosts": f"coalesce(json_extract(request, '{request.hosts}'), 1)",
        "image": f"json_extract(request, '{request.image}')",
    }
