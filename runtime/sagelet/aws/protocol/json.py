"""JSON 1.0 and 1.1: POST /, the operation in X-Amz-Target, a document in the body."""

import json
import math
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any, NoReturn

import orjson

from sagelet.aws.model import Operation, Service, Shape
from sagelet.aws.protocol.errors import Fault, fault_of
from sagelet.aws.protocol.response import Headers, Response
from sagelet.aws.protocol.times import read_time, write_time
from sagelet.aws.protocol.tree import Convert, Trees
from sagelet.aws.request import Request
from sagelet.domain.errors import DomainError, Refusal

Document = dict[str, Any]

_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def parse(service: Service, operation: Operation, request: Request, body: bytes) -> Document:  # noqa: ARG001  every protocol's signature
    """The document in the body.

    Raises:
        Refusal: SerializationException.
    """
    document = load(body)
    if not isinstance(document, dict):
        raise Refusal("SerializationException", "The body must be a JSON object.")
    convert = READ.converter(operation, operation.input) if operation.input else None
    return convert(document) if convert else document


def serialise(
    service: Service, operation: Operation, document: Document, request_id: str
) -> Response:
    """A response with this document; an operation without output has an empty body."""
    headers = _headers(service, request_id)
    if operation.output is None:
        return Response(200, headers, b"")
    convert = WRITE.converter(operation, operation.output)
    return Response(200, headers, dump(convert(document) if convert else document))


def refuse(
    service: Service | None, operation: Operation | None, error: DomainError, request_id: str
) -> Response:
    """The error as JSON."""
    fault = fault_of(error, operation)
    headers = _headers(service, request_id)
    headers.append((b"x-amzn-errortype", fault.name.encode()))
    if service and "awsQueryCompatible" in service.metadata:
        headers.append((b"x-amzn-query-error", query_error(error, operation)))
    return Response(
        fault.status, headers, dump({"__type": fault.name, **members_of(fault, operation)})
    )


def query_error(error: DomainError, operation: Operation | None) -> bytes:
    """How the service named the error when it spoke the query protocol."""
    fault = fault_of(error, operation, query=True)
    return f"{fault.code};{'Sender' if fault.sender else 'Receiver'}".encode()


def members_of(fault: Fault, operation: Operation | None) -> Document:
    """An error's members as JSON has them."""
    if operation is None or fault.shape is None:
        return fault.members
    convert = WRITE.converter(operation, fault.shape)
    made: Document = convert(fault.members) if convert else fault.members
    return made


def load(body: bytes) -> Any:
    """Parse JSON strictly; nothing is an empty object.

    Raises:
        Refusal: SerializationException.
    """
    try:
        return json.loads(body, parse_constant=_no_constant) if body else {}
    except (ValueError, RecursionError) as error:
        text = f"The body is not JSON: {error}"
        raise Refusal("SerializationException", text) from None


def dump(document: Any) -> bytes:
    """JSON without nulls; numbers that JSON has no words for become AWS's strings."""
    try:
        text = orjson.dumps(document)
        return text if b"null" not in text else orjson.dumps(_tidy(document))
    except orjson.JSONEncodeError:  # integers beyond 64 bits, say
        return _encode(_tidy(document)).encode()


def _tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON value")


def _headers(service: Service | None, request_id: str) -> Headers:
    version = service.metadata.get("jsonVersion", "1.1") if service else "1.1"
    return [
        (b"content-type", f"application/x-amz-json-{version}".encode()),
        (b"x-amzn-requestid", request_id.encode()),
    ]


def _reading(kind: str, traits: Shape) -> Convert | None:  # noqa: ARG001  one signature
    if kind == "blob":
        return _blob
    if kind == "timestamp":
        return _time
    return _float if kind in ("float", "double") else None


def _writing(kind: str, traits: Shape) -> Convert | None:
    if kind == "blob":
        return _base64
    form = traits.get("timestampFormat", "unixTimestamp")
    if kind == "timestamp" and form != "unixTimestamp":
        return lambda seconds: write_time(seconds, form)
    return None


def _blob(value: Any) -> bytes:
    try:
        return b64decode(value, validate=True)
    except (Base64Error, TypeError, ValueError):
        raise Refusal("SerializationException", "A blob must be a base64 string.") from None


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _time(value: Any) -> float:
    try:
        return read_time(value)
    except (ValueError, OverflowError) as error:
        raise Refusal("SerializationException", f"{error}.") from None


def _float(value: Any) -> Any:
    return _NUMBERS.get(value, value) if isinstance(value, str) else value


#: JSON to documents and back.
READ = Trees("json", _reading, reading=True)
WRITE = Trees("json", _writing, reading=False)
