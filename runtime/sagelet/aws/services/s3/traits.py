"""What of an object's headers is kept with it, and what of them is told to readers."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from sagelet.aws.operation import Document
from sagelet.domain.errors import Refusal
from sagelet.store.traits import Checksum, ObjectVersion, Traits

#: Most bytes of metadata, names included.
_MAX_METADATA = 2048

DEFAULT_TYPE = "binary/octet-stream"

#: Members that describe the content: a copy keeps them with the metadata, or replaces both.
_CONTENT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
#: Members that say how it is stored: a copy has its own. Nothing is encrypted here, but said back.
_STORAGE = (
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "SSEKMSEncryptionContext",
    "BucketKeyEnabled",
    "StorageClass",
)

#: What cannot be had here; to ignore it would be to lie.
_REFUSED = {
    "SSECustomerAlgorithm": "encryption with customer keys",
    "SSECustomerKey": "encryption with customer keys",
    "CopySourceSSECustomerAlgorithm": "encryption with customer keys",
    "WriteOffsetBytes": "appending to objects",
    "ObjectLockMode": "object lock",
    "ObjectLockRetainUntilDate": "object lock",
    "ObjectLockLegalHoldStatus": "object lock",
    "ObjectLockEventHold": "object lock",
    "ObjectLockEnabledForBucket": "object lock",
}
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
_PRIVATE = ("private", "bucket-owner-full-control", "bucket-owner-read")


def refuse_unsupported(document: Document) -> None:
    """Refuse a request for what is not done here.

    Raises:
        Refusal: NotImplemented, AccessControlListNotSupported, NoSuchVersion.
    """
    for member, what in _REFUSED.items():
        if document.get(member):
            raise Refusal("NotImplemented", f"This S3 has no {what} ({member}).", 501)
    public = document.get("ACL", "private") not in _PRIVATE
    if public or any(document.get(grant) for grant in _GRANTS):
        raise Refusal("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if document.get("VersionId", "null") not in ("null", ""):
        raise Refusal("NoSuchVersion", "The specified version does not exist.", 404)


def traits_of(document: Document) -> Traits:
    """What a request that makes an object says of it.

    Raises:
        Refusal: MetadataTooLarge, InvalidTag, or something that is not done here.
    """
    refuse_unsupported(document)
    headers = content_headers(document) | storage_headers(document)
    return Traits(headers, metadata_of(document), tags_of_header(document.get("Tagging")))


def content_headers(document: Document) -> dict[str, str]:
    """What describes the content, with its default."""
    headers = _chosen(document, _CONTENT)
    headers.setdefault("ContentType", DEFAULT_TYPE)
    encoding = headers.pop("ContentEncoding", "")
    codings = [one.strip() for one in encoding.split(",")]
    kept = ",".join(one for one in codings if one not in ("", "aws-chunked"))
    return headers | ({"ContentEncoding": kept} if kept else {})


def storage_headers(document: Document) -> dict[str, str]:
    """What says how it is stored."""
    headers = _chosen(document, _STORAGE)
    headers.setdefault("ServerSideEncryption", "AES256")
    return headers


def storage_of(traits: Traits) -> dict[str, str]:
    """The same of an object that is there."""
    return {key: value for key, value in traits.headers.items() if key in _STORAGE}


def content_of(traits: Traits) -> dict[str, str]:
    """What describes the content of an object that is there."""
    return {key: value for key, value in traits.headers.items() if key in _CONTENT}


def _chosen(document: Document, members: Sequence[str]) -> dict[str, str]:
    found = {key: document[key] for key in members if document.get(key) not in (None, "")}
    return {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in found.items()
    }


def metadata_of(document: Document) -> dict[str, str]:
    """The user's metadata.

    Raises:
        Refusal: MetadataTooLarge.
    """
    metadata: dict[str, str] = document.get("Metadata", {})
    size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
    if size > _MAX_METADATA:
        raise Refusal(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=str(size),
            MaxSizeAllowed=str(_MAX_METADATA),
        )
    return metadata


def tags_of_header(text: str | None) -> list[tuple[str, str]]:
    """Tags as a header has them (``a=b&c=d``).

    Raises:
        Refusal: InvalidArgument, InvalidTag.
    """
    if not text:
        return []
    try:
        tags = parse_qsl(text, keep_blank_values=True, strict_parsing=False, errors="strict")
    except ValueError:
        message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query"
        raise Refusal("InvalidArgument", message, ArgumentName="x-amz-tagging") from None
    return check_tags(tags, 10)


def check_tags(tags: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """The tags, if S3 would have them.

    Raises:
        Refusal: BadRequest, InvalidTag.
    """
    if len(tags) > most:
        what = "Object" if most == 10 else "Bucket"
        text = f"{what} tags cannot be greater than {most}"
        raise Refusal("BadRequest" if most == 10 else "InvalidTag", text)
    seen = set()
    for key, value in tags:
        if key in seen:
            text = "Cannot provide multiple Tags with the same key"
            raise Refusal("InvalidTag", text, TagKey=key)
        seen.add(key)
        if not 1 <= len(key) <= 128 or key.startswith("aws:"):
            raise Refusal("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256:
            text = "The TagValue you have provided is invalid"
            raise Refusal("InvalidTag", text, TagKey=key, TagValue=value)
    return tags


def storage_answer(traits: Traits) -> Document:
    """How an object is stored, as the answers to writes say it."""
    return {
        key: value == "true" if key == "BucketKeyEnabled" else value
        for key, value in storage_of(traits).items()
        if key != "StorageClass"
    }


def checksum_answer(checksum: Checksum | None) -> Document:
    """An object's checksum as members."""
    if checksum is None or not checksum.value:
        return {}
    return {f"Checksum{checksum.algorithm}": checksum.value, "ChecksumType": checksum.type}


def quoted(etag: str) -> str:
    """An ETag as it is on the wire."""
    return f'"{etag}"'


def describe(found: ObjectVersion, traits: Traits) -> Document:
    """All that a reader is told of an object, but for its length and checksum."""
    document: Document = {
        **content_of(traits),
        **storage_answer(traits),
        "AcceptRanges": "bytes",
        "LastModified": found.modified // 1,
        "ETag": quoted(found.etag),
        "Metadata": traits.metadata,
    }
    storage = traits.headers.get("StorageClass", "STANDARD")
    if storage != "STANDARD":
        document["StorageClass"] = storage
    if traits.tags:
        document["TagCount"] = len(traits.tags)
    if traits.parts:
        document["PartsCount"] = len(traits.parts)
    return document


def with_tags(traits: Traits, tags: list[tuple[str, str]]) -> Traits:
    """The same with other tags."""
    return replace(traits, tags=tags)
