"""Search: an expression as a tree, and what it means.

``parse`` reads a request's SearchExpression; ``matches`` and ``sort_value`` say what it means, over
documents as Search answers with them. ``store.search`` finds the same with SQL.

Equals holds if any of a property's values equals; NotEquals is its negation, so it also holds
where there is no value. Numbers are compared as numbers, times as instants; names (of experiments,
trials, components, jobs, and ARNs) without regard to case, all other text as it is.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sagelet.domain.errors import ValidationException
from sagelet.domain.search_properties import (
    Document,
    Kind,
    Property,
    Resource,
    Tag,
    Value,
    Whole,
    element_of,
    element_values,
    list_of,
    property_of,
    values,
)

#: Filters, nested filters and sub-expressions of one expression, over all its levels.
LIMIT = 50

#: Properties that may be in several Contains of one expression, by their last segment.
_OFTEN_CONTAINED = frozenset(
    {"DisplayName", "ExperimentName", "TrialName", "TrialComponentName"}
)  # fmt: skip


class Operator(StrEnum):
    """Operators of a filter."""

    EQUALS = "Equals"
    NOT_EQUALS = "NotEquals"
    GREATER = "GreaterThan"
    GREATER_OR_EQUAL = "GreaterThanOrEqualTo"
    LESS = "LessThan"
    LESS_OR_EQUAL = "LessThanOrEqualTo"
    CONTAINS = "Contains"
    EXISTS = "Exists"
    NOT_EXISTS = "NotExists"
    IN = "In"


#: Operators that need an order.
ORDERED = frozenset(
    {Operator.GREATER, Operator.GREATER_OR_EQUAL, Operator.LESS, Operator.LESS_OR_EQUAL}
)
_TEXTUAL = frozenset({Operator.CONTAINS, Operator.IN})
_TEXT_KINDS = frozenset({Kind.TEXT, Kind.NAME, Kind.EITHER})


@dataclass(frozen=True, slots=True)
class Operand:
    """A filter's Value as text, and as a number where it is one (times in epoch seconds)."""

    text: str
    number: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it is written as an integer."""
        return self.number is not None and self.text.strip().lstrip("+-").isdigit()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One filter. ``operands`` has one, or those of In, or none for Exists and NotExists."""

    property: Property
    operator: Operator
    operands: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class Nested:
    """Filters that one element of a list satisfies together."""

    collection: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by And, or by Or."""

    every: bool
    conditions: "tuple[Condition, ...]"


Condition = Comparison | Nested | Group

#: What every document satisfies.
ALL = Group(every=True, conditions=())


def parse(
    resource: Resource,
    expression: Mapping[str, Any] | None,
    visible: Iterable[Mapping[str, str]] = (),
) -> Group:
    """The tree of a SearchExpression, with VisibilityConditions if there are any.

    Raises:
        ValidationException: a property, an operator or a value does not fit, or there are too many.
    """
    conditions: list[Condition] = []
    if expression is not None:
        reader = _Reader(resource)
        conditions.append(reader.expression(expression, "SearchExpression"))
    conditions += [_visibility(resource, condition) for condition in visible]
    return Group(every=True, conditions=tuple(conditions))


def matches(condition: Condition, document: Document) -> bool:
    """Whether the document satisfies the condition."""
    match condition:
        case Group(every, conditions):
            found = (matches(each, document) for each in conditions)
            return all(found) if every else any(found)
        case Nested(collection, comparisons):
            return any(
                all(holds(c, element_values(c.property, element)) for c in comparisons)
                for element in document.get(collection) or ()
            )
        case Comparison():
            return holds(condition, values(condition.property, document))


def holds(comparison: Comparison, found: list[Value]) -> bool:
    """Whether the comparison holds for a property with these values."""
    operator = comparison.operator
    if operator is Operator.EXISTS:
        return bool(found)
    if operator is Operator.NOT_EXISTS:
        return not found
    if operator is Operator.NOT_EQUALS:
        return not any(_equal(comparison, value) for value in found)
    if operator in (Operator.EQUALS, Operator.IN):
        return any(_equal(comparison, value) for value in found)
    if operator is Operator.CONTAINS:
        part = comparison.operands[0].text
        return any(
            isinstance(value, str) and part in _cased(comparison.property, value) for value in found
        )
    return any(_ordered(comparison, value) for value in found)


def sort_value(prop: Property, document: Document) -> tuple[int, float | str] | None:
    """What a document is sorted by, numbers before text; None comes last in either order."""
    keys = [
        (1, _cased(prop, value)) if isinstance(value, str) else (0, float(value))
        for value in values(prop, document)
        if isinstance(value, str) or not math.isnan(value)
    ]
    return min(keys, default=None)


_ORDER: Mapping[Operator, Callable[[float, float], bool]] = {
    Operator.GREATER: lambda a, b: a > b,
    Operator.GREATER_OR_EQUAL: lambda a, b: a >= b,
    Operator.LESS: lambda a, b: a < b,
    Operator.LESS_OR_EQUAL: lambda a, b: a <= b,
}


def _equal(comparison: Comparison, value: Value) -> bool:
    if isinstance(value, str):
        return any(o.text == _cased(comparison.property, value) for o in comparison.operands)
    return any(_number(comparison, o, value) == o.number for o in comparison.operands)


def _ordered(comparison: Comparison, value: Value) -> bool:
    operand = comparison.operands[0]
    if isinstance(value, str) or operand.number is None:
        return False
    return _ORDER[comparison.operator](_number(comparison, operand, value), operand.number)


def _number(comparison: Comparison, operand: Operand, value: float) -> float:
    if comparison.property.truncates and operand.whole and math.isfinite(value):
        return float(math.trunc(value))
    return float(value)


def _cased(prop: Property, text: str) -> str:
    return text.lower() if prop.kind is Kind.NAME else text


class _Reader:
    """Reads one expression, counting what is limited."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._parts = 0
        self._contains = 0

    def expression(self, document: Mapping[str, Any], where: str) -> Group:
        filters = document.get("Filters") or ()
        nested = document.get("NestedFilters") or ()
        below = document.get("SubExpressions") or ()
        if not (filters or nested or below):
            raise ValidationException(
                f"{where}: at least one of Filters, NestedFilters and SubExpressions is required."
            )
        self._count(len(filters) + len(nested) + len(below))
        conditions: list[Condition] = [
            self._filter(f, property_of(self._resource, f["Name"])) for f in filters
        ]
        conditions += [self._nested(n) for n in nested]
        conditions += [
            self.expression(e, f"{where}.SubExpressions[{i}]") for i, e in enumerate(below)
        ]
        return Group(document.get("Operator") != "Or", tuple(conditions))

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > LIMIT:
            raise ValidationException(
                f"SearchExpression: more than {LIMIT} filters, nested filters and sub-expressions."
            )

    def _nested(self, document: Mapping[str, Any]) -> Nested:
        collection = list_of(self._resource, document["NestedPropertyName"])
        self._count(len(document["Filters"]))
        return Nested(
            collection,
            tuple(
                self._filter(f, element_of(self._resource, collection, f["Name"]))
                for f in document["Filters"]
            ),
        )

    def _filter(self, document: Mapping[str, Any], prop: Property) -> Comparison:
        value = document.get("Value")
        operator = document.get("Operator") or ("Exists" if value is None else "Equals")
        found = Operator(operator)
        if found in (Operator.EXISTS, Operator.NOT_EXISTS):
            return Comparison(prop, found)
        if value is None:
            raise ValidationException(f"The filter on '{prop.name}' needs a Value for {found}.")
        _check_operator(prop, found)
        if found is Operator.CONTAINS and not _often_contained(prop):
            self._contains += 1
            if self._contains > 1:
                raise ValidationException("'CONTAINS' operator usage limit of 1 exceeded.")
        texts = [item.strip() for item in value.split(",")] if found is Operator.IN else [value]
        return Comparison(prop, found, tuple(_operand(prop, found, text) for text in texts))


