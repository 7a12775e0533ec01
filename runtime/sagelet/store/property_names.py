"""Names of parameters and metrics, each stored once a region; rows of values hold its number."""

import sqlite3

PARAMETER = "parameter"
METRIC = "metric"


def number_of(connection: sqlite3.Connection, region: str, kind: str, name: str) -> int:
    """The number of a name, made within somebody's transaction if it is new."""
    found = known_number(connection, region, kind, name)
    if found is not None:
        return found
    made: int = connection.execute(
        "INSERT INTO property_names (region, kind, name) VALUES (?, ?, ?) RETURNING id",
        (region, kind, name),
    ).fetchone()[0]
    return made


def known_number(connection: sqlite3.Connection, region: str, kind: str, name: str) -> int | None:
    """The number of a name, if anything ever had it."""
    row = connection.execute(
        "SELECT id FROM property_names WHERE region = ? AND kind = ? AND name = ?",
        (region, kind, name),
    ).fetchone()
    return None if row is None else int(row[0])


def names_like(
    connection: sqlite3.Connection, region: str, kind: str, hint: str, limit: int
) -> list[str]:
    """Names that begin with ``hint``, in order."""
    rows = connection.execute(
        "SELECT name FROM property_names WHERE region = ? AND kind = ? AND name >= ?"
        " AND substr(name, 1, length(?)) = ? ORDER BY name LIMIT ?",
        (region, kind, hint, hint, hint, limit),
    )
    return [name for (name,) in rows]
