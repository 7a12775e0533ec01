"""Requests to documents and documents to answers, by the service model's REST-XML.

Members are found in the path, the query string, the headers and the XML body, where the model
says. What they mean is the operations' business.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.header import Header
from typing import Any
from xml.etree import ElementTree as ET

from sagelet.aws.operation import Document
from sagelet.aws.protocol.times import read_time
from sagelet.aws.services.s3 import xml
from sagelet.aws.services.s3.address import Address
from sagelet.aws.services.s3.model import Operation
from sagelet.aws.services.s3.xml import Shape
from sagelet.domain.errors import Refusal

Headers = list[tuple[bytes, bytes]]

_NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

#: The elements around answers: the one thing of S3's XML that the model does not say.
_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where an operation's members are: ``(member, shape)`` by place."""

    query: Mapping[str, tuple[str, Shape]]
    headers: Mapping[str, tuple[str, Shape]]
    prefix: tuple[str, str] | None
    payload: str | None


_PLANS: dict[str, _Plan] = {}


def _plan(operation: Operation) -> _Plan:
    plan = _PLANS.get(operation.name)
    if plan is None:
        query: dict[str, tuple[str, Shape]] = {}
        headers: dict[str, tuple[str, Shape]] = {}
        prefix = None
        shape = operation.shapes[operation.input]
        for member, reference in shape["members"].items():
            location, name = reference.get("location"), reference.get("locationName", member)
            found = (member, {**operation.shapes[reference["shape"]], **reference})
            if location == "querystring":
                query[name] = found
            elif location == "header":
                headers[name.lower()] = found
            elif location == "headers":
                prefix = (name.lower(), member)
        plan = _PLANS[operation.name] = _Plan(query, headers, prefix, shape.get("payload"))
    return plan


def streams(operation: Operation) -> bool:
    """Whether the request's body is bytes to keep, not a document."""
    payload = operation.shapes[operation.input].get("payload")
    if payload is None:
        return False
    reference = operation.shapes[operation.input]["members"][payload]
    return bool(operation.shapes[reference["shape"]]["type"] == "blob")


def read_head(
    operation: Operation, address: Address, query: Mapping[str, str], headers: Mapping[str, str]
) -> Document:
    """The document, but for what is in the body.

    Raises:
        Refusal: InvalidArgument and its like: a value is not of its type.
    """
    plan = _plan(operation)
    document: Document = {}
    if address.bucket is not None:
        document["Bucket"] = address.bucket
    if address.key is not None:
        document["Key"] = address.key
    metadata: dict[str, str] = {}
    for name, raw in headers.items():
        _check_header(name, raw)
        if (known := plan.headers.get(name)) is not None:
            document[known[0]] = _scalar(known[0], known[1], name, _unicode(raw))
        elif plan.prefix is not None and name.startswith(plan.prefix[0]):
            metadata[name.removeprefix(plan.prefix[0])] = _unicode(raw)
    if plan.prefix is not None:
        document[plan.prefix[1]] = metadata
    for name, raw in query.items():
        if (known := plan.query.get(name)) is not None:
            document[known[0]] = _scalar(known[0], known[1], name, raw)
    return {key: value for key, value in document.items() if value is not None}


def _unicode(raw: str) -> str:
    """A header's value; clients that send more than ASCII mean UTF-8."""
    if raw.isascii():
        return raw
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw


def _scalar(member: str, shape: Shape, name: str, raw: str) -> Any:
    kind = shape["type"]
    if kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d{1,19}", raw):
            raise Refusal(
                "InvalidArgument",
                f"Provided {name} not an integer or within integer range",
                ArgumentName=name,
                ArgumentValue=raw,
            )
        return int(raw)
    if kind == "boolean":
        return raw.lower() == "true"
    if kind == "timestamp":
        try:
            return read_time(raw)
        except (ValueError, OverflowError):
            return None  # a condition that cannot be read is none
    if kind == "list":
        return [part.strip() for part in raw.split(",") if part.strip()]
    if "enum" in shape and raw not in shape["enum"]:
        raise _not_of_enum(member, shape, name, raw)
    return raw


def _not_of_enum(member: str, shape: Shape, name: str, raw: str) -> Refusal:
    if member == "StorageClass":
        return Refusal("InvalidStorageClass", "The storage class you specified is not valid")
    if member == "ChecksumAlgorithm":
        return Refusal(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid"
            f" types: [{', '.join(shape['enum'])}]",
        )
    if member == "EncodingType":
        text = "Invalid Encoding Method specified in Request"
    elif member == "ServerSideEncryption":
        text = "The encryption method specified is not supported"
    else:
        text = f"'{raw}' is not one of {', '.join(shape['enum'])}"
    return Refusal("InvalidArgument", text, ArgumentName=name, ArgumentValue=raw)


def read_body(operation: Operation, document: Document, body: bytes) -> None:
    """Add what is in an XML body to the document.

    Raises:
        Refusal: MalformedXML.
    """
    payload = _plan(operation).payload
    if payload is None:
        return
    shape = operation.shapes[operation.input]
    if not body:
        if payload in shape.get("required", ()):
            raise Refusal("MissingRequestBodyError", "Request body is empty.")
        return
    builder = ET.XMLParser(target=_Builder())  # noqa: S314  see _Builder
    try:
        builder.feed(body)
        root = builder.close()
    except (ET.ParseError, LookupError, ValueError):
        raise malformed_xml() from None
    document[payload] = _structure(operation, shape["members"][payload]["shape"], root)


