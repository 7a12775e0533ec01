"""Metrics of training jobs: what their hosts print or write, as series of their trial components.

What of it belongs to which host is remembered, for it is told again from the start after a crash.
"""

import json
import math
from collections.abc import Iterator, Sequence

from sagelet.domain.metrics import Datum
from sagelet.domain.thinning import Point
from sagelet.store import series
from sagelet.store.database import Database


class Metrics:
    """The series of one region's training jobs."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def append(self, job: str, host: str, data: Sequence[Datum]) -> None:
        """Add ``data`` of one host, in order."""
        if not data:
            return
        with self._database.transaction() as connection:
            component = self._component(job)
            if component is not None:
                series.append(connection, self._region, component, data, host)

    def forget(self, job: str, host: str) -> None:
        """Drop a host's data, before its log is read again from the start."""
        with self._database.transaction() as connection:
            component = self._component(job)
            if component is not None:
                series.forget(connection, component, host)

    def final(self, job: str) -> list[Datum]:
        """The last value of each metric, by name."""
        component = self._component(job)
        if component is None:
            return []
        found = series.summaries(self._database.connection(), [component])
        return [Datum(name, s.last, s.time) for name, s in found.get(component, ())]

    def finals(self, jobs: Sequence[str]) -> dict[str, dict[str, float]]:
        """The last values of the metrics of each of these jobs that has some."""
        connection = self._database.connection()
        rows = connection.execute(
            "SELECT name, component FROM training_jobs WHERE region = ? AND component IS NOT NULL"
            " AND name IN (SELECT value FROM json_each(?))",
            (self._region, json.dumps(list(jobs))),
        )
        names = {component: name for name, component in rows}
        found = series.summaries(connection, list(names))
        return {
            names[component]: {name: summary.last for name, summary in metrics}
            for component, metrics in found.items()
        }

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
        connection = self._database.connection()
        component = self._component(job)
        found = component and series.find(connection, self._region, component, name)
        if not found:
            return []
        rows = series.points(connection, found, host=host, since=since, until=until)
        return [Datum(name, value, time, step) for value, time, step in rows]

    def points(self, job: str, name: str, *, low: int = 0, high: int = 1 << 62) -> list[Point]:
        """One metric's values with places and hosts, in order, from place ``low`` to ``high``."""
        connection = self._database.connection()
        component = self._component(job)
        found = component and series.find(connection, self._region, component, name)
        return series.places(connection, found, low, high) if found else []

    def thinned(
        self, job: str, name: str, width: int, low: int = 0, high: int = 1 << 62
    ) -> Sequence[Point]:
        """The same, thinned to a width in pixels."""
        connection = self._database.connection()
        component = self._component(job)
        found = component and series.find(connection, self._region, component, name)
        return series.thinned(connection, found, width, low, high) if found else []

    def following(self, job: str) -> dict[str, int]:
        """The metrics of a job, and the place that the next value of each gets."""
        component = self._component(job)
        found = self._database.connection()
        return {} if component is None else series.following(found, component)

    def names(
        self, *, job: str | None = None, name: str | None = None, after: tuple[str, str] = ("", "")
    ) -> Iterator[tuple[str, str, float]]:
        """(job, metric, time of its last value), in that order, from the one behind ``after`` on.

        With ``job`` or ``name``, only these.
        """
        rows = self._database.connection().execute(
            "SELECT training_jobs.name, property_names.name, series.time FROM training_jobs"
            " JOIN series ON series.component = training_jobs.component"
            " JOIN property_names ON property_names.id = series.name"
            " WHERE training_jobs.region = :region AND training_jobs.name >= :job_after"
            " AND (training_jobs.name, property_names.name) > (:job_after, :name_after)"
            " AND (:job IS NULL OR training_jobs.name = :job)"
            " AND (:name IS NULL OR property_names.name = :name)"
            " ORDER BY training_jobs.name, property_names.name",
            {
                "region": self._region,
                "job_after": after[0],
                "name_after": after[1],
                "job": job,
                "name": name,
            },
        )
        for found in rows:
            yield tuple(found)

    def _component(self, job: str) -> int | None:
        row = (
            self._database.connection()
            .execute(
                "SELECT component FROM training_jobs WHERE region = ? AND name = ?",
                (self._region, job),
            )
            .fetchone()
        )
        return None if row is None else row[0]
