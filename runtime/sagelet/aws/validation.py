"""Requests against a service model: required, type, min, max, pattern, enum, unknown members.

All violations are found, each with its place. The message is AWS's own; ``Violation`` also knows
the place as it stands in the document, for people who wrote one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sagelet.aws.model import Operation, Shape
from sagelet.domain.errors import ValidationException

Path = tuple[str | int, ...]

#: Shapes whose URIs may also name a place on this machine.
_LOCAL_URIS = frozenset({"S3Uri"})

#: What no file, variable or argument can hold.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "blob": (str, bytes),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint at ``path``."""

    path: Path
    value: Any
    constraint: str

    @property
    def place(self) -> str:
        """The place in the document: ``InputDataConfig[0].ChannelName``."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else ("." if text else "") + part
        return text or "the request"

    def __str__(self) -> str:
        """AWS's own words."""
        place = ".".join(
            f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:]
            for part in self.path
        )
        return (
            f"Value {_shown(self.value)} at '{place}' failed to satisfy constraint: "
            f"{self.constraint}"
        )


class InvalidRequest(ValidationException):
    """A request that breaks its model; ``violations`` lists how."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        count = len(violations)
        super().__init__(
            f"{count} validation error{'s' if count > 1 else ''} detected: "
            + "; ".join(map(str, violations))
        )


def validate(operation: Operation, request: Any) -> None:
    """Check a request.

    Raises:
        InvalidRequest: with every violation found.
    """
    violations = tuple(_check(operation, operation.input, request, ()))
    if violations:
        raise InvalidRequest(violations)


def _check(operation: Operation, name: str, value: Any, path: Path) -> Iterator[Violation]:
    shape = operation.shapes[name]
    kind = shape["type"]
    if not _is_of_type(value, kind):
        yield Violation(path, value, f"Member must be of type {kind}")
        return
    if kind == "structure":
        yield from _structure(operation, shape, value, path)
    elif kind == "list":
        yield from _length(shape, value, path)
        for index, item in enumerate(value):
            yield from _check(operation, shape["member"]["shape"], item, (*path, index))
    elif kind == "map":
        yield from _length(shape, value, path)
        for key, item in value.items():
            yield from _check(operation, shape["key"]["shape"], key, (*path, key))
            yield from _check(operation, shape["value"]["shape"], item, (*path, key))
    elif kind == "string":
        yield from _string(shape, name, value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _number(shape, value, path)


def _is_of_type(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _structure(
    operation: Operation, shape: Shape, value: dict[str, Any], path: Path
) -> Iterator[Violation]:
    members = shape["members"]
    for required in shape.get("required", ()):
        if value.get(required) is None:
            yield Violation((*path, required), None, "Member must not be null")
    for key, item in value.items():
        if key not in members:
            yield Violation(
                (*path, key), item, f"There is no such member. {_closest(key, members)}"
            )
        elif item is not None:
            yield from _check(operation, members[key]["shape"], item, (*path, key))


def _closest(key: str, members: dict[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(key, members, n=1)
    return f"Did you mean {near[0]}?" if near else f"Members: {', '.join(sorted(members))}"


def _length(shape: Shape, value: Any, path: Path) -> Iterator[Violation]:
    if "max" in shape and len(value) > shape["max"]:
        text = f"Member must have length less than or equal to {shape['max']}"
        yield Violation(path, value, text)
    if "min" in shape and len(value) < shape["min"]:
        text = f"Member must have length greater than or equal to {shape['min']}"
        yield Violation(path, value, text)


def _string(shape: Shape, name: str, value: str, path: Path) -> Iterator[Violation]:
    yield from _length(shape, value, path)
    if not value.isprintable() and _NO_TEXT.search(value):
        yield Violation(path, value, "Member must be Unicode text without NUL characters")
    if "enum" in shape and value not in shape["enum"]:
        listed = ", ".join(shape["enum"])
        yield Violation(path, value, f"Member must satisfy enum value set: [{listed}]")
    if name in _LOCAL_URIS and value.startswith("file://"):
        return
    if "pattern" in shape and not _pattern(shape["pattern"]).fullmatch(value):
        text = f"Member must satisfy regular expression pattern: {shape['pattern']}"
        yield Violation(path, value, text)


def _number(shape: Shape, value: float, path: Path) -> Iterator[Violation]:
    if "max" in shape and value > shape["max"]:
        yield Violation(path, value, f"Member must have value less than or equal to {shape['max']}")
    if "min" in shape and value < shape["min"]:
        text = f"Member must have value greater than or equal to {shape['min']}"
        yield Violation(path, value, text)


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    r"""Compile a model's pattern; ``\p`` classes become the nearest that ``re`` has."""
    for java, python in (
        (r"\p{L}", r"\w"),
        (r"\p{N}", r"\d"),
        (r"\p{Z}", r"\s"),
        (r"\p{M}", r"\w"),
    ):
        text = text.replace(java, python)
    return re.compile(text, re.DOTALL)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = value if isinstance(value, str) else repr(value)
    return f"'{text if len(text) <= 200 else text[:200] + '...'}'"
