"""REST-JSON: members in the path, the query string, the headers and the body (JSON or bytes)."""

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from sagelet.aws.model import Operation, Service, Shape
from sagelet.aws.protocol.errors import fault_of
from sagelet.aws.protocol.json import READ, WRITE, dump, load, members_of
from sagelet.aws.protocol.response import Headers, Response
from sagelet.aws.protocol.times import read_time
from sagelet.aws.protocol.xml import scalar
from sagelet.aws.request import Request
from sagelet.domain.errors import DomainError, Refusal

Document = dict[str, Any]

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


@lru_cache(maxsize=1024)
def path_pattern(uri: str) -> re.Pattern[str]:
    """What paths of a request URI look like; labels are named groups l0, l1, ..."""
    pattern, end = "", 0
    for index, label in enumerate(_LABEL.finditer(uri)):
        anything = ".+" if label[2] else "[^/]+"
        pattern += f"{re.escape(uri[end : label.start()])}(?P<l{index}>{anything})"
        end = label.end()
    return re.compile(pattern + re.escape(uri[end:]))


def parse(service: Service, operation: Operation, request: Request, body: bytes) -> Document:  # noqa: ARG001  every protocol's signature
    """The document, put together from all its places.

    Raises:
        Refusal: SerializationException.
    """
    if operation.input is None:
        return {}
    shape = operation.shapes[operation.input]
    document = _from_body(operation, shape, body)
    labels = _labels(operation, request.path)
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(key, []).append(value)
    for member, reference in shape["members"].items():
        name = reference.get("locationName", member)
        location = reference.get("location")
        if location == "uri" and name in labels:
            document[member] = _read(operation, reference, labels[name])
        elif location == "header" and name.lower() in request.headers:
            document[member] = _read_header(operation, reference, request.headers[name.lower()])
        elif location == "headers":
            found = {k[len(name) :]: v for k, v in request.headers.items() if _begins(k, name)}
            document |= {member: found} if found else {}
        elif location == "querystring":
            document |= _from_query(operation, member, reference, query)
    return document


def serialise(
    service: Service,  # noqa: ARG001  every protocol's signature
    operation: Operation,
    document: Document,
    request_id: str,
) -> Response:
    """A response with this document in its places."""
    headers: Headers = [(b"x-amzn-requestid", request_id.encode())]
    if operation.output is None:
        return Response(200, headers, b"")
    shape = operation.shapes[operation.output]
    inside, status = {}, 200
    for member, value in document.items():
        reference = shape["members"].get(member, {})
        location = reference.get("location")
        if location == "statusCode":
            status = value
        elif location == "headers":
            prefix = reference.get("locationName", "")
            headers += [_header(prefix + key, str(item)) for key, item in value.items()]
        elif location == "header" and value is not None:
            name = reference.get("locationName", member)
            headers.append(_header(name, _write_header(operation, reference, value)))
        elif location is None:
            inside[member] = value
    content, body = _to_body(operation, shape, inside)
    if content and "content-type" not in _header_names(shape):
        headers.append((b"content-type", content))
    return Response(status, headers, body)


def refuse(
    service: Service | None,  # noqa: ARG001  every protocol's signature
    operation: Operation | None,
    error: DomainError,
    request_id: str,
) -> Response:
    """The error as JSON, its code in a header."""
    fault = fault_of(error, operation)
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-amzn-errortype", fault.name.encode()),
    ]
    return Response(fault.status, headers, dump(members_of(fault, operation)))


def _header_names(shape: Shape) -> set[str]:
    """The headers that are members: nobody else may set them."""
    members = shape["members"].items()
    return {
        reference.get("locationName", member).lower()
        for member, reference in members
        if reference.get("location") == "header"
    }


def _labels(operation: Operation, path: str) -> dict[str, str]:
    found = path_pattern(operation.uri.partition("?")[0]).fullmatch(path)
    names = [label[1] for label in _LABEL.finditer(operation.uri)]
    if found is None:
        return {}
    return {name: unquote(found[f"l{index}"]) for index, name in enumerate(names)}


def _from_body(operation: Operation, shape: Shape, body: bytes) -> Document:
    payload = shape.get("payload")
    if payload is None:
        document = load(body)
        if not isinstance(document, dict):
            raise Refusal("SerializationException", "The body must be a JSON object.")
        convert = READ.converter(operation, operation.input) if operation.input else None
        return convert(document) if convert else document
    kind = operation.shapes[shape["members"][payload]["shape"]]["type"]
    if not body and (kind not in ("blob", "string") or payload not in shape.get("required", ())):
        return {}
    if kind == "blob":
        return {payload: body}
    if kind == "string":
        return {payload: body.decode(errors="replace")}
    convert = READ.of(operation, shape["members"][payload])
    return {payload: convert(load(body)) if convert else load(body)}


def _to_body(operation: Operation, shape: Shape, inside: Document) -> tuple[bytes, bytes]:
    payload = shape.get("payload")
    if payload is None:
        convert = WRITE.converter(operation, operation.output) if operation.output else None
        return b"application/json", dump(convert(inside) if convert else inside)
    value = inside.get(payload)
    if value is None:
        return b"", b""
    kind = operation.shapes[shape["members"][payload]["shape"]]["type"]
    if kind == "blob":
        return b"application/octet-stream", bytes(value)
    if kind == "string":
        return b"text/plain", value.encode()
    convert = WRITE.of(operation, shape["members"][payload])
    return b"application/json", dump(convert(value) if convert else value)


def _from_query(
    operation: Operation, member: str, reference: Shape, query: dict[str, list[str]]
) -> Document:
    shape = operation.shapes[reference["shape"]]
    if shape["type"] == "map":
        many = operation.shapes[shape["value"]["shape"]]["type"] == "list"
        found = {key: values if many else values[0] for key, values in query.items()}
        return {member: found} if found else {}
    values = query.get(reference.get("locationName", member))
    if not values:
        return {}
    if shape["type"] == "list":
        return {member: [_read(operation, shape["member"], value) for value in values]}
    return {member: _read(operation, reference, values[0])}


def _read_header(operation: Operation, reference: Shape, value: str) -> Any:
    shape = operation.shapes[reference["shape"]]
    if shape["type"] == "list":
        return [_read(operation, shape["member"], item.strip()) for item in value.split(",")]
    if reference.get("jsonvalue") or shape.get("jsonvalue"):
        return json.dumps(load(_bytes(value)))
    return _read(operation, reference, value)


def _write_header(operation: Operation, reference: Shape, value: Any) -> str:
    shape = operation.shapes[reference["shape"]]
    if shape["type"] == "list":
        return ",".join(_write_header(operation, shape["member"], item) for item in value)
    if reference.get("jsonvalue") or shape.get("jsonvalue"):
        return b64encode(json.dumps(value).encode()).decode()
    return scalar(shape["type"], {**shape, **reference}, value, "rfc822")


def _read(operation: Operation, reference: Shape, text: str) -> Any:
    kind = operation.shapes[reference["shape"]]["type"]
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            return read_time(text)
    except (ValueError, OverflowError):
        text = f"'{text[:200]}' cannot be converted to {kind.capitalize()}"
        raise Refusal("SerializationException", text) from None
    if kind == "boolean":
        return text == "true"
    return _bytes(text) if kind == "blob" else text


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise Refusal("SerializationException", "A blob must be a base64 string.") from None


def _begins(header: str, prefix: str) -> bool:
    return header.startswith(prefix.lower())


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    """A header; line breaks in a value would begin another one."""
    return name.lower().encode("latin-1"), re.sub(r"[\r\n\0]", " ", value).encode("utf-8")
