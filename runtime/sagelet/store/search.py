"""Search: a tree of conditions as one SQL statement over indexed rows.

Where to begin decides how long it takes. If a condition that must hold leaves few trial components,
they are looked at one by one; otherwise those are walked that come first in the order asked for,
until the page is full. Both are bounded for what people ask: some thousand rows.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagelet.domain.search import ORDERED, Comparison, Condition, Group, Operator
from sagelet.domain.search_properties import Element, Entry, Field, Kind, Metric, Property, Resource
from sagelet.store.database import Database
from sagelet.store.property_names import known_number, names_like
from sagelet.store.search_sql import TABLES, Access, Accesses, Numbers, Sql, joined, predicate
from sagelet.store.series import RANKED, refresh

#: So many rows are looked at one by one; beyond, the order is walked.
FEW = 2000

#: So many series are brought up to date in the indexes before a search.
REFRESHED = 2000

_PARAMETERS = "parameters", "parameter"

#: Where a page ended: what was sorted by (None: nothing), and the row's number.
Place = tuple[float | str | None, int]


@dataclass(frozen=True, slots=True)
class Order:
    """How results are sorted, and how many are wanted from where on."""

    by: Property
    descending: bool
    limit: int
    after: Place | None = None


class Search:
    """Searches one region."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def find(self, resource: Resource, condition: Group, order: Order) -> list[tuple[int, Place]]:
        """Row numbers of what satisfies the condition, in order, each with its place."""
        connection = self._database.connection()
        query = _Query(connection, self._region, resource, condition, order)
        statement = query.statement()
        rows = connection.execute(statement.text, statement.marks)
        return [(number, (key, number)) for number, key in rows]

    def prepare(self) -> None:
        """Bring indexes up to date, as far as that is quick; a search is right without it, too."""
        connection = self._database.connection()
        stale = connection.execute("SELECT 1 FROM series WHERE stale = 1 LIMIT 1").fetchone()
        if stale is not None:
            with self._database.transaction() as writing:
                refresh(writing, REFRESHED)

    def names(self, kind: str, hint: str, limit: int) -> list[str]:
        """Names of parameters or metrics that begin with ``hint``."""
        return names_like(self._database.connection(), self._region, kind, hint, limit)

    def tag_keys(self, kind: str, hint: str, limit: int) -> list[str]:
        """Keys of tags of a kind of resource, as its ARNs name it, that begin with ``hint``."""
        rows = self._database.connection().execute(
            "SELECT DISTINCT key FROM tags WHERE arn GLOB ? AND substr(key, 1, length(?)) = ?"
            " ORDER BY key LIMIT ?",
            (f"arn:aws:sagemaker:{self._region}:*:{kind}/*", hint, hint, limit),
        )
        return [key for (key,) in rows]


