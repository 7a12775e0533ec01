"""Documents as XML, by S3's shapes. Writers are made once for each shape: listings are long."""

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from sagelet.aws.operation import Document
from sagelet.aws.protocol.times import write_time

Shape = Mapping[str, Any]

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

#: What is not written as it is.
_SPECIAL = re.compile("[^\t\n !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What XML 1.0 cannot hold, even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Write = Callable[[Any], str]


def text(value: str) -> str:
    """Character data; what XML cannot hold becomes U+FFFD."""
    if _SPECIAL.search(value) is None:
        return value
    return _IMPOSSIBLE.sub("\ufffd", escape(value).replace("\r", "&#13;"))


def element(tag: str, content: str, attributes: str = "") -> str:
    """One element; ``content`` and ``attributes`` are written already."""
    return f"<{tag}{attributes}>{content}</{tag}>"


def scalar(shape: Shape, value: Any, times: str) -> str:
    """A value as text; ``times`` is the format of timestamps without one of their own."""
    kind = shape["type"]
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return str(write_time(value, shape.get("timestampFormat", times)))
    return str(value)


class Writers:
    """The writers of one model's structures."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        self._made: dict[str, Write] = {}

    def structure(self, name: str) -> Write:
        """What writes a structure's members that belong in a body."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._structure(name)
        return made

    def _structure(self, name: str) -> Write:
        members = [
            (member, self._member(reference.get("locationName", member), reference))
            for member, reference in self._shapes[name]["members"].items()
            if "location" not in reference and not reference.get("xmlAttribute")
        ]

        def write(document: Document) -> str:
            return "".join(
                [
                    write_member(document[member])
                    for member, write_member in members
                    if document.get(member) is not None
                ]
            )

        return write

    def _member(self, tag: str, reference: Shape) -> Write:
        shape = {**self._shapes[reference["shape"]], **reference}
        if shape["type"] == "list":
            item = shape["member"]
            if shape.get("flattened"):
                write_item = self._member(tag, {**item, "locationName": tag})
                return lambda value: "".join(map(write_item, value))
            write_item = self._member(item.get("locationName", "member"), item)
            return lambda value: element(tag, "".join(map(write_item, value)))
        if shape["type"] == "structure":
            content, attributes = self.structure(reference["shape"]), self._attributes(shape)
            return lambda value: element(tag, content(value), attributes(value))
        if shape["type"] == "string":
            return lambda value: f"<{tag}>{text(value)}</{tag}>"
        return lambda value: f"<{tag}>{scalar(shape, value, 'iso8601')}</{tag}>"

    def _attributes(self, shape: Shape) -> Write:
        namespace = shape.get("xmlNamespace", {})
        prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
        fixed = f' xmlns{prefix}="{text(namespace["uri"])}"' if namespace else ""
        named = [
            (member, reference["locationName"])
            for member, reference in shape["members"].items()
            if reference.get("xmlAttribute")
        ]
        return lambda value: (
            fixed
            + "".join(
                f' {name}="{text(value[member])}"' for member, name in named if member in value
            )
        )
