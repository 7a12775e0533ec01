"""Hypothesis strategies for documents of a shape: valid ones, small ones, recursive ones."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st

from sagelet.aws.model import Operation
from sagelet.aws.patterns import compile_pattern

#: What the request validation lets through: no surrogates, no NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
#: What XML 1.0 can hold.
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r"),
    max_size=20,
)
#: What a header can hold.
VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
#: Milliseconds since the epoch, up to 2100.
MOMENTS = st.integers(0, 4_102_444_800_000).map(lambda ms: ms / 1000)


@dataclass(frozen=True)
class Taste:
    """What a protocol can carry."""

    text: st.SearchStrategy[str] = TEXT
    #: Structures and maps that are empty cannot be told from absent ones.
    full: bool = False
    infinities: bool = True
    #: Requests keep the patterns; AWS's answers need not.
    patterns: bool = True


def documents(operation: Operation, name: str, taste: Taste) -> st.SearchStrategy[dict[str, Any]]:
    """Valid documents of the structure ``name``."""
    return _Maker(operation, taste).shape({"shape": name}, 0)


@dataclass(frozen=True)
class _Maker:
    operation: Operation
    taste: Taste

    def shape(self, reference: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
        shape = self.operation.shapes[reference["shape"]]
        if reference.get("location") in ("header", "headers", "uri"):
            maker = replace(self, taste=replace(self.taste, text=VISIBLE, infinities=False))
        else:
            maker = self
        make: Callable[..., st.SearchStrategy[Any]] = getattr(maker, f"_{shape['type']}")
        return make({**shape, **reference}, depth)

    def _structure(self, shape, depth):
        if shape.get("document"):
            return st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3))
        members = {
            key: reference
            for key, reference in shape["members"].items()
            if not self.operation.shapes[reference["shape"]].get("eventstream")
        }
        if shape.get("union"):
            telling = [
                key for key in sorted(members) if not self.taste.full or self._tells(members[key])
            ]
            return st.sampled_from(telling).flatmap(
                lambda key: st.fixed_dictionaries({key: self.shape(members[key], depth + 1)})
            )
        required = set(shape.get("required", ()))
        lazily = {
            key: st.deferred(lambda reference=reference: self.shape(reference, depth + 1))
            for key, reference in members.items()
        }
        made = _some(lazily, required, most=4 if depth < 3 else 0)
        return made.filter(bool) if self.taste.full and members and depth else made

    def _tells(self, reference):
        shape = self.operation.shapes[reference["shape"]]
        return shape["type"] != "structure" or bool(shape["members"])

    def _list(self, shape, depth):
        least = shape.get("min", 0)
        most = max(least, min(shape.get("max", 2), 2 if depth < 3 else 0))
        return st.lists(self.shape(shape["member"], depth + 1), min_size=least, max_size=most)

    def _map(self, shape, depth):
        least = max(shape.get("min", 0), 1 if self.taste.full else 0)
        most = max(least, min(shape.get("max", 2), 2))
        return st.dictionaries(
            self.shape(shape["key"], depth + 1),
            self.shape(shape["value"], depth + 1),
            min_size=least,
            max_size=most,
        )

    def _string(self, shape, _depth):
        if "enum" in shape:
            return st.sampled_from(shape["enum"])
        least, most = shape.get("min", 0), shape.get("max", 2**31)
        if "pattern" in shape and self.taste.patterns:
            return _matching(shape["pattern"], least, most)
        return self.taste.text.map(
            lambda text: (
                (text * least if text else "x" * least)[:most] if len(text) < least else text[:most]
            )
        )

    def _integer(self, shape, _depth):
        return st.integers(shape.get("min", -(2**31)), min(shape.get("max", 2**31), 2**31 - 1))

    def _long(self, shape, _depth):
        return st.integers(shape.get("min", -(2**63)), min(shape.get("max", 2**63), 2**63 - 1))

    def _float(self, shape, _depth):
        return st.floats(
            shape.get("min"),
            shape.get("max"),
            width=32,
            allow_nan=False,
            allow_infinity=self.taste.infinities and "max" not in shape and "min" not in shape,
        )

    def _double(self, shape, _depth):
        return st.floats(
            shape.get("min"),
            shape.get("max"),
            allow_nan=False,
            allow_infinity=self.taste.infinities and "max" not in shape and "min" not in shape,
        )

    def _boolean(self, _shape, _depth):
        return st.booleans()

    def _timestamp(self, _shape, _depth):
        return MOMENTS

    def _blob(self, shape, _depth):
        least = shape.get("min", 0)
        return st.binary(min_size=least, max_size=max(least, min(20, shape.get("max", 20))))


def _some(members, required, most):
    """All that is required and a few of the others."""
    optional = sorted(set(members) - required)
    chosen = (
        st.lists(st.sampled_from(optional), max_size=most, unique=True) if optional else st.just([])
    )
    return chosen.flatmap(
        lambda keys: st.fixed_dictionaries(
            {key: members[key] for key in members if key in required or key in keys}
        )
    )


@cache
def _matching(pattern: str, least: int, most: int) -> st.SearchStrategy[str]:
    """Texts that match; where a pattern asks for great lengths, ones that it lets be short."""
    compiled = compile_pattern(pattern)
    if compiled is None:
        return st.text("abc", min_size=least, max_size=max(least, 5))
    one = re.fullmatch(r"\^?\(?(\[(?:\\.|[^\]\\])*\])[+*]\)?\$?", compiled.pattern)
    if one and least > 1:  # texts of one class: of the length asked for
        found = re.compile(f"{one[1]}{{{least},{min(most, least + 8)}}}")
        return st.from_regex(found, fullmatch=True).filter(lambda text: "\0" not in text)
    # Bounded repeats of many become few: the texts still match, and are found quickly.
    shorter = re.sub(
        r"\{(\d+),(\d+)\}",
        lambda found: f"{{{found[1]},{min(int(found[2]), max(int(found[1]), 20))}}}",
        compiled.pattern,
    )
    drawn = st.from_regex(re.compile(shorter, re.DOTALL), fullmatch=True)
    return drawn.filter(
        lambda text: (
            least <= len(text) <= most
            and compiled.fullmatch(text)
            and not re.search("[\0\ud800-\udfff]", text)
        )
    )


def convert(operation: Operation, name: str, value: Any, scalar: Callable[[str, Any], Any]) -> Any:
    """A document with its scalars replaced: ``scalar(type, value)``."""
    shape = operation.shapes[name]
    if shape["type"] == "structure" and not shape.get("document"):
        return {
            key: convert(operation, shape["members"][key]["shape"], item, scalar)
            for key, item in value.items()
        }
    if shape["type"] == "list":
        return [convert(operation, shape["member"]["shape"], item, scalar) for item in value]
    if shape["type"] == "map":
        return {
            key: convert(operation, shape["value"]["shape"], item, scalar)
            for key, item in value.items()
        }
    return scalar(shape["type"], value)


def as_botocore(kind: str, value: Any) -> Any:
    """A scalar as its users give and get it."""
    return datetime.fromtimestamp(value, UTC) if kind == "timestamp" else value
