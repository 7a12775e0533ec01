"""Requests against a service model: required, type, min, max, pattern, enum, unknown members.

All violations are found, each with its place. The message is AWS's own; ``Violation`` also knows
the place as it stands in the document, for people who wrote one. A shape's checks are compiled
into functions once and kept with the operation.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sagelet.aws.model import Operation, Shape
from sagelet.aws.patterns import compile_pattern
from sagelet.domain.errors import Refusal, ValidationException

Path = tuple[str | int, ...]

#: Shapes whose URIs may also name a place on this machine.
_LOCAL_URIS = frozenset({"S3Uri"})

#: What no file, variable or argument can hold.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
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

_LONGEST = "Member must have length less than or equal to {}"
_SHORTEST = "Member must have length greater than or equal to {}"
_ENUM = "Member must satisfy enum value set: [{}]"
_PATTERN = "Member must satisfy regular expression pattern: {}"

_LARGEST = {"integer": 2**31 - 1, "long": 2**63 - 1}


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


def validate(
    operation: Operation, request: Any, *, wire: bool = False, relaxed: bool = False
) -> None:
    """Check a request.

    A request that came over the ``wire`` is judged as AWS does it: unknown members and nulls
    are left out of it (``request`` is changed), a value of the wrong type is not a violation but
    ends the reading. ``relaxed`` leaves out the patterns.

    Raises:
        InvalidRequest: with every violation found.
        Refusal: SerializationException, only when it came over the wire.
    """
    found: list[Violation] = []
    name = operation.input
    if name is not None:
        check = operation.compiled.get(("check", wire, relaxed, name))
        if check is None:
            check = _Compiler(operation, wire, relaxed).check(name)
        check(request, (), found)
    if found:
        raise InvalidRequest(tuple(found))


Check = Callable[[Any, Path, list[Violation]], None]


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Makes a shape's check, which tells its violations to a list."""

    operation: Operation
    wire: bool
    relaxed: bool

    def check(self, name: str) -> Check:
        key = ("check", self.wire, self.relaxed, name)
        compiled = self.operation.compiled
        if key not in compiled:
            # A shape that holds itself finds itself here when it runs.
            compiled[key] = partial(self._later, key)
            compiled[key] = self._make(self.operation.shapes[name], name)
        made: Check = compiled[key]
        return made

    def _later(self, key: Any, value: Any, path: Path, found: list[Violation]) -> None:
        self.operation.compiled[key](value, path, found)

    def _make(self, shape: Shape, name: str) -> Check:
        kind = shape["type"]
        if shape.get("document"):
            return _anything
        rest = self._rest(kind, shape, name)
        types, wire = _TYPES[kind], self.wire
        largest = _LARGEST.get(kind)

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if (
                not isinstance(value, types)
                or (value.__class__ is bool and kind != "boolean")
                or (largest is not None and not _fits(value, largest))
            ):
                if not wire:
                    found.append(Violation(path, value, f"Member must be of type {kind}"))
                elif value is None and path:
                    found.append(Violation(path, None, "Member must not be null"))
                else:
                    raise Refusal("SerializationException", _mismatch(value, kind))
            elif rest is not None:
                rest(value, path, found)

        return check

    def _rest(self, kind: str, shape: Shape, name: str) -> Check | None:
        """What is checked when the type is right."""
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind == "string":
            return self._string(shape, name)
        if kind == "blob":
            return _blob(shape)
        if kind in ("integer", "long", "float", "double"):
            return _number(shape)
        return None

    def _structure(self, shape: Shape) -> Check:
        checks = {key: self.check(member["shape"]) for key, member in shape["members"].items()}
        required = tuple(shape.get("required", ()))
        wire = self.wire

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            found.extend(
                Violation((*path, key), None, "Member must not be null")
                for key in required
                if value.get(key) is None
            )
            unwanted = []
            for key, item in value.items():
                member = checks.get(key)
                if member is not None and item is not None:
                    member(item, (*path, key), found)
                elif wire:
                    unwanted.append(key)
                elif member is None:
                    text = f"There is no such member. {_closest(key, checks)}"
                    found.append(Violation((*path, key), item, text))
            for key in unwanted:
                del value[key]

        return check

    def _list(self, shape: Shape) -> Check:
        length, item_check = _length(shape), self.check(shape["member"]["shape"])

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if length is not None:
                length(value, path, found)
            for index, item in enumerate(value):
                item_check(item, (*path, index), found)

        return check

    def _map(self, shape: Shape) -> Check:
        length = _length(shape)
        key_check = self.check(shape["key"]["shape"])
        item_check = self.check(shape["value"]["shape"])
        of_keys, of_items = self._rules(shape["key"]), self._rules(shape["value"])

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if length is not None:
                length(value, path, found)
            keys: list[Violation] = []
            items: list[Violation] = []
            for key, item in value.items():
                key_check(key, (*path, key), keys)
                item_check(item, (*path, key), items)
            found += _together(Violation(path, value, "Map keys"), keys, of_keys)
            found += _together(Violation(path, value, "Map value"), items, of_items)

        return check

    def _rules(self, member: Shape) -> tuple[str, ...]:
        """All a map's keys or values are held to, as AWS lists it; people get the broken one."""
        shape = self.operation.shapes[member["shape"]]
        if not self.wire or shape["type"] != "string":
            return ()
        return _string_rules(shape if not self.relaxed else {**shape, "pattern": None})

    def _string(self, shape: Shape, name: str) -> Check:
        length = _length(shape)
        pattern = None if self.relaxed else shape.get("pattern")
        enum = frozenset(shape.get("enum", ()))
        local = name in _LOCAL_URIS

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if length is not None:
                length(value, path, found)
            if not value.isprintable() and _NO_TEXT.search(value):
                text = "Member must be Unicode text without NUL characters"
                found.append(Violation(path, value, text))
            if enum and value not in enum:
                found.append(Violation(path, value, _ENUM.format(", ".join(shape["enum"]))))
            if pattern is not None and not (local and value.startswith("file://")):
                compiled = compile_pattern(pattern)
                if compiled is not None and not compiled.fullmatch(value):
                    found.append(Violation(path, value, _PATTERN.format(pattern)))

        return check