class _Query:
    """One search on its way to SQL."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        region: str,
        resource: Resource,
        condition: Group,
        order: Order,
    ) -> None:
        self._connection = connection
        self._region = region
        self._table = TABLES[resource.name]
        self._numbers = Numbers(lambda kind, name: known_number(connection, region, kind, name))
        self._accesses = Accesses(self._table, self._numbers)
        self._condition = condition
        self._order = order
        self._where = joined(
            [
                Sql(self._table.condition, (region,)),
                self._accesses.condition(condition),
            ],
            every=True,
        )
        self._way = "DESC" if order.descending else "ASC"

    def statement(self) -> Sql:
        """The cheapest statement that is known."""
        driver = self._driver()
        key = self._accesses.of(self._order.by)
        if driver is None:
            if self._own_column(key):
                return self._walk_table(key)
            place = self._order.by.place
            if isinstance(place, Metric | Entry) and self._indexed(place):
                return self._walk_values(key, place)
        return self._gather(driver, key)

    def _gather(self, driver: Sql | None, key: Access) -> Sql:
        """All that match, sorted."""
        rows = f"{self._table.name} t"
        marks: tuple[Any, ...] = ()
        if driver is not None:
            few = f"SELECT DISTINCT component FROM ({driver.text})"
            rows = f"({few}) d CROSS JOIN {rows} ON {self._table.number} = d.component"
            marks = driver.marks
        sort = self._cased(key.least())
        after = self._after("k", "number")
        return Sql(
            f"SELECT number, k FROM (SELECT {self._table.number} AS number, {sort.text} AS k"
            f" FROM {rows} WHERE {self._where.text}) WHERE {after.text}"
            f" ORDER BY k IS NULL, k {self._way}, number {self._way} LIMIT ?",
            (*sort.marks, *marks, *self._where.marks, *after.marks, self._order.limit),
        )

    def _walk_table(self, key: Access) -> Sql:
        """The table in the order of one of its columns, until there are enough."""
        column, number, way = key.value, self._table.number, self._way
        where = joined([self._where, self._behind(column, number)], every=True)
        return Sql(
            f"SELECT {number}, {column} FROM {self._table.name} t WHERE {where.text}"
            f" ORDER BY {column} {way}, {number} {way} LIMIT ?",
            (*where.marks, self._order.limit),
        )

    def _walk_values(self, key: Access, place: Metric | Entry) -> Sql:
        """Components in the order of a parameter or metric, then those that lack it."""
        limit, way = self._order.limit, self._way
        values, kind = ("series", "metric") if isinstance(place, Metric) else _PARAMETERS
        name = self._numbers.of(kind, place.key)
        column = f"w.{key.value.partition('.')[2]}"
        ranked = f"w.{RANKED[place.statistic]}" if isinstance(place, Metric) else column
        has = self._having(values, name, ranked, "w.stale = 0" if ranked != column else "1")
        if ranked != column:
            # The index does not know these: they are sorted by themselves, and in.
            stale = self._having(values, name, column, "w.stale = 1")
            has = Sql(
                f"SELECT * FROM (SELECT * FROM ({has.text}) UNION ALL SELECT * FROM ({stale.text}))"
                f" ORDER BY k {way}, number {way} LIMIT ?",
                (*has.marks, *stale.marks, limit),
            )
        after = self._order.after
        last = Sql("1")
        if after is not None and after[0] is None:
            has = Sql("SELECT NULL, NULL WHERE 0")
            last = Sql(f"t.id {'<' if self._order.descending else '>'} ?", (after[1],))
        lacks = joined([self._where, last], every=True)
        return Sql(
            f"SELECT * FROM ({has.text}) UNION ALL SELECT * FROM (SELECT t.id, NULL"
            f" FROM trial_components t WHERE {lacks.text} AND NOT EXISTS (SELECT 1 FROM {values} w"
            f" WHERE w.component = t.id AND w.name = ? AND {column} IS NOT NULL)"
            f" ORDER BY t.id {way} LIMIT ?) LIMIT ?",
            (*has.marks, *lacks.marks, name, limit, limit),
        )

    def _having(self, values: str, name: int, column: str, condition: str) -> Sql:
        """The first components that have a value, in its order."""
        way = self._way
        having = joined([self._where, self._behind(column, "w.component")], every=True)
        return Sql(
            f"SELECT t.id AS number, {column} AS k FROM {values} w CROSS JOIN trial_components t"
            f" ON t.id = w.component WHERE w.name = ? AND {column} IS NOT NULL AND {condition}"
            f" AND {having.text} ORDER BY {column} {way}, w.component {way} LIMIT ?",
            (name, *having.marks, self._order.limit),
        )

    def _behind(self, column: str, number: str) -> Sql:
        """What comes after the place the last page ended at; the column is never NULL."""
        after = self._order.after
        if after is None or after[0] is None:
            return Sql("1")
        return Sql(f"({column}, {number}) {'<' if self._order.descending else '>'} (?, ?)", after)

    def _after(self, key: str, number: str) -> Sql:
        """The same where the key may be NULL: those come last."""
        after, sign = self._order.after, "<" if self._order.descending else ">"
        if after is None:
            return Sql("1")
        if after[0] is None:
            return Sql(f"({key} IS NULL AND {number} {sign} ?)", (after[1],))
        return Sql(
            f"({key} IS NULL OR {key} {sign} ? OR ({key} = ? AND {number} {sign} ?))",
            (after[0], after[0], after[1]),
        )

    def _cased(self, key: Sql) -> Sql:
        if self._order.by.kind is Kind.NAME:
            return Sql(f"lower({key.text})", key.marks)
        return key

    def _own_column(self, key: Access) -> bool:
        return key.rows is None and key.value in ("t.name", "t.created", "t.modified")

    def _driver(self) -> Sql | None:
        """The rows that the strictest of the conditions that must hold leaves, if they are few."""
        if self._table.name != "trial_components":
            return None
        best, fewest = None, FEW + 1
        for driver in self._drivers(self._condition):
            count = self._connection.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM ({driver.text}) LIMIT ?)",
                (*driver.marks, fewest),
            ).fetchone()[0]
            if count < fewest:
                best, fewest = driver, count
        return best

    def _drivers(self, condition: Condition) -> Iterator[Sql]:
        """Statements that give ``component``, from indexes; some give one twice.

        Their first rows must come before their last are looked for: they are counted up to a limit.
        """
        if isinstance(condition, Group) and condition.every:
            for part in condition.conditions:
                yield from self._drivers(part)
        elif isinstance(condition, Comparison):
            driver = self._driver_of(condition)
            if driver is not None:
                yield driver

    def _driver_of(self, comparison: Comparison) -> Sql | None:
        operator, place = comparison.operator, comparison.property.place
        if operator not in (Operator.EQUALS, Operator.IN) and operator not in ORDERED:
            return None
        if isinstance(place, Metric | Entry) and self._indexed(place):
            table, kind = ("series", "metric") if isinstance(place, Metric) else _PARAMETERS
            column = RANKED[place.statistic] if isinstance(place, Metric) else "value"
            test = predicate(comparison)
            name = self._numbers.of(kind, place.key)
            driver = Sql(
                f"SELECT component FROM {table} WHERE name = ?"
                f" AND {test.text.replace('{}', column)}",
                (name, *test.marks),
            )
            if not column.startswith("ranked"):
                return driver
            stale = "SELECT component FROM series WHERE name = ? AND stale = 1"
            return Sql(f"{driver.text} UNION ALL {stale}", (*driver.marks, name))
        marks = ", ".join("?" * len(comparison.operands))
        given = (self._region, *(operand.text for operand in comparison.operands))
        match place:
            case Field(("TrialComponentName",)):
                return Sql(
                    "SELECT id AS component FROM trial_components WHERE region = ? AND deleted = 0"
                    f" AND name IN ({marks})",
                    given,
                )
            case Field(("Source", "SourceArn")):
                return Sql(
                    "SELECT id AS component FROM trial_components WHERE region = ?"
                    f" AND source IN ({marks})",
                    given,
                )
            case Element("Parents", ("TrialName",)):
                trials = f"SELECT id FROM trials WHERE region = ? AND name IN ({marks})"
            case Element("Parents", ("ExperimentName",)):
                trials = (
                    "SELECT trials.id FROM experiments JOIN trials"
                    " ON trials.experiment = experiments.id"
                    f" WHERE experiments.region = ? AND experiments.name IN ({marks})"
                )
            case _:
                return None
        return Sql(f"SELECT component FROM trial_members WHERE trial IN ({trials})", given)

    def _indexed(self, place: Metric | Entry) -> bool:
        if self._table.name != "trial_components":
            return False
        if isinstance(place, Metric):
            return place.statistic in RANKED
        return place.collection == "Parameters"
