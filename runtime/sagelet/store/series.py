"""Metric series of trial components as rows: points in the order they came, a summary beside them.

The summary is kept with every batch, so that nobody reads a series to know its extremes. Mean and
last value change with every point; to move them in an index each time costs more than the points.
So their indexes are over copies. A series whose copies differ is stale; ``refresh`` mends some, and
whoever looks into these indexes looks at the stale series besides.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagelet.domain.metrics import Datum
from sagelet.domain.summaries import NOTHING, Summary, extended, summarised
from sagelet.domain.thinning import Point, kept, kept_of_hosts
from sagelet.store.property_names import METRIC, number_of

_SUMMARY = "count, numbers, least, greatest, mean, deviation, last, time"

#: Statistics with an index -> the column it is over.
RANKED = {
    "Min": "least",
    "Max": "greatest",
    "Avg": "ranked_mean",
    "Last": "ranked_last",
}

#: A series, its next ordinal, its summary before and after.
_Change = tuple[int, int, Summary, Summary]

#: The statistics that Search knows -> the columns they are in.
COLUMNS = {
    "Min": "least",
    "Max": "greatest",
    "Avg": "mean",
    "StdDev": "deviation",
    "Last": "last",
    "Count": "count",
    "TimeStamp": "time",
}

_FIRST_HOST = (
    "series = s.id AND host IS (SELECT host FROM points WHERE series = s.id"
    " ORDER BY ordinal LIMIT 1)"
)

#: What the first host's line of the series ``s`` shows at a step: the value there, or the last one
#: before it. Where values have no step, they are counted from 0. The step stands for ``?``, twice.
AT_STEP = (
    "CASE WHEN (SELECT step FROM points WHERE series = s.id ORDER BY ordinal LIMIT 1) IS NULL"
    " THEN (SELECT <value> FROM (SELECT value, ordinal FROM points"
    " WHERE <line> ORDER BY ordinal LIMIT ? + 1) ORDER BY ordinal DESC LIMIT 1)"
    " ELSE (SELECT <value> FROM points WHERE <line> AND step <= ?"
    " ORDER BY step DESC, ordinal DESC LIMIT 1) END"
).replace("<line>", _FIRST_HOST)


def append(
    connection: sqlite3.Connection,
    region: str,
    component: int,
    data: Sequence[Datum],
    host: str | None = None,
) -> None:
    """Add points to a component's series, within somebody's transaction."""
    by_name: dict[str, list[Datum]] = {}
    for datum in data:
        by_name.setdefault(datum.name, []).append(datum)
    known = _known(connection, component, by_name)
    changes: list[_Change] = []
    rows: list[tuple[object, ...]] = []
    for name, found in by_name.items():
        series, first, before = known.get(name) or (0, 0, NOTHING)
        summary = extended(before, [datum.value for datum in found], found[-1].time)
        following = first + len(found)
        if series:
            changes.append((series, following, before, summary))
        else:
            number = number_of(connection, region, METRIC, name)
            series = _insert(connection, component, number, following, summary)
        rows += [
            (series, ordinal, datum.time, _kept(datum.value), datum.step, host)
            for ordinal, datum in enumerate(found, start=first)
        ]
    _save(connection, changes)
    connection.executemany(
        "INSERT INTO points (series, ordinal, time, value, step, host) VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def forget(connection: sqlite3.Connection, component: int, host: str) -> None:
    """Drop a host's points, within somebody's transaction."""
    for series, following, *columns in connection.execute(
        f"SELECT id, following, {_SUMMARY} FROM series WHERE component = ?",  # noqa: S608
        (component,),
    ).fetchall():
        gone = connection.execute(
            "DELETE FROM points WHERE series = ? AND host = ?", (series, host)
        ).rowcount
        if not gone:
            continue
        rows = connection.execute(
            "SELECT value, time FROM points WHERE series = ? ORDER BY ordinal", (series,)
        ).fetchall()
        if rows:
            summary = summarised([_value(value) for value, _ in rows], rows[-1][1])
            _save(connection, [(series, following, _summary(columns), summary)])
        else:
            connection.execute("DELETE FROM series WHERE id = ?", (series,))


def summaries(
    connection: sqlite3.Connection, components: Sequence[int]
) -> dict[int, list[tuple[str, Summary]]]:
    """The metrics of these components, by name."""
    rows = connection.execute(
        f"SELECT component, property_names.name, {_SUMMARY} FROM series JOIN property_names"  # noqa: S608
        f" ON property_names.id = series.name WHERE component IN (SELECT value FROM json_each(?))"
        " ORDER BY component, property_names.name",
        (json.dumps(components),),
    )
    found: dict[int, list[tuple[str, Summary]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append((row[1], _summary(row[2:])))
    return found


def points(
    connection: sqlite3.Connection,
    series: int,
    *,
    host: str | None = None,
    since: float = -math.inf,
    until: float = math.inf,
) -> list[tuple[float, float, int | None]]:
    """(value, time, step) in the order they came; ``until`` excluded."""
    rows = connection.execute(
        "SELECT value, time, step FROM points WHERE series = :series"
        " AND time >= :since AND time < :until AND (:host IS NULL OR host = :host)"
        " ORDER BY ordinal",
        {"series": series, "since": since, "until": until, "host": host},
    )
    return [(_value(value), time, step) for value, time, step in rows]


def places(
    connection: sqlite3.Connection, series: int, low: int = 0, high: int = 1 << 62
) -> list[Point]:
    """Points with their places in the series and their hosts, from place ``low`` to ``high``."""
    rows = connection.execute(
        "SELECT ordinal, time, value, host, step FROM points WHERE series = ?"
        " AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
        (series, low, high),
    )
    return [_point(row) for row in rows]


def thinned(
    connection: sqlite3.Connection, series: int, width: int, low: int = 0, high: int = 1 << 62
) -> Sequence[Point]:
    """Fewer points, the same lines at ``width`` pixels; see ``domain.thinning``."""
    cursor = connection.cursor()
    cursor.row_factory = None
    bounds = {"series": series, "low": low, "high": high}
    within = "series = :series AND ordinal BETWEEN :low AND :high"
    if _several_hosts(cursor, bounds):
        before = _counts(cursor, series, low) if low else {}
        found = cursor.execute(
            f"SELECT ifnull(host, ''), ordinal, value FROM points WHERE {within} ORDER BY ordinal",  # noqa: S608
            bounds,
        )
        turns = kept_of_hosts(found, width, before)
        return [
            point._replace(turn=turns[point.place])
            for point in _picked(cursor, series, sorted(turns))
        ]
    values = cursor.execute(
        f"SELECT value FROM points WHERE {within} ORDER BY ordinal",  # noqa: S608
        bounds,
    ).fetchall()
    if len(values) <= 2 * width:
        return places(connection, series, low, high)
    [first], [last] = (
        cursor.execute(
            f"SELECT ordinal FROM points WHERE {within} ORDER BY ordinal {way} LIMIT 1",  # noqa: S608
            bounds,
        ).fetchone()
        for way in ("ASC", "DESC")
    )
    wanted = kept([row[0] for row in values], width)
    if last - first + 1 != len(values):  # points were dropped from between the others
        whole = places(connection, series, low, high)
        return [whole[index] for index in wanted]
    return _picked(cursor, series, [first + index for index in wanted])


def _picked(cursor: sqlite3.Cursor, series: int, places: Sequence[int]) -> list[Point]:
    """The points at these places."""
    rows = cursor.execute(
        "SELECT ordinal, time, value, host, step FROM points WHERE series = ?"
        " AND ordinal IN (SELECT value FROM json_each(?)) ORDER BY ordinal",
        (series, json.dumps(places)),
    )
    return [_point(row) for row in rows]


def _several_hosts(cursor: sqlite3.Cursor, bounds: Mapping[str, int]) -> bool:
    """Whether there is a host up to the end of the bounds that is not the first one."""
    found = cursor.execute(
        "SELECT EXISTS (SELECT 1 FROM points WHERE series = :series AND ordinal <= :high"
        " AND host IS NOT (SELECT host FROM points WHERE series = :series"
        " ORDER BY ordinal LIMIT 1))",
        bounds,
    ).fetchone()
    return bool(found[0])


def _counts(cursor: sqlite3.Cursor, series: int, place: int) -> dict[str, int]:
    """How many points each host has before a place."""
    return dict(
        cursor.execute(
            "SELECT ifnull(host, ''), count(*) FROM points WHERE series = ? AND ordinal < ?"
            " GROUP BY host",
            (series, place),
        )
    )


def find(connection: sqlite3.Connection, region: str, component: int, name: str) -> int | None:
    """The series of that name."""
    row = connection.execute(
        "SELECT series.id FROM series JOIN property_names ON property_names.id = series.name"
        " WHERE component = ? AND region = ? AND kind = 'metric' AND property_names.name = ?",
        (component, region, name),
    ).fetchone()
    return None if row is None else int(row[0])


def following(connection: sqlite3.Connection, component: int) -> dict[str, int]:
    """The metrics of a component, and the place that the next value of each gets."""
    return dict(
        connection.execute(
            "SELECT property_names.name, following FROM series"
            " JOIN property_names ON property_names.id = series.name WHERE component = ?",
            (component,),
        ).fetchall()
    )


def _known(
    connection: sqlite3.Connection, component: int, names: Iterable[str]
) -> dict[str, tuple[int, int, Summary]]:
    """Name -> number, next ordinal and summary of those series that there are already."""
    rows = connection.execute(
        f"SELECT property_names.name, series.id, following, {_SUMMARY} FROM series"  # noqa: S608
        " JOIN property_names ON property_names.id = series.name WHERE component = ?"
        " AND property_names.name IN (SELECT value FROM json_each(?))",
        (component, json.dumps(list(names))),
    )
    return {row[0]: (row[1], row[2], _summary(row[3:])) for row in rows}


def _insert(
    connection: sqlite3.Connection, component: int, name: int, following: int, summary: Summary
) -> int:
    made: int = connection.execute(
        f"INSERT INTO series (component, name, following, {_SUMMARY}, ranked_mean, ranked_last)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (component, name, following, *_columns(summary), summary.mean, _kept(summary.last)),
    ).fetchone()[0]
    return made


def _save(connection: sqlite3.Connection, changes: Sequence[_Change]) -> None:
    """Store changed summaries; extremes, which have indexes, only where there are new ones."""
    connection.executemany(
        "UPDATE series SET following = ?, count = ?, numbers = ?, mean = ?, deviation = ?,"
        " last = ?, time = ? WHERE id = ?",
        [
            (
                following,
                after.count,
                after.numbers,
                after.mean,
                after.deviation,
                _kept(after.last),
                after.time,
                series,
            )
            for series, following, _, after in changes
        ],
    )
    connection.executemany(
        "UPDATE series SET least = ?, greatest = ? WHERE id = ?",
        [
            (after.least, after.greatest, series)
            for series, _, before, after in changes
            if (after.least, after.greatest) != (before.least, before.greatest)
        ],
    )
    connection.executemany(
        "UPDATE series SET stale = 1 WHERE id = ? AND stale = 0",
        [(series,) for series, _, _, _ in changes],
    )


def refresh(connection: sqlite3.Connection, limit: int) -> None:
    """Bring the copies of at most so many stale series up to date, in somebody's transaction."""
    connection.execute(
        "UPDATE series SET ranked_mean = mean, ranked_last = last, stale = 0"
        " WHERE id IN (SELECT id FROM series WHERE stale = 1 LIMIT ?)",
        (limit,),
    )


def _columns(summary: Summary) -> tuple[float | None, ...]:
    return (
        summary.count,
        summary.numbers,
        summary.least,
        summary.greatest,
        summary.mean,
        summary.deviation,
        _kept(summary.last),
        summary.time,
    )


def _summary(columns: Sequence[Any]) -> Summary:
    count, numbers, least, greatest, mean, deviation, last, time = columns
    return Summary(count, numbers, least, greatest, mean, deviation, _value(last), time)


def _point(row: Sequence[Any]) -> Point:
    ordinal, time, value, host, step = row
    return Point(ordinal, time, math.nan if value is None else value, host or "", step)


def _kept(value: float) -> float | None:
    """What SQLite keeps of a number: it has no NaN."""
    return None if math.isnan(value) else value


def _value(stored: float | None) -> float:
    return math.nan if stored is None else stored
