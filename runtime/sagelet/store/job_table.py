"""Training jobs as a person looks through them: words, conditions, any order, any part.

The API's own listing is in ``training_jobs``; this one also knows metrics, by their last values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.training import TrainingJob
from sagelet.store.database import Database
from sagelet.store.training_jobs import read_job

_LAST = (
    "(SELECT last FROM series s JOIN property_names n ON n.id = s.name"
    " WHERE s.component = training_jobs.component AND n.kind = 'metric' AND n.name = ?"
    " AND n.region = training_jobs.region)"
)

#: What a listing can be ordered by -> how SQL says it.
_SORTS = {
    "name": "name COLLATE NOCASE",
    "status": "status",
    "created": "created",
    "duration": "coalesce(ended, unixepoch('subsec')) - created",
    "hosts": "coalesce(json_extract(request, '$.ResourceConfig.InstanceCount'), 1)",
    "image": "json_extract(request, '$.AlgorithmSpecification.TrainingImage')",
}

OPERATORS = frozenset({"<", "<=", ">", ">=", "=", "!="})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs: all ``words`` in the name, a status among ``statuses``, each metric condition.

    ``sort`` is one of name, status, created, duration, hosts, image, or ``metric.<name>``.
    """

    words: Sequence[str] = ()
    statuses: Sequence[str] = ()
    metrics: Sequence[tuple[str, str, float]] = ()
    sort: str = "created"
    descending: bool = True


class JobTable:
    """One region's jobs."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        where, values = self._where(wanted)
        row = self._database.connection().execute(
            f"SELECT count(*) FROM training_jobs WHERE {where}",  # noqa: S608 - our own texts
            values,
        )
        return int(row.fetchone()[0])

    def rows(self, wanted: Wanted, start: int, limit: int) -> list[TrainingJob]:
        """At most ``limit`` of them, from number ``start`` on."""
        where, values = self._where(wanted)
        order, extra = _order(wanted)
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE rowid IN ("  # noqa: S608 - our own texts
            f"SELECT rowid FROM training_jobs WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?)"
            f" ORDER BY {order}",
            (*values, *extra, limit, start, *extra),
        )
        return [read_job(row) for row in rows]

    def changed(self, since: float, limit: int) -> list[TrainingJob]:
        """Those with a new state at or after ``since`` (epoch seconds), the last ``limit``."""
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE region = ? AND modified >= ?"
            " ORDER BY modified DESC LIMIT ?",
            (self._region, since, limit),
        )
        return [read_job(row) for row in rows]

    def regions(self) -> list[str]:
        """The regions that have jobs."""
        rows = self._database.connection().execute(
            "SELECT DISTINCT region FROM training_jobs ORDER BY region"
        )
        return [row[0] for row in rows]

    def _where(self, wanted: Wanted) -> tuple[str, list[Any]]:
        clauses: list[str] = ["region = ?"]
        values: list[Any] = [self._region]
        for word in wanted.words:
            clauses.append("instr(lower(name), lower(?)) > 0")
            values.append(word)
        if wanted.statuses:
            marks = ", ".join("?" * len(wanted.statuses))
            clauses.append(f"(lower(status) IN ({marks}) OR lower(secondary) IN ({marks}))")
            values += [status.lower() for status in wanted.statuses] * 2
        for name, operator, value in wanted.metrics:
            if operator not in OPERATORS:
                raise ValueError(operator)
            clauses.append(f"{_LAST} {operator} ?")
            values += [name, value]
        return " AND ".join(clauses), values


def _order(wanted: Wanted) -> tuple[str, list[Any]]:
    way = "DESC" if wanted.descending else "ASC"
    if wanted.sort.startswith("metric."):
        return f"{_LAST} {way} NULLS LAST, created DESC, name", [wanted.sort[len("metric.") :]]
    return f"{_SORTS.get(wanted.sort, 'created')} {way}, name {way}", []
