"""What a person wants to see of a table: words, conditions on parameters and metrics, an order.

As SQL over any table that knows the trial component of each row. The API's own listings and Search
are elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sagelet.store.series import AT_STEP, COLUMNS

OPERATORS = frozenset({"<", "<=", ">", ">=", "=", "!="})

#: Statistics as people write them -> their column.
STATISTICS = {name.lower(): column for name, column in COLUMNS.items()} | {"std": COLUMNS["StdDev"]}

#: A statistic that is the value at a step.
_AT = re.compile(r"at(\d{1,15})")

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
    "(SELECT <column> FROM series s JOIN property_names n ON n.id = s.name"
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
    ``parameter.<name>``. A metric without a statistic is its last value; the statistic ``at500`` is
    its value at step 500.
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
    last = _metric("s.last", component)
    metric, _, statistic = name.rpartition(".")
    found = statistic_of(statistic) if metric else None
    if found is None:
        return last, [region, name]
    text, steps = found
    return f"coalesce({last}, {_metric(text, component)})", [region, name, *steps, region, metric]


def statistic_of(name: str) -> tuple[str, Sequence[int]] | None:
    """A statistic of the series ``s``; None if nothing is called so."""
    if found := _AT.fullmatch(name):
        return AT_STEP.replace("<value>", "value"), [int(found[1])] * 2
    column = STATISTICS.get(name.lower())
    return None if column is None else (f"s.{column}", ())


class AtStep(NamedTuple):
    """A metric at a step."""

    metric: str
    step: int


def at_step(name: str) -> AtStep | None:
    """What ``loss.at500`` means; None for any other name."""
    metric, _, statistic = name.rpartition(".")
    found = _AT.fullmatch(statistic)
    return AtStep(metric, int(found[1])) if metric and found else None


def _metric(column: str, component: str) -> str:
    return _METRIC.replace("<column>", column).format(component)
