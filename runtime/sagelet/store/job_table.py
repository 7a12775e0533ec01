"""Training jobs as a person looks through them: words, conditions, any order, any part.

The API's own listing is in ``training_jobs``; this one also knows metrics and parameters.
"""

import json
from collections.abc import Iterable

from sagelet.domain.training import TrainingJob
from sagelet.store.database import Database
from sagelet.store.training_jobs import read_job
from sagelet.store.wishes import Clauses, Wanted, order_of, tracked

#: What a listing can be ordered by -> how SQL says it.
_SORTS = {
    "name": "name COLLATE NOCASE",
    "status": "status",
    "created": "created",
    "duration": "coalesce(ended, unixepoch('subsec')) - created",
    "hosts": "coalesce(json_extract(request, '$.ResourceConfig.InstanceCount'), 1)",
    "image": "json_extract(request, '$.AlgorithmSpecification.TrainingImage')",
}

_COMPONENT = "training_jobs.component"


class JobTable:
    """One region's jobs."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        where = self._where(wanted)
        row = self._database.connection().execute(
            f"SELECT count(*) FROM training_jobs WHERE {where.text}",  # noqa: S608 - our own texts
            where.values,
        )
        return int(row.fetchone()[0])

    def rows(self, wanted: Wanted, start: int, limit: int) -> list[TrainingJob]:
        """At most ``limit`` of them, from number ``start`` on."""
        where = self._where(wanted)
        order = order_of(wanted, _SORTS, self._region, _COMPONENT)
        rows = self._database.connection().execute(
            "SELECT * FROM training_jobs WHERE rowid IN ("  # noqa: S608 - our own texts
            f"SELECT rowid FROM training_jobs WHERE {where.text}"
            f" ORDER BY {order.text} LIMIT ? OFFSET ?) ORDER BY {order.text}",
            (*where.values, *order.values, limit, start, *order.values),
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

    def components(self, names: Iterable[str]) -> dict[str, int]:
        """The rows of these jobs' trial components."""
        rows = self._database.connection().execute(
            "SELECT name, component FROM training_jobs WHERE region = ? AND component IS NOT NULL"
            " AND name IN (SELECT value FROM json_each(?))",
            (self._region, json.dumps(list(names))),
        )
        return {row["name"]: row["component"] for row in rows}

    def regions(self) -> list[str]:
        """The regions that have jobs."""
        rows = self._database.connection().execute(
            "SELECT DISTINCT region FROM training_jobs ORDER BY region"
        )
        return [row[0] for row in rows]

    def _where(self, wanted: Wanted) -> Clauses:
        where = Clauses()
        where.add("region = ?", self._region)
        for word in wanted.words:
            where.add("instr(lower(name), lower(?)) > 0", word)
        if wanted.statuses:
            marks = ", ".join("?" * len(wanted.statuses))
            names = [status.lower() for status in wanted.statuses] * 2
            where.add(f"(lower(status) IN ({marks}) OR lower(secondary) IN ({marks}))", *names)
        tracked(where, wanted, self._region, _COMPONENT)
        return where