def _check_operator(prop: Property, operator: Operator) -> None:
    if operator in _TEXTUAL and prop.kind not in _TEXT_KINDS:
        raise ValidationException(
            f"The operator {operator} is only supported for text properties, and '{prop.name}' is "
            f"a {prop.kind} property."
        )
    if operator in ORDERED and prop.kind in (Kind.TEXT, Kind.NAME, Kind.BOOLEAN):
        raise ValidationException(
            f"The operator {operator} is not supported for {_word(prop.kind)} properties, and "
            f"'{prop.name}' is one."
        )


def _operand(prop: Property, operator: Operator, text: str) -> Operand:
    match prop.kind:
        case Kind.NUMBER:
            number = _as_number(text)
            if number is None:
                raise ValidationException(
                    f"'{prop.name}' is a number: '{text}' is no integer or floating-point decimal."
                )
            return Operand(text, number)
        case Kind.TIME:
            return Operand(text, _as_time(prop, text))
        case Kind.BOOLEAN:
            if text.lower() not in ("true", "false"):
                raise ValidationException(f"'{prop.name}' is true or false, not '{text}'.")
            return Operand(text, float(text.lower() == "true"))
        case Kind.EITHER:
            number = _as_number(text)
            if number is None and operator in ORDERED:
                raise ValidationException(
                    f"The operator {operator} compares numbers: '{text}', the value for "
                    f"'{prop.name}', is none."
                )
            return Operand(text, number)
        case Kind.NAME:
            return Operand(text.lower())
        case Kind.TEXT:
            return Operand(text)


def _as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _as_time(prop: Property, text: str) -> float:
    number = _as_number(text)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationException(
            f"'{prop.name}' is a time: write '{text}' as YYYY-mm-dd'T'HH:MM:SS."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _often_contained(prop: Property) -> bool:
    if isinstance(prop.place, Tag | Whole):
        return True
    parts = prop.name.split(".")
    return parts[0].lower() in ("inputartifacts", "outputartifacts") or any(
        parts[-1].lower() == often.lower() for often in _OFTEN_CONTAINED
    )


def _word(kind: Kind) -> str:
    return "text" if kind is Kind.NAME else str(kind)


def _visibility(resource: Resource, condition: Mapping[str, str]) -> Condition:
    """A tag that, where a resource has it, must have this value."""
    key = condition.get("Key", "")
    prop = property_of(resource, key)
    if not isinstance(prop.place, Tag):
        raise ValidationException(f"VisibilityConditions: the key '{key}' must be Tags.<key>.")
    wanted = Comparison(prop, Operator.EQUALS, (Operand(condition.get("Value", "")),))
    return Group(every=False, conditions=(Comparison(prop, Operator.NOT_EXISTS), wanted))
