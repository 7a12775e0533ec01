"""Metric series as rows: append in batches, read series and last values."""

import math
from collections.abc import Iterator, Sequence

from sagelet.domain.metrics import Datum
from sagelet.domain.thinning import Point
from sagelet.store.database import Database

#: The last value of each name, by two look-ups a name, however long the series are.
_FINAL = """
WITH RECURSIVE names (name) AS (
    SELECT min(name) FROM metrics WHERE region = ?1 AND job = ?2
    UNION ALL
    SELECT (SELECT min(name) FROM metrics WHERE region = ?1 AND job = ?2 AND name > names.name)
    FROM names WHERE names.name IS NOT NULL
)
SELECT m.name, m.value, m.time FROM names JOIN metrics m
    ON m.region = ?1 AND m.job = ?2 AND m.name = names.name
    AND m.ordinal = (SELECT max(ordinal) FROM metrics
        WHERE region = ?1 AND job = ?2 AND name = names.name)
ORDER BY m.name
"""


class Metrics:
    """The metrics table, one region of it."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def append(self, job: str, host: str, data: Sequence[Datum]) -> None:
        """Add ``data`` of one host, in order."""
        with self._database.transaction() as connection:
            following = {
                name: connection.execute(
                    "SELECT coalesce(max(ordinal) + 1, 0) FROM metrics"
                    " WHERE region = ? AND job = ? AND name = ?",
                    (self._region, job, name),
                ).fetchone()[0]
                for name in {datum.name for datum in data}
            }
            rows = []
            for datum in data:
                ordinal = following[datum.name]
                following[datum.name] = ordinal + 1
                value = None if math.isnan(datum.value) else datum.value
                rows.append((self._region, job, datum.name, ordinal, host, datum.time, value))
            connection.executemany(
                "INSERT INTO metrics (region, job, name, ordinal, host, time, value)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def forget(self, job: str, host: str) -> None:
        """Drop a host's data, before its log is read again from the start."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM metrics WHERE region = ? AND job = ? AND host = ?",
                (self._region, job, host),
            )

    def final(self, job: str) -> list[Datum]:
        """The last value of each metric, by name."""
        rows = self._database.connection().execute(_FINAL, (self._region, job))
        return [Datum(name, _value(value), time) for name, value, time in rows]

    def series(
        self,
        job: str,
        name: str,
        *,
        host: str | None = None,
        since: float = -math.inf,
        until: float = math.inf,
    ) -> list[Datum]:
        """The values of one metric, in order; ``since`` and, excluded, ``until`` in epoch seconds.

        With ``host``, only that host's.
        """
        rows = self._database.connection().execute(
            "SELECT value, time FROM metrics WHERE region = ?1 AND job = ?2 AND name = ?3"
            " AND time >= ?4 AND time < ?5 AND (?6 IS NULL OR host = ?6) ORDER BY ordinal",
            (self._region, job, name, since, until, host),
        )
        return [Datum(name, _value(value), time) for value, time in rows]

    def points(self, job: str, name: str, *, low: int = 0, high: int = 1 << 62) -> list[Point]:
        """One metric's values with places and hosts, in order, from place ``low`` to ``high``."""
        rows = self._database.connection().execute(
            "SELECT ordinal, time, value, host FROM metrics WHERE region = ? AND job = ?"
            " AND name = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
            (self._region, job, name, low, high),
        )
        return [Point(step, time, _value(value), host) for step, time, value, host in rows]

    def names(
        self, *, job: str | None = None, name: str | None = None, after: tuple[str, str] = ("", "")
    ) -> Iterator[tuple[str, str, float]]:
        """(job, metric, time of its last value), in that order, from the one behind ``after`` on.

        With ``job`` or ``name``, only these. Each costs two steps into the index, however many
        values it has.
        """
        if job is not None and (job, "") > after:
            after = (job, "")
        while True:
            row = (
                self._database.connection()
                .execute(
                    "SELECT job, name FROM metrics WHERE region = ? AND (job, name) > (?, ?)"
                    " ORDER BY job, name LIMIT 1",
                    (self._region, *after),
                )
                .fetchone()
            )
            if row is None or (job is not None and row["job"] != job):
                return
            after = row["job"], row["name"]
            if name is None or after[1] == name:
                last = self._database.connection().execute(
                    "SELECT time FROM metrics WHERE region = ? AND job = ? AND name = ?"
                    " ORDER BY ordinal DESC LIMIT 1",
                    (self._region, *after),
                )
                yield *after, last.fetchone()[0]


def _value(stored: float | None) -> float:
    return math.nan if stored is None else stored
