"""Conditional requests and ranges: If-Match and its like, Range, partNumber."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sagelet.aws.operation import Document
from sagelet.domain.errors import Refusal
from sagelet.domain.objects import no_such_key
from sagelet.store.objects import Guard
from sagelet.store.traits import ObjectVersion, PartTraits

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def check_read(document: Document, found: ObjectVersion, prefix: str = "") -> None:
    """Whether the object may be read; ``prefix`` is that of the members (CopySource).

    Raises:
        Refusal: PreconditionFailed, NotModified (for a copy, PreconditionFailed too).
    """
    match = document.get(f"{prefix}IfMatch")
    none_match = document.get(f"{prefix}IfNoneMatch")
    since = document.get(f"{prefix}IfModifiedSince")
    unmodified_since = document.get(f"{prefix}IfUnmodifiedSince")
    modified = int(found.modified)
    if match is not None:
        if not _names(match, found.etag):
            raise _failed("If-Match")
    elif unmodified_since is not None and modified > unmodified_since:
        raise _failed("If-Unmodified-Since")
    unchanged = (
        _names(none_match, found.etag)
        if none_match is not None
        else since is not None and modified <= since
    )
    if unchanged:
        if prefix:
            raise _failed("x-amz-copy-source-If-None-Match")
        raise Refusal("NotModified", "Not Modified", 304, ETag=f'"{found.etag}"')


def write_guard(document: Document) -> Guard | None:
    """What must hold of the object that a write replaces, if the request says anything of it.

    Raises:
        Refusal: NotImplemented: S3 knows If-None-Match: * only.
    """
    match, none_match = document.get("IfMatch"), document.get("IfNoneMatch")
    if none_match is not None and none_match != "*":
        raise Refusal(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
            501,
            Header="If-None-Match",
        )
    if match is None and none_match is None:
        return None
    key = document["Key"]

    def guard(current: ObjectVersion | None) -> None:
        if none_match is not None and current is not None:
            raise _failed("If-None-Match")
        if match is not None:
            if current is None:
                raise no_such_key(key)
            if not _names(match, current.etag):
                raise _failed("If-Match")

    return guard


def delete_guard(
    etag: str | None, size: int | None = None, modified: float | None = None
) -> Guard | None:
    """What must hold of an object that is deleted, if anything."""
    if etag is None and size is None and modified is None:
        return None

    def guard(current: ObjectVersion | None) -> None:
        if current is None:
            return
        if etag is not None and not _names(etag, current.etag):
            raise _failed("If-Match")
        if size is not None and size != current.size:
            raise _failed("x-amz-if-match-size")
        if modified is not None and int(modified) != int(current.modified):
            raise _failed("x-amz-if-match-last-modified-time")

    return guard


def _names(condition: str, etag: str) -> bool:
    return any(
        one.strip().removeprefix("W/").strip('"') in (etag, "*") for one in condition.split(",")
    )


def _failed(condition: str) -> Refusal:
    return Refusal(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        412,
        Condition=condition,
    )


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes of an object: ``length`` from ``start``; ``content_range`` says so unless it is all."""

    start: int
    length: int
    content_range: str | None = None


def find_extent(document: Document, size: int, parts: Sequence[PartTraits]) -> Extent:
    """The bytes a request asks for. A range that cannot be read is none, as HTTP has it.

    Raises:
        Refusal: InvalidRange, InvalidPartNumber, InvalidRequest.
    """
    asked, number = document.get("Range"), document.get("PartNumber")
    if asked is not None and number is not None:
        text = "Cannot specify both Range header and partNumber query parameter"
        raise Refusal("InvalidRequest", text)
    if number is not None:
        return _of_part(number, size, parts)
    found = _RANGE.fullmatch(asked.strip()) if asked else None
    if found is None or found[1] == found[2] == "":
        return Extent(0, size)
    if not found[1]:
        start, end = max(0, size - int(found[2])), size - 1
    else:
        start, end = int(found[1]), min(int(found[2] or size - 1), size - 1)
        if found[2] and int(found[2]) < int(found[1]):
            return Extent(0, size)
    if start >= size:
        raise Refusal(
            "InvalidRange",
            "The requested range is not satisfiable",
            416,
            RangeRequested=asked or "",
            ActualObjectSize=str(size),
        )
    return Extent(start, end - start + 1, f"bytes {start}-{end}/{size}")


def _of_part(number: int, size: int, parts: Sequence[PartTraits]) -> Extent:
    if not parts and number == 1:
        content_range = f"bytes 0-{size - 1}/{size}" if size else None
        return Extent(0, size, content_range)
    start = 0
    for position, part in enumerate(parts, start=1):
        if position == number:
            return Extent(start, part.size, f"bytes {start}-{start + part.size - 1}/{size}")
        start += part.size
    raise Refusal(
        "InvalidPartNumber",
        "The requested partnumber is not satisfiable",
        416,
        ActualPartCount=str(len(parts) or 1),
        PartNumberRequested=str(number),
    )
