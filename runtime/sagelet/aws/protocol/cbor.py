"""Smithy's RPC v2 in CBOR: POST /service/<name>/operation/<name>, a CBOR map in the body.

CloudWatch's clients in Go, Java and Rust speak it. Only what the protocol uses of CBOR is here.
"""

import struct
from collections.abc import Callable
from typing import Any

from sagelet.aws.model import Operation, Service, Shape
from sagelet.aws.protocol.errors import fault_of
from sagelet.aws.protocol.json import query_error
from sagelet.aws.protocol.response import Headers, Response
from sagelet.aws.request import Request
from sagelet.domain.errors import DomainError, Refusal

Document = dict[str, Any]

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _OTHER = range(8)
_INDEFINITE = 31
_BREAK = b"\xff"
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}

#: Containers in containers, at most.
_DEPTH = 200


def parse(service: Service, operation: Operation, request: Request, body: bytes) -> Document:  # noqa: ARG001  every protocol's signature
    """The document in the body.

    Raises:
        Refusal: SerializationException.
    """
    try:
        document = decode(body) if body else {}
    except (ValueError, struct.error, OverflowError) as error:
        raise Refusal("SerializationException", f"The body is not CBOR: {error}") from None
    if not isinstance(document, dict):
        raise Refusal("SerializationException", "The body must be a CBOR map.")
    return document


def serialise(
    service: Service,  # noqa: ARG001  every protocol's signature
    operation: Operation,
    document: Document,
    request_id: str,
) -> Response:
    """A response with this document."""
    body = encode(operation, {"shape": operation.output}, document) if operation.output else b""
    return Response(200, _headers(request_id), body)


def refuse(
    service: Service | None, operation: Operation | None, error: DomainError, request_id: str
) -> Response:
    """The error as a map."""
    fault = fault_of(error, operation)
    headers = _headers(request_id)
    if service and "awsQueryCompatible" in service.metadata:
        headers.append((b"x-amzn-query-error", query_error(error, operation)))
    members = operation.shapes[fault.shape]["members"] if operation and fault.shape else {}
    pairs = _pairs(operation, members, fault.members) if operation else []
    if not {"message", "Message"} & set(members):
        pairs.append((_text("message"), _text(fault.message)))
    body = _map([(_text("__type"), _text(fault.name)), *pairs])
    return Response(fault.status, headers, body)


def _headers(request_id: str) -> Headers:
    return [
        (b"content-type", b"application/cbor"),
        (b"smithy-protocol", b"rpc-v2-cbor"),
        (b"x-amzn-requestid", request_id.encode()),
    ]


def encode(operation: Operation, reference: Shape, value: Any) -> bytes:
    """A value of a shape as CBOR."""
    shape = operation.shapes[reference["shape"]]
    kind = shape["type"]
    if kind == "structure":
        return _map(_pairs(operation, shape["members"], value))
    if kind == "map":
        item = shape["value"]
        return _map([(_text(key), encode(operation, item, v)) for key, v in value.items()])
    if kind == "list":
        items = (encode(operation, shape["member"], item) for item in value)
        return _head(_LIST, len(value)) + b"".join(items)
    return _SCALARS[kind](value)


def _pairs(
    operation: Operation, members: dict[str, Shape], document: Document
) -> list[tuple[bytes, bytes]]:
    return [
        (_text(key), encode(operation, members[key], value))
        for key, value in document.items()
        if value is not None and key in members
    ]


def _map(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return _head(_MAP, len(pairs)) + b"".join(key + value for key, value in pairs)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for more, (size, limit) in enumerate(((1, 1 << 8), (2, 1 << 16), (4, 1 << 32), (8, 1 << 64))):
        if number < limit:
            return bytes([major << 5 | 24 + more]) + number.to_bytes(size, "big")
    raise OverflowError(f"{number} does not fit 64 bits")


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _head(_TEXT, len(encoded)) + encoded


def _bytes(value: bytes) -> bytes:
    return _head(_BYTES, len(value)) + value


def _integer(value: int) -> bytes:
    return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


def _double(value: float) -> bytes:
    return b"\xfb" + struct.pack(">d", value)


def _boolean(value: bool) -> bytes:
    return b"\xf5" if value else b"\xf4"


def _time(value: float) -> bytes:
    return b"\xc1" + _double(value)


_SCALARS: dict[str, Callable[[Any], bytes]] = {
    "string": _text,
    "character": _text,
    "blob": _bytes,
    "integer": _integer,
    "long": _integer,
    "float": _double,
    "double": _double,
    "boolean": _boolean,
    "timestamp": _time,
}


def decode(data: bytes) -> Any:
    """The value that ``data`` is; a tag's value is given as it is.

    Raises:
        ValueError: it is not one whole value.
    """
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes too many")
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value at ``at``, and where the next begins."""
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    first = _take(data, at, 1)[0]
    major, low = first >> 5, first & 31
    if major == _OTHER:
        return _other(data, at + 1, low)
    if low == _INDEFINITE and major in (_BYTES, _TEXT, _LIST, _MAP):
        return _unbounded(data, at + 1, major, depth)
    number, at = _number(data, at + 1, low)
    if major == _UNSIGNED:
        return number, at
    if major == _NEGATIVE:
        return -1 - number, at
    if major in (_BYTES, _TEXT):
        found = _take(data, at, number)
        return (found.decode() if major == _TEXT else found), at + number
    if major == _TAG:
        return _item(data, at, depth + 1)
    if number > len(data):
        raise ValueError("a length beyond the end")
    items = []
    for _ in range(number * (2 if major == _MAP else 1)):
        item, at = _item(data, at, depth + 1)
        items.append(item)
    return (_mapped(items) if major == _MAP else items), at


def _unbounded(data: bytes, at: int, major: int, depth: int) -> tuple[Any, int]:
    items = []
    while _take(data, at, 1) != _BREAK:
        item, at = _item(data, at, depth + 1)
        items.append(item)
    if major == _LIST:
        return items, at + 1
    if major == _MAP:
        return _mapped(items), at + 1
    kind: type = str if major == _TEXT else bytes
    if not all(isinstance(item, kind) for item in items):
        raise ValueError("a chunk of another type")
    return kind().join(items), at + 1


def _mapped(items: list[Any]) -> Document:
    keys, values = items[::2], items[1::2]
    if len(keys) != len(values) or not all(isinstance(key, str) for key in keys):
        raise ValueError("a map whose keys are not texts")
    return dict(zip(keys, values, strict=True))


def _other(data: bytes, at: int, low: int) -> tuple[Any, int]:
    if low in _SIMPLE:
        return _SIMPLE[low], at
    if low not in _FLOATS:
        raise ValueError(f"an unknown simple value ({low})")
    form, size = _FLOATS[low]
    return struct.unpack(form, _take(data, at, size))[0], at + size


def _number(data: bytes, at: int, low: int) -> tuple[int, int]:
    if low < 24:
        return low, at
    if low > 27:
        raise ValueError(f"an unknown length ({low})")
    size = 1 << (low - 24)
    return int.from_bytes(_take(data, at, size), "big"), at + size


def _take(data: bytes, at: int, size: int) -> bytes:
    found = data[at : at + size]
    if len(found) != size:
        raise ValueError("it ends too early")
    return found
