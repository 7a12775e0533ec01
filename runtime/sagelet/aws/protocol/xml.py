"""Documents as XML, by shape: the bodies of query responses, and of whoever else writes XML."""

import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from typing import Any

from sagelet.aws.model import Operation, Shape
from sagelet.aws.protocol.response import Response
from sagelet.aws.protocol.times import write_time
from sagelet.domain.errors import DomainError

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

#: What XML 1.0 cannot hold, even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """Character data; what XML cannot hold becomes U+FFFD."""
    return _IMPOSSIBLE.sub("\ufffd", escape(value).replace("\r", "&#13;"))


def element(tag: str, content: str, attributes: str = "") -> str:
    """One element; ``content`` and ``attributes`` are written already."""
    if not content:
        return f"<{tag}{attributes}/>"
    return f"<{tag}{attributes}>{content}</{tag}>"


def structure(operation: Operation, name: str, document: dict[str, Any]) -> str:
    """The members of a structure, without an element around them."""
    return "".join(
        part
        for member, reference in operation.shapes[name]["members"].items()
        if document.get(member) is not None
        and "location" not in reference
        and not reference.get("xmlAttribute")
        for part in _member(operation, member, reference, document[member])
    )


def _member(operation: Operation, name: str, reference: Shape, value: Any) -> Iterator[str]:
    shape = operation.shapes[reference["shape"]]
    traits = {**shape, **reference}
    tag = reference.get("locationName", name)
    if shape["type"] == "list" and traits.get("flattened"):
        item = shape["member"]
        for found in value:
            yield from _member(operation, item.get("locationName", tag), item, found)
    elif shape["type"] == "map" and traits.get("flattened"):
        for pair in _pairs(operation, shape, value):
            yield element(tag, pair)
    else:
        yield element(
            tag, _content(operation, traits, value), _attributes(operation, traits, value)
        )


def _content(operation: Operation, traits: Shape, value: Any) -> str:
    kind = traits["type"]
    if kind == "structure":
        return structure(operation, traits["shape"], value)
    if kind == "list":
        item = traits["member"]
        tag = item.get("locationName", "member")
        return "".join(
            part
            for found in value
            for part in _member(operation, tag, {**item, "locationName": tag}, found)
        )
    if kind == "map":
        return "".join(element("entry", pair) for pair in _pairs(operation, traits, value))
    return text(scalar(kind, traits, value, "iso8601"))


def _pairs(operation: Operation, shape: Shape, value: dict[str, Any]) -> Iterator[str]:
    for key, item in value.items():
        yield "".join(
            (
                *_member(operation, "key", shape["key"], key),
                *_member(operation, "value", shape["value"], item),
            )
        )


def scalar(kind: str, traits: Shape, value: Any, times: str) -> str:
    """A value as text; ``times`` is the format of timestamps without one of their own."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return str(write_time(value, traits.get("timestampFormat", times)))
    if kind == "blob":
        return b64encode(value).decode()
    if kind in ("float", "double"):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value))
    return str(value)


def _attributes(operation: Operation, traits: Shape, value: Any) -> str:
    namespace = traits.get("xmlNamespace")
    written = ""
    if isinstance(namespace, dict):
        prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
        written = f' xmlns{prefix}="{text(namespace["uri"])}"'
    for member, reference in traits.get("members", {}).items():
        if reference.get("xmlAttribute") and value.get(member) is not None:
            name = reference.get("locationName", member)
            below = {**operation.shapes[reference["shape"]], **reference}
            content = scalar(below["type"], below, value[member], "iso8601")
            written += f' {name}="{text(content)}"'
    return written


def refuse_s3(error: DomainError, resource: str, request_id: str) -> Response:
    """An error as S3 says it, for requests that do not get as far as S3."""
    content = element("Code", text(error.code)) + element("Message", text(str(error)))
    content += element("Resource", text(resource)) + element("RequestId", request_id)
    body = element("Error", content + element("HostId", request_id))
    headers = [
        (b"content-type", b"application/xml"),
        (b"x-amz-request-id", request_id.encode()),
        (b"x-amz-id-2", request_id.encode()),
    ]
    return Response(error.status, headers, (DECLARATION + body).encode())
