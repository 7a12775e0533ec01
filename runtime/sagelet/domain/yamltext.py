"""YAML that people read: plain text of documents made of dicts, lists and scalars.

It writes what a compose document needs and no more, and reads nothing. Any text comes back as it
went in: what a plain word, a quoted line or a block cannot hold is written with escapes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Inline:
    """A mapping or a list written on one line."""

    value: Any


@dataclass(frozen=True, slots=True)
class Anchored:
    """A mapping that others begin with (``Like``)."""

    anchor: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Like:
    """``value``, and all that the mapping of that anchor says besides."""

    anchor: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Commented:
    """A value with lines of explanation before it."""

    comment: str
    value: Any


#: Words that can stand without quotes: nothing that some reader takes for another type.
_PLAIN = re.compile(
    r"(?:[A-Za-z_/]|\.{1,2}/|-[A-Za-z])[A-Za-z0-9_./@=+-]*(?::[A-Za-z0-9_./@=+-]+)*"
    r"|[0-9]+(?:ms|[bgms])"  # times and sizes
)
_OTHER_TYPES = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})

#: What a reader may fold, drop or refuse in text that is not escaped.
_UNPRINTABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_BREAKS = re.compile("[\u2028\u2029]")

_STEP = "  "


def dump(document: Mapping[str, Any]) -> str:
    """The document as text, a blank line between its parts."""
    parts = ("".join(f"{line}\n" for line in _mapping({k: v}, "")) for k, v in document.items())
    return "\n".join(parts)


def _mapping(document: Mapping[str, Any], indent: str) -> Iterator[str]:
    for number, (key, value) in enumerate(document.items()):
        inner = value
        if isinstance(value, Commented):
            if number:
                yield ""
            for line in value.comment.splitlines():
                yield f"{indent}# {line}".rstrip()
            inner = value.value
        yield from _entry(f"{indent}{_scalar(key)}:", inner, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    """What follows ``head``: on its line, or below it, deeper than ``indent``."""
    deeper = indent + _STEP
    if isinstance(value, Anchored):
        yield f"{head} &{value.anchor}"
        yield from _mapping(value.value, deeper)
    elif isinstance(value, Like):
        yield head
        yield f"{deeper}<<: *{value.anchor}"
        yield from _mapping(value.value, deeper)
    elif isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, deeper)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield head
        for item in value:
            yield from _entry(f"{deeper}-", item, deeper)
    elif isinstance(value, str) and _fits_block(value):
        yield f"{head} {'|' if value.endswith(chr(10)) else '|-'}"
        lines = value.removesuffix("\n").split("\n")
        yield from (f"{deeper}{line}" if line else "" for line in lines)
    else:
        yield f"{head} {_inline(value.value if isinstance(value, Inline) else value)}"


def _fits_block(text: str) -> bool:
    """Whether lines as they are say the same; for words and short lines quotes do."""
    return (
        ("\n" in text or len(text) > 60)
        and not _UNPRINTABLE.search(text)
        and not _BREAKS.search(text)
        and not text.endswith("\n\n")
        and text[0] not in " \t\n"
    )


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        items = (f"{_scalar(key)}: {_flow(each)}" for key, each in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return _scalar(value)


def _flow(value: Any) -> str:
    return _inline(value.value if isinstance(value, Inline) else value)


def _scalar(value: str | float | None) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _OTHER_TYPES:
        return f"{value}"
    if _UNPRINTABLE.search(value) or _BREAKS.search(value) or "\n" in value or "\t" in value:
        escaped = _UNPRINTABLE.sub(_escape, json.dumps(value, ensure_ascii=False))
        return _BREAKS.sub(_escape, escaped)
    return "'" + value.replace("'", "''") + "'"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
