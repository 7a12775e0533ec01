"""Trees of wire values into documents and back, by shape.

What differs from a document (renamed members, blobs in base64, times as text) is found once for
a shape; a tree that holds nothing of it passes through untouched, which is most of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sagelet.aws.model import Operation, Shape

Convert = Callable[[Any], Any]

#: Converts scalars of one type with these traits; None: they are the same on the wire.
Scalars = Callable[[str, Shape], Convert | None]


@dataclass(frozen=True, slots=True)
class Trees:
    """One direction of one protocol: ``reading`` goes from wire to document."""

    name: str
    scalars: Scalars
    reading: bool

    def converter(self, operation: Operation, name: str) -> Convert | None:
        """What turns a value of the shape ``name``; None when nothing has to be done."""
        return self.of(operation, {"shape": name})

    def of(self, operation: Operation, reference: Shape) -> Convert | None:
        """The same for a reference to a shape, with traits of its own."""
        name = reference["shape"]
        shape = operation.shapes[name]
        if "members" not in shape and shape["type"] not in ("list", "map"):
            return self.scalars(shape["type"], {**shape, **reference})
        key = (self.name, self.reading, name)
        compiled = operation.compiled
        if key not in compiled:
            if not self._differs(operation, name, set()):
                compiled[key] = None
            else:
                # A shape that holds itself finds itself here when it runs.
                compiled[key] = partial(_later, compiled, key)
                compiled[key] = self._make(operation, shape)
        made: Convert | None = compiled[key]
        return made

    def _differs(self, operation: Operation, name: str, seen: set[str]) -> bool:
        seen.add(name)
        for member, reference in _references(operation.shapes[name]):
            below = operation.shapes[reference["shape"]]
            if member and reference.get("locationName", member) != member:
                return True
            if "members" in below or below["type"] in ("list", "map"):
                if reference["shape"] not in seen and self._differs(
                    operation, reference["shape"], seen
                ):
                    return True
            elif self.scalars(below["type"], {**below, **reference}):
                return True
        return False

    def _make(self, operation: Operation, shape: Shape) -> Convert:
        if shape["type"] == "list":
            item = self.of(operation, shape["member"])
            return partial(_list, item) if item else _same
        if shape["type"] == "map":
            value = self.of(operation, shape["value"])
            return partial(_map, value) if value else _same
        members: dict[str, tuple[str, Convert]] = {}
        for member, reference in shape["members"].items():
            wire = reference.get("locationName", member)
            convert = self.of(operation, reference)
            if convert or wire != member:
                known, becomes = (wire, member) if self.reading else (member, wire)
                members[known] = (becomes, convert or _same)
        return partial(_structure, members)


def _references(shape: Shape) -> list[tuple[str, Shape]]:
    sides = [("", shape[side]) for side in ("member", "value") if side in shape]
    return [*shape.get("members", {}).items(), *sides]


def _later(compiled: dict[Any, Any], key: Any, value: Any) -> Any:
    return compiled[key](value)


def _same(value: Any) -> Any:
    return value


# What has the wrong type stays as it is: the validation says so.


def _list(item: Convert, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [None if found is None else item(found) for found in value]


def _map(convert: Convert, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: None if found is None else convert(found) for key, found in value.items()}


def _structure(members: dict[str, tuple[str, Convert]], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made = {}
    for key, found in value.items():
        if key in members:
            becomes, convert = members[key]
            made[becomes] = None if found is None else convert(found)
        else:
            made[key] = found
    return made
