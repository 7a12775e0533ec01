"""Pages of a table of named things: bounds on their creation, an order, a place to go on from."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: SortBy of the List operations -> the column that is compared.
_COLUMNS = {"Name": "name", "CreationTime": "created"}

#: Where a page ended: the value sorted by and the row's number.
Place = tuple[str | float, int]


@dataclass(frozen=True, slots=True)
class Order:
    """What a listing wants; times in epoch seconds."""

    sort_by: str = "CreationTime"
    descending: bool = True
    limit: int = 10
    after: Place | None = None
    created_after: float | None = None
    created_before: float | None = None


def numbers(
    connection: sqlite3.Connection,
    table: str,
    region: str,
    order: Order,
    conditions: Sequence[tuple[str, Any]] = (),
) -> list[tuple[int, str | float]]:
    """(row, value sorted by), at most ``order.limit``.

    ``conditions`` are SQL over the table, each with the value of its one mark.
    """
    column = _COLUMNS[order.sort_by]
    clauses: list[str] = ["region = ?"]
    marks: list[Any] = [region]
    for clause, value in (
        *conditions,
        ("created >= ?", order.created_after),
        ("created <= ?", order.created_before),
    ):
        if value is not None:
            clauses.append(clause)
            marks.append(value)
    if order.after is not None:
        clauses.append(f"({column}, id) {'<' if order.descending else '>'} (?, ?)")
        marks += order.after
    way = "DESC" if order.descending else "ASC"
    rows = connection.execute(
        f"SELECT id, {column} FROM {table} WHERE {' AND '.join(clauses)}"  # noqa: S608
        f" ORDER BY {column} {way}, id {way} LIMIT ?",
        (*marks, order.limit),
    )
    return [(row[0], row[1]) for row in rows]
