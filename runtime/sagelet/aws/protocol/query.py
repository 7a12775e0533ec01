"""The query protocol: a form with Action and Version, a response in XML."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import parse_qsl

from sagelet.aws.model import Operation, Service, Shape
from sagelet.aws.protocol import xml
from sagelet.aws.protocol.errors import fault_of
from sagelet.aws.protocol.response import Headers, Response
from sagelet.aws.protocol.times import read_time
from sagelet.aws.request import Request
from sagelet.domain.errors import DomainError, Refusal

Document = dict[str, Any]

FORM = "application/x-www-form-urlencoded"

#: Parameters of a form, at most.
MAX_PARAMETERS = 100_000

#: What a form says, as a tree: ``A.member.1=x`` is {"A": {"member": {"1": {None: "x"}}}}.
Node = dict[str | None, Any]


def read_form(request: Request, body: bytes) -> dict[str, str]:
    """The parameters, of the body or else of the query string.

    Raises:
        Refusal: MalformedInput.
    """
    text = body or request.query.encode("latin-1")
    try:
        return dict(
            parse_qsl(
                text.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_PARAMETERS,
            )
        )
    except ValueError as error:
        raise Refusal("MalformedInput", f"The form cannot be read: {error}") from None


def parse(service: Service, operation: Operation, request: Request, body: bytes) -> Document:  # noqa: ARG001  every protocol's signature
    """The document in the form.

    Raises:
        Refusal: MalformedInput.
    """
    root: Node = {}
    for key, value in read_form(request, body).items():
        node = root
        for part in key.split("."):
            node = node.setdefault(part, {})
        node[None] = value
    if operation.input is None:
        return {}
    document: Document = _structure(operation, operation.shapes[operation.input], root)
    return document


def serialise(
    service: Service, operation: Operation, document: Document, request_id: str
) -> Response:
    """A response with this document."""
    result = ""
    if operation.output:
        content = xml.structure(operation, operation.output, document)
        result = xml.element(operation.wrapper or f"{operation.name}Result", content)
    result += f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    body = xml.element(f"{operation.name}Response", result, _namespace(service))
    return Response(200, _headers(request_id), (xml.DECLARATION + body).encode())


def refuse(
    service: Service | None, operation: Operation | None, error: DomainError, request_id: str
) -> Response:
    """The error as XML."""
    fault = fault_of(error, operation, query=True)
    content = xml.element("Type", "Sender" if fault.sender else "Receiver")
    content += xml.element("Code", xml.text(fault.code))
    content += xml.element("Message", xml.text(fault.message))
    if operation and fault.shape:
        members = {key: value for key, value in fault.members.items() if key != "Message"}
        content += xml.structure(operation, fault.shape, members)
    result = xml.element("Error", content) + xml.element("RequestId", request_id)
    body = xml.element("ErrorResponse", result, _namespace(service))
    return Response(fault.status, _headers(request_id), (xml.DECLARATION + body).encode())


def _namespace(service: Service | None) -> str:
    uri = service.metadata.get("xmlNamespace") if service else None
    return f' xmlns="{xml.text(uri)}"' if uri else ""


def _headers(request_id: str) -> Headers:
    return [(b"content-type", b"text/xml"), (b"x-amzn-requestid", request_id.encode())]


def _structure(operation: Operation, shape: Shape, node: Node) -> Document:
    document = {}
    for member, reference in shape["members"].items():
        below = operation.shapes[reference["shape"]]
        name = reference.get("locationName", member)
        if below["type"] == "list" and {**below, **reference}.get("flattened"):
            name = below["member"].get("locationName", name)
        if name in node:
            document[member] = _value(operation, reference, node[name])
    return document


def _value(operation: Operation, reference: Shape, node: Node) -> Any:
    shape = operation.shapes[reference["shape"]]
    traits = {**shape, **reference}
    if traits["type"] == "structure":
        return _structure(operation, shape, node)
    if traits["type"] == "list":
        if not traits.get("flattened"):
            node = node.get(shape["member"].get("locationName", "member"), {})
        return [_value(operation, shape["member"], item) for item in _numbered(node)]
    if traits["type"] == "map":
        key, value = (shape[side].get("locationName", side) for side in ("key", "value"))
        entries = _numbered(node if traits.get("flattened") else node.get("entry", {}))
        return {
            _value(operation, shape["key"], entry.get(key, {})): _value(
                operation, shape["value"], entry.get(value, {})
            )
            for entry in entries
        }
    return _scalar(traits, node.get(None, ""))


def _numbered(node: Node) -> list[Node]:
    """The children 1, 2, ... in their order."""
    return [node[key] for key in sorted((k for k in node if k and k.isdecimal()), key=int)]


def _scalar(traits: Shape, text: str) -> Any:
    kind = traits["type"]
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            return read_time(text)
        if kind == "blob":
            return b64decode(text, validate=True)
    except (ValueError, OverflowError, Base64Error):
        raise Refusal("MalformedInput", f"'{text[:200]}' is not of type {kind}.") from None
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Refusal("MalformedInput", f"'{text[:200]}' is neither true nor false.")
        return text == "true"
    return text
