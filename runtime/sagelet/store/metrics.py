"""Metric series as rows: append in batches, read series and last values."""

import math
from collections.abc import Sequence

from sagelet.domain.metrics import Datum
from sagelet.store.database import Database


class Metrics:
    """The metrics table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, job: str, host: str, data: Sequence[Datum]) -> None:
        """Add ``data`` of one host, in order."""
        with self._database.transaction() as connection:
            following = {
                name: connection.execute(
                    "SELECT coalesce(max(ordinal) + 1, 0) FROM metrics WHERE job = ? AND name = ?",
                    (job, name),
                ).fetchone()[0]
                for name in {datum.name for datum in data}
            }
            rows = []
            for datum in data:
                ordinal = following[datum.name]
                following[datum.name] = ordinal + 1
                value = None if math.isnan(datum.value) else datum.value
                rows.append((job, datum.name, ordinal, host, datum.time, value))
            connection.executemany(
                "INSERT INTO metrics (job, name, ordinal, host, time, value)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def forget(self, job: str, host: str) -> None:
        """Drop a host's data, before its log is read again from the start."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM metrics WHERE job = ? AND host = ?", (job, host))

    def final(self, job: str) -> list[Datum]:
        """The last value of each metric, by name."""
        rows = self._database.connection().execute(
            "SELECT name, value, time, max(ordinal) FROM metrics WHERE job = ?"
            " GROUP BY name ORDER BY name",
            (job,),
        )
        return [Datum(name, _value(value), time) for name, value, time, _ in rows]

    def series(self, job: str, name: str) -> list[Datum]:
        """All values of one metric, in order."""
        rows = self._database.connection().execute(
            "SELECT value, time FROM metrics WHERE job = ? AND name = ? ORDER BY ordinal",
            (job, name),
        )
        return [Datum(name, _value(value), time) for value, time in rows]


def _value(stored: float | None) -> float:
    return math.nan if stored is None else stored