def _string_rules(shape: Shape) -> tuple[str, ...]:
    """The constraints of a string, as AWS words and orders them."""
    enum = shape.get("enum")
    said = (
        (_LONGEST, shape.get("max")),
        (_SHORTEST, shape.get("min")),
        (_ENUM, ", ".join(enum) if enum else None),
        (_PATTERN, shape.get("pattern")),
    )
    return tuple(text.format(value) for text, value in said if value is not None)


def _together(
    whole: Violation, broken: list[Violation], rules: tuple[str, ...]
) -> Iterator[Violation]:
    """What is wrong in a map: AWS names the map and every rule, not the entry."""
    if any(violation.constraint in rules for violation in broken):
        text = f"{whole.constraint} must satisfy constraint: [{', '.join(rules)}]"
        yield Violation(whole.path, whole.value, text)
    yield from (violation for violation in broken if violation.constraint not in rules)


def _anything(_value: Any, _path: Path, _found: list[Violation]) -> None:
    """A document of any form."""


def _fits(value: Any, largest: int) -> bool:
    return bool(-largest - 1 <= value <= largest)


def _closest(key: str, members: dict[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(key, members, n=1)
    return f"Did you mean {near[0]}?" if near else f"Members: {', '.join(sorted(members))}"


def _length(shape: Shape) -> Check | None:
    least, most = shape.get("min"), shape.get("max")
    if least is None and most is None:
        return None

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if most is not None and len(value) > most:
            found.append(Violation(path, value, _LONGEST.format(most)))
        if least is not None and len(value) < least:
            found.append(Violation(path, value, _SHORTEST.format(least)))

    return check


def _blob(shape: Shape) -> Check | None:
    length = _length(shape)

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if length is not None and isinstance(value, bytes):  # else it is still base64
            length(value, path, found)

    return check


def _number(shape: Shape) -> Check | None:
    least, most = shape.get("min"), shape.get("max")
    if least is None and most is None:
        return None

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if most is not None and value > most:
            text = f"Member must have value less than or equal to {most}"
            found.append(Violation(path, value, text))
        if least is not None and value < least:
            text = f"Member must have value greater than or equal to {least}"
            found.append(Violation(path, value, text))

    return check


_TOKENS = {
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    type(None): "NULL_VALUE",
}


def _mismatch(value: Any, kind: str) -> str:
    """What AWS says of a value that cannot be read as ``kind``."""
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    if kind in ("structure", "map", "list"):
        return "Unexpected field type"
    token = str(value).upper() + "_VALUE" if isinstance(value, bool) else _TOKENS[type(value)]
    return f"{token} cannot be converted to {kind.capitalize()}"


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = _plain(value)
    return f"'{text if len(text) <= 200 else text[:200] + '...'}'"


def _plain(value: Any) -> str:
    """A value as AWS writes it: ``{key=value}``, ``[item]``."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_plain(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
