"""Trial components as a person looks through them: any order, any part, what their columns are."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sagelet.domain.processing import PROCESSING
from sagelet.domain.thinning import Point
from sagelet.domain.training import TRAINING
from sagelet.store import series
from sagelet.store.database import Database
from sagelet.store.series import AT_STEP
from sagelet.store.wishes import (
    AtStep,
    Clauses,
    Wanted,
    order_of,
    statistic_of,
    tracked,
    value_of,
)

#: What a listing can be ordered by -> how SQL says it.
_SORTS = {
    "name": "name COLLATE NOCASE",
    "title": "coalesce(json_extract(document, '$.DisplayName'), name) COLLATE NOCASE",
    "status": "json_extract(document, '$.Status.PrimaryStatus')",
    "created": "created",
    "modified": "modified",
    "duration": "coalesce(json_extract(document, '$.EndTime'), unixepoch('subsec'))"
    " - json_extract(document, '$.StartTime')",
}

_COMPONENT = "trial_components.id"

#: The jobs of each kind: a component may be one's.
_TABLES = ((TRAINING, "training_jobs"), (PROCESSING, "processing_jobs"))


@dataclass(frozen=True, slots=True)
class ParameterColumn:
    """A parameter among some components: how many have it, how many values there are of it."""

    name: str
    holders: int
    values: int
    numeric: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """A statistic of a metric among some components: how many have it as a number, and what."""

    count: int
    mean: float  #: of infinities NaN
    low: float
    high: float


#: A parameter's value; None where there is none.
Value = float | str | None


class ComponentTable:
    """One region's trial components."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        where = self._where(wanted)
        row = self._database.connection().execute(
            f"SELECT count(*) FROM trial_components WHERE {where.text}",  # noqa: S608
            where.values,
        )
        return int(row.fetchone()[0])

    def rows(self, wanted: Wanted, start: int, limit: int) -> list[int]:
        """The numbers of at most ``limit`` of them, from ``start`` on."""
        where = self._where(wanted)
        order = order_of(wanted, _SORTS, self._region, _COMPONENT)
        rows = self._database.connection().execute(
            f"SELECT id FROM trial_components WHERE {where.text}"  # noqa: S608 - our own texts
            f" ORDER BY {order.text}, id DESC LIMIT ? OFFSET ?",
            (*where.values, *order.values, limit, start),
        )
        return [row[0] for row in rows]

    def values(self, wanted: Wanted, most: int) -> dict[Value, int]:
        """How many have each value of the parameter that gathers them; the first ``most``."""
        gathered = self._gathered(wanted)
        found = self._database.connection().execute(
            f"{gathered.text} SELECT value, count(*) FROM gathered"  # noqa: S608
            " GROUP BY value ORDER BY value NULLS LAST LIMIT ?",
            (*gathered.values, most),
        )
        return {row[0]: row[1] for row in found}

    def figures(
        self, wanted: Wanted, statistic: str, metrics: Sequence[str]
    ) -> dict[tuple[Value, str], Figures]:
        """A statistic of each of these metrics, by the value that gathers them and the metric."""
        gathered = self._gathered(wanted)
        figure, given = statistic_of(statistic) or ("s.last", ())
        found = self._database.connection().execute(
            f"{gathered.text}, figured AS MATERIALIZED (SELECT g.value AS value, n.name AS name,"  # noqa: S608
            f" {figure} AS figure FROM gathered g JOIN series s ON s.component = g.id"
            " JOIN property_names n ON n.id = s.name"
            " WHERE n.name IN (SELECT value FROM json_each(?)))"
            " SELECT value, name, count(figure), coalesce(avg(figure), 'NaN'), min(figure),"
            " max(figure) FROM figured GROUP BY value, name HAVING count(figure) > 0",
            (*gathered.values, *given, json.dumps(list(metrics))),
        )
        return {(row[0], row[1]): Figures(row[2], float(row[3]), *row[4:]) for row in found}

    def named(self, names: Sequence[str]) -> dict[str, int]:
        """The numbers of components by their names, or their jobs' keys."""
        found: dict[str, int] = {}
        for kind, table in _TABLES:
            keys = [name for name in names if name.startswith(kind.prefix)]
            rows = self._database.connection().execute(
                f"SELECT value, c.id FROM json_each(?) JOIN {table} j"  # noqa: S608
                " ON j.region = ? AND j.name = value"
                " JOIN trial_components c ON c.id = j.component WHERE c.deleted = 0",
                (json.dumps([key.removeprefix(kind.prefix) for key in keys]), self._region),
            )
            found |= {kind.key(row[0]): int(row[1]) for row in rows}
        rows = self._database.connection().execute(
            "SELECT value, c.id FROM json_each(?) JOIN trial_components c"
            " ON c.region = ? AND c.name = value AND c.deleted = 0",
            (json.dumps(list(names)), self._region),
        )
        return found | {row[0]: int(row[1]) for row in rows}

    def of_jobs(self, names: Sequence[str]) -> dict[str, int]:
        """The numbers of the components of training jobs, by the jobs' names."""
        found = self._database.connection().execute(
            "SELECT name, component FROM training_jobs WHERE region = ? AND component IS NOT NULL"
            " AND name IN (SELECT value FROM json_each(?))",
            (self._region, json.dumps(list(names))),
        )
        return {row[0]: row[1] for row in found}

    def parameters(self, rows: Sequence[int]) -> list[ParameterColumn]:
        """The parameters that these components have."""
        found = self._database.connection().execute(
            "SELECT n.name, count(*), count(DISTINCT p.value), min(typeof(p.value) != 'text')"
            " FROM parameters p JOIN property_names n ON n.id = p.name"
            " WHERE p.component IN (SELECT value FROM json_each(?))"
            " GROUP BY p.name ORDER BY n.name",
            (json.dumps(list(rows)),),
        )
        return [ParameterColumn(row[0], row[1], row[2], bool(row[3])) for row in found]

    def metrics(self, rows: Sequence[int]) -> dict[str, int]:
        """The metrics that these components have, and how many have each."""
        found = self._database.connection().execute(
            "SELECT n.name, count(*) FROM series s JOIN property_names n ON n.id = s.name"
            " WHERE s.component IN (SELECT value FROM json_each(?)) GROUP BY s.name",
            (json.dumps(list(rows)),),
        )
        return {row[0]: row[1] for row in found}

    def last_values(self, rows: Sequence[int], metric: str) -> dict[int, float]:
        """The last value of a metric of each of these components that has it; NaN is left out."""
        found = self._database.connection().execute(
            "SELECT s.component, s.last FROM series s JOIN property_names n ON n.id = s.name"
            " WHERE n.region = ? AND n.kind = 'metric' AND n.name = ? AND s.last IS NOT NULL"
            " AND s.component IN (SELECT value FROM json_each(?))",
            (self._region, metric, json.dumps(list(rows))),
        )
        return {row[0]: row[1] for row in found}

    def at_step(self, rows: Sequence[int], measure: AtStep) -> dict[int, float]:
        """A metric at a step, of each of these components that has come so far."""
        value = AT_STEP.replace("<value>", "ifnull(value, 'NaN')")
        found = self._database.connection().execute(
            f"SELECT s.component, {value} FROM series s JOIN property_names n ON n.id = s.name"  # noqa: S608
            " WHERE n.region = ? AND n.kind = 'metric' AND n.name = ?"
            " AND s.component IN (SELECT value FROM json_each(?))",
            (measure.step, measure.step, self._region, measure.metric, json.dumps(list(rows))),
        )
        return {row[0]: float(row[1]) for row in found if row[1] is not None}

    def measured(self, rows: Sequence[int]) -> list[int]:
        """Those of them that have a metric."""
        found = self._database.connection().execute(
            "SELECT value FROM json_each(?) WHERE EXISTS"
            " (SELECT 1 FROM series WHERE component = value)",
            (json.dumps(list(rows)),),
        )
        return [row[0] for row in found]

    def series(self, rows: Iterable[int], metric: str) -> dict[int, tuple[int, int, float]]:
        """(number of the series, its length, the time of its end), by component."""
        found = self._database.connection().execute(
            "SELECT s.component, s.id, s.count, s.time FROM series s"
            " JOIN property_names n ON n.id = s.name"
            " WHERE n.region = ? AND n.kind = 'metric' AND n.name = ?"
            " AND s.component IN (SELECT value FROM json_each(?))",
            (self._region, metric, json.dumps(list(rows))),
        )
        return {row[0]: (row[1], row[2], row[3]) for row in found}

    def points(self, number: int, width: int, low: int, high: int) -> Sequence[Point]:
        """A series from place ``low`` to ``high``, thinned to a width."""
        return series.thinned(self._database.connection(), number, width, low, high)

    def _gathered(self, wanted: Wanted) -> Clauses:
        """A table of the components and the value that gathers each."""
        where = self._where(wanted)
        value, given = value_of("parameter", wanted.gathered, self._region, _COMPONENT)
        table = Clauses()
        table.add(
            f"WITH gathered AS MATERIALIZED (SELECT id, {value} AS value"  # noqa: S608
            f" FROM trial_components WHERE {where.text})",
            *given,
            *where.values,
        )
        return table

    def _where(self, wanted: Wanted) -> Clauses:
        where = Clauses()
        where.add("region = ? AND deleted = 0", self._region)
        for word in wanted.words:
            where.add(
                "(instr(lower(name), lower(?)) > 0"
                " OR instr(lower(json_extract(document, '$.DisplayName')), lower(?)) > 0"
                " OR id IN (SELECT component FROM trial_members JOIN trials ON trials.id = trial"
                " WHERE instr(lower(trials.name), lower(?)) > 0))",
                *(word, word, word),
            )
        if wanted.statuses:
            marks = ", ".join("?" * len(wanted.statuses))
            where.add(
                f"lower(json_extract(document, '$.Status.PrimaryStatus')) IN ({marks})",
                *(status.lower() for status in wanted.statuses),
            )
        tracked(where, wanted, self._region, _COMPONENT)
        return where
