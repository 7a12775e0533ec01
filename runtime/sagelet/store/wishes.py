"""What a person wants to see of a table: words, conditions on parameters and metrics, an order.

As SQL over any table that knows the trial component of each row. The API's own listings and Search
are elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sagelet.store.series import COLUMNS

OPERATORS = frozenset({"<", "<=", ">", ">=", "=", "!="})

#: Statistics as people write them -> their column.
STATISTICS = {name.lower(): column for name, column in COLUMNS.items()} | {"std": COLUMNS["StdDev"]}


_OF_TRIAL = (
    "SELECT component FROM trial_members JOIN trials ON trials.id = trial"
    " WHERE trials.region = ? AND trials.name = ?"
)
_OF_EXPERIMENT = (
    "SELECT component FROM trial_members JOIN trials ON trials.id = trial"
    " JOIN experiments e ON e.id = trials.experiment WHERE e.region = ? AND e.name = ?"
)

#: The value of a parameter; the column with the component stands for ``{}``.
_PARAMETER = (
    "(SELECT value FROM parameters p JOIN property_names n ON n.id = p.name"
    " WHERE p.component = {} AND n.region = ? AND n.kind = 'parameter' AND n.name = ?)"
)
_METRIC = (
    "(SELECT s.<column> FROM series s JOIN property_names n ON n.id = s.name"
    " WHERE s.component = {} AND n.region = ? AND n.kind = 'metric' AND n.name = ?)"
)


class Condition(NamedTuple):
    """``kind`` is metric (a number then) or parameter (a number or a text)."""

    kind: str
    name: str
    operator: str
    value: float | str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: all ``words`` in the name, a status among ``statuses``, each condition.

    ``kinds`` are names of kinds of jobs, none for all.
    ``sort`` is a column of the table, ``metric.<name>``, ``metric.<name>.<statistic>`` or
    ``parameter.<name>``. A metric without a statistic is its last value.
    ``gathered`` is a parameter whose values stand together: numbers, texts, then those without it.
    """

    words: Sequence[str] = ()
    statuses: Sequence[str] = ()
    conditions: Sequence[Condition] = ()
    experiment: str | None = None
    trial: str | None = None
    unassigned: bool = False
    sort: str = "created"
    descending: bool = True
    kinds: Sequence[str] = ()
    gathered: str = ""

    @property
    def by_tracked(self) -> bool:
        """Whether a metric or a parameter orders them."""
        kind, dot, _ = self.sort.partition(".")
        return bool(dot) and kind in ("metric", "parameter")


@dataclass(slots=True)
class Clauses:
    """SQL clauses and the values of their marks, in one order."""

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> None:
        """A clause that must hold."""
        self.texts.append(text)
        self.values += values

    @property
    def text(self) -> str:
        """All of them."""
        return " AND ".join(self.texts)


def tracked(clauses: Clauses, wanted: Wanted, region: str, component: str) -> None:
    """Add what ``wanted`` asks of trial components; ``component`` is the column with their row."""
    for kind, name, operator, value in wanted.conditions:
        if operator not in OPERATORS:
            raise ValueError(operator)
        text, values = value_of(kind, name, region, component)
        kinds = "'text'" if isinstance(value, str) else "'real', 'integer'"
        typed = "" if operator == "!=" else f" AND typeof({text}) IN ({kinds})"
        clauses.add(f"{text} {operator} ?{typed}", *values, value, *(values if typed else ()))
    if wanted.experiment is not None:
        clauses.add(f"{component} IN ({_OF_EXPERIMENT})", region, wanted.experiment)
    if wanted.trial is not None:
        clauses.add(f"{component} IN ({_OF_TRIAL})", region, wanted.trial)
    if wanted.unassigned:
        clauses.add(f"{component} NOT IN (SELECT component FROM trial_members)")


def order_of(wanted: Wanted, sorts: dict[str, str], region: str, component: str) -> Clauses:
    """What to order by; ``sorts`` are the table's own columns."""
    way = "DESC" if wanted.descending else "ASC"
    text, values = place_of(wanted, sorts, region, component)
    order = Clauses()
    before = ""
    given: list[Any] = []
    if wanted.gathered:
        value, given = value_of("parameter", wanted.gathered, region, component)
        before = f"{value} NULLS LAST, "
    if wanted.by_tracked:
        order.add(f"{before}{text} {way} NULLS LAST, created DESC, name", *given, *values)
    else:
        order.add(f"{before}{text} {way}, name {way}", *given)
    return order


def place_of(
    wanted: Wanted, sorts: dict[str, str], region: str, component: str
) -> tuple[str, list[Any]]:
    """The value that rows are ordered by."""
    if wanted.by_tracked:
        kind, _, name = wanted.sort.partition(".")
        return value_of(kind, name, region, component)
    return sorts.get(wanted.sort, "created"), []


def value_of(kind: str, name: str, region: str, component: str) -> tuple[str, list[Any]]:
    """The value of a parameter or of a metric's statistic."""
    if kind == "parameter":
        return _PARAMETER.format(component), [region, name]
    last = _metric("last", component)
    head, _, statistic = name.rpartition(".")
    if head and statistic.lower() in STATISTICS:
        other = _metric(STATISTICS[statistic.lower()], component)
        return f"coalesce({last}, {other})", [region, name, region, head]
    return last, [region, name]


def _metric(column: str, component: str) -> str:
    return _METRIC.replace("<column>", column).format(component)