class _Builder(ET.TreeBuilder):
    def doctype(self, *_: object) -> None:
        """Refuse a DTD: it is what bombs are made with."""
        raise malformed_xml()


def malformed_xml() -> Refusal:
    """A body that is no XML, or not of its schema."""
    return Refusal(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _structure(operation: Operation, name: str, element: ET.Element) -> Document:
    shape = operation.shapes[name]
    places = {
        reference.get("locationName", member): (member, reference)
        for member, reference in shape["members"].items()
    }
    document: Document = {}
    for child in element:
        member, reference = places.get(_local(child.tag), ("", {}))
        if not member:
            raise malformed_xml()
        below = {**operation.shapes[reference["shape"]], **reference}
        if below["type"] == "list" and below.get("flattened"):
            item = below["member"]["shape"]
            document.setdefault(member, []).append(_value(operation, member, item, child))
        else:
            document[member] = _value(operation, member, reference["shape"], child)
    if any(member not in document for member in shape.get("required", ())):
        raise malformed_xml()
    return document


def _value(operation: Operation, member: str, name: str, element: ET.Element) -> Any:
    shape = operation.shapes[name]
    if shape["type"] == "structure":
        return _structure(operation, name, element)
    if shape["type"] == "list":
        tag = shape["member"].get("locationName", "member")
        if any(_local(child.tag) != tag for child in element):
            raise malformed_xml()
        return [_value(operation, member, shape["member"]["shape"], child) for child in element]
    if len(element):
        raise malformed_xml()
    text = element.text or ""
    if member == "LocationConstraint":  # the bucket's rules say more of it
        return text
    try:
        return _scalar(member, shape, member, text)
    except Refusal:
        raise malformed_xml() from None


@dataclass(frozen=True, slots=True)
class _Answer:
    """Where an output's members go: ``(member, header, shape)``, and how its body is written."""

    headers: tuple[tuple[str, str, Shape], ...]
    prefix: tuple[str, str] | None
    body: Callable[[Document], str] | None


_ANSWERS: dict[str, _Answer] = {}


def _answer(operation: Operation, output: str) -> _Answer:
    answer = _ANSWERS.get(operation.name)
    if answer is None:
        members = operation.shapes[output]["members"]
        prefixes = [
            (member, reference["locationName"].lower())
            for member, reference in members.items()
            if reference.get("location") == "headers"
        ]
        headers = tuple(
            (
                member,
                reference["locationName"].lower(),
                {**operation.shapes[reference["shape"]], **reference},
            )
            for member, reference in members.items()
            if reference.get("location") == "header"
        )
        answer = _Answer(headers, prefixes[0] if prefixes else None, _body(operation, output))
        _ANSWERS[operation.name] = answer
    return answer


def _body(operation: Operation, output: str) -> Callable[[Document], str] | None:
    shape = operation.shapes[output]
    if all("location" in reference for reference in shape["members"].values()):
        return None
    payload = shape.get("payload")
    if operation.name == "GetBucketLocation":  # alone in having its one member as the root
        return lambda document: xml.element(
            "LocationConstraint", xml.text(document.get("LocationConstraint", "")), _NAMESPACE
        )
    if payload is None:
        root, write_all = _ROOTS.get(operation.name, output), operation.writers.structure(output)
        return lambda document: xml.element(root, write_all(document), _NAMESPACE)
    name = shape["members"][payload]["shape"]
    if operation.shapes[name]["type"] != "structure":
        return None
    write_payload = operation.writers.structure(name)
    return lambda document: xml.element(name, write_payload(document[payload]), _NAMESPACE)


def write(operation: Operation, document: Document) -> tuple[int, Headers, bytes]:
    """Status, headers and XML body of an answer; a body of bytes is its sender's affair."""
    status = 206 if document.get("ContentRange") else operation.status
    if operation.output is None:
        return status, [], b""
    answer = _answer(operation, operation.output)
    headers = [
        _header(name, xml.scalar(shape, document[member], "rfc822"))
        for member, name, shape in answer.headers
        if document.get(member) is not None
    ]
    if answer.prefix is not None:
        member, prefix = answer.prefix
        headers += [_header(prefix + key, text) for key, text in document.get(member, {}).items()]
    if answer.body is None:
        return status, headers, b""
    headers.append((b"content-type", b"application/xml"))
    return status, headers, (xml.DECLARATION + answer.body(document)).encode()


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    _check_header(name, value)
    if not value.isascii():
        value = Header(value, "utf-8", maxlinelen=1 << 20).encode()
    return name.encode("latin-1"), value.encode("latin-1")


def _check_header(name: str, value: str) -> None:
    """Refuse what no header can be: parameters of a presigned URL, which stand for some, may be."""
    if not _TOKEN.fullmatch(name):
        raise Refusal("InvalidArgument", f"{name!r} cannot be the name of a header.")
    if _CONTROL.search(value):
        raise Refusal(
            "InvalidArgument",
            f"The header '{name}' cannot hold control characters.",
            ArgumentName=name,
        )
