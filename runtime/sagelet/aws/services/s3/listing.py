"""Listings of objects."""

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.services.s3.buckets import owner
from sagelet.aws.services.s3.traits import quoted
from sagelet.domain.errors import Refusal
from sagelet.domain.objects import Page
from sagelet.store.traits import ObjectVersion

#: Most items of one page.
MAX_PAGE = 1000


def encoder(request: Document) -> Callable[[str], str]:
    """How names are written: as they are, or percent-encoded where the client asks for it."""
    if request.get("EncodingType") == "url":
        return lambda text: quote(text, safe="/-_.~*()!'")
    return lambda text: text


def page_size(request: Document, member: str) -> int:
    """How many items are asked for.

    Raises:
        Refusal: InvalidArgument.
    """
    asked: int = request.get(member, MAX_PAGE)
    if not 0 <= asked < 1 << 31:
        name = member[0].lower() + member[1:]
        raise Refusal(
            "InvalidArgument",
            f"Argument {name} must be an integer between 0 and 2147483647",
            ArgumentName=name,
            ArgumentValue=str(asked),
        )
    return min(asked, MAX_PAGE)


@operation("s3", "ListObjectsV2")
def list_objects_v2(context: Context, request: Document) -> Document:
    """A page of objects, with a token for the next."""
    token = request.get("ContinuationToken")
    after = request.get("StartAfter", "") if token is None else _untoken(token)
    page, answer = _list(context, request, after, with_owner=request.get("FetchOwner", False))
    encode = encoder(request)
    answer["KeyCount"] = len(page.items) + len(page.prefixes)
    if token is not None:
        answer["ContinuationToken"] = token
    if "StartAfter" in request:
        answer["StartAfter"] = encode(request["StartAfter"])
    if page.more:
        answer["NextContinuationToken"] = _token(page.last)
    return answer


@operation("s3", "ListObjects")
def list_objects(context: Context, request: Document) -> Document:
    """A page of objects, as the first version has it."""
    marker = request.get("Marker", "")
    page, answer = _list(context, request, marker, with_owner=True)
    encode = encoder(request)
    answer["Marker"] = encode(marker)
    if page.more and request.get("Delimiter"):
        answer["NextMarker"] = encode(page.last)
    return answer


@operation("s3", "ListObjectVersions")
def list_object_versions(context: Context, request: Document) -> Document:
    """A page of objects: each has one version, whose id is null."""
    marker = request.get("KeyMarker", "")
    page, answer = _list(context, request, marker, with_owner=True)
    encode = encoder(request)
    versions = [
        {**content, "VersionId": "null", "IsLatest": True} for content in answer.pop("Contents")
    ]
    answer |= {"Versions": versions, "KeyMarker": encode(marker)}
    answer["VersionIdMarker"] = request.get("VersionIdMarker", "")
    if page.more:
        answer |= {"NextKeyMarker": encode(page.last), "NextVersionIdMarker": "null"}
    return answer


def _list(
    context: Context, request: Document, after: str, *, with_owner: bool
) -> tuple[Page[ObjectVersion], Document]:
    objects = context.store.objects
    objects.bucket(request["Bucket"])
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    limit = page_size(request, "MaxKeys")
    page = objects.page(request["Bucket"], prefix, delimiter, after, limit)
    encode = encoder(request)
    who = {"Owner": owner(context.account)} if with_owner else {}
    answer: Document = {
        "Name": request["Bucket"],
        "Prefix": encode(prefix),
        "MaxKeys": limit,
        "IsTruncated": page.more,
        "Contents": [{**_content(item, encode), **who} for item in page.items],
        "CommonPrefixes": [{"Prefix": encode(common)} for common in page.prefixes],
    }
    if delimiter:
        answer["Delimiter"] = encode(delimiter)
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    return page, answer


def _content(found: ObjectVersion, encode: Callable[[str], str]) -> Document:
    traits = found.traits
    content: Document = {
        "Key": encode(found.key),
        "LastModified": math.floor(found.modified * 1000) / 1000,
        "ETag": quoted(found.etag),
        "Size": found.size,
        "StorageClass": traits.headers.get("StorageClass", "STANDARD"),
    }
    if traits.checksum:
        content["ChecksumAlgorithm"] = [traits.checksum.algorithm]
        content["ChecksumType"] = traits.checksum.type
    return content


def _token(last: str) -> str:
    return urlsafe_b64encode(b"1" + last.encode()).decode()


def _untoken(token: str) -> str:
    try:
        text = urlsafe_b64decode(token).decode()
    except ValueError:
        text = ""
    if not text.startswith("1"):
        raise Refusal(
            "InvalidArgument",
            "The continuation token provided is incorrect",
            ArgumentName="continuation-token",
        )
    return text[1:]
