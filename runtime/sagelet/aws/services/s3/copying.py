"""Copies inside the store: of whole objects by a link, of parts by bytes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.services.s3.body import Digests
from sagelet.aws.services.s3.conditions import check_read, write_guard
from sagelet.aws.services.s3.multipart import check_number, keep_part
from sagelet.aws.services.s3.traits import (
    checksum_answer,
    content_headers,
    content_of,
    metadata_of,
    quoted,
    refuse_unsupported,
    storage_answer,
    storage_headers,
    tags_of_header,
    traits_of,
)
from sagelet.domain.errors import Refusal
from sagelet.domain.objects import MAX_PUT, check_key
from sagelet.store.blobs import Draft, read_pieces
from sagelet.store.traits import Checksum, ObjectVersion, Traits

_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{1,19})", re.ASCII)


@contextmanager
def _source(context: Context, request: Document) -> Iterator[tuple[ObjectVersion, int]]:
    """The object that x-amz-copy-source names, open, if its conditions hold.

    Raises:
        Refusal: InvalidArgument, NoSuchBucket, NoSuchKey, PreconditionFailed.
    """
    path, _, query = request["CopySource"].partition("?")
    if query.removeprefix("versionId=") not in ("", "null"):
        raise Refusal("NoSuchVersion", "The specified version does not exist.", 404)
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeError:
        text = ""
    bucket, _, key = text.removeprefix("/").partition("/")
    if not bucket or not key:
        raise Refusal(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=request["CopySource"],
        )
    found, descriptor = context.store.objects.open(bucket, key)
    try:
        check_read(request, found, "CopySource")
        yield found, descriptor
    finally:
        os.close(descriptor)


@operation("s3", "CopyObject")
def copy_object(context: Context, request: Document) -> Document:
    """Make the object another of the same bytes, on the disk too."""
    check_key(request["Key"])
    traits_of(request)
    objects = context.store.objects
    objects.bucket(request["Bucket"])
    with _source(context, request) as (source, descriptor):
        if source.size > MAX_PUT:
            raise Refusal(
                "InvalidRequest",
                "The specified copy source is larger than the maximum allowable size for a copy"
                f" source: {MAX_PUT}",
            )
        if (source.bucket, source.key) == (request["Bucket"], request["Key"]):
            _check_changes(request)
        traits = _copied(request, source)
        etag, traits = _measure(request, source, descriptor, traits)
        draft = _adopt(context, source, descriptor)
    made = objects.commit(
        request["Bucket"], request["Key"], draft, etag, traits, write_guard(request)
    )
    result: Document = {
        "ETag": quoted(etag),
        "LastModified": made.modified // 1,
        **checksum_answer(traits.checksum),
    }
    return {"CopyObjectResult": result, **storage_answer(traits)}


def _copied(request: Document, source: ObjectVersion) -> Traits:
    old = source.traits
    if request.get("MetadataDirective") == "REPLACE":
        headers, metadata = content_headers(request), metadata_of(request)
    else:
        headers, metadata = content_of(old), old.metadata
    replaces_tags = request.get("TaggingDirective") == "REPLACE"
    tags = tags_of_header(request.get("Tagging")) if replaces_tags else old.tags
    return Traits({**headers, **storage_headers(request)}, metadata, tags, old.checksum)


def _check_changes(request: Document) -> None:
    changing = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "SSEKMSKeyId")
    if request.get("MetadataDirective") != "REPLACE" and not any(map(request.get, changing)):
        raise Refusal(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without"
            " changing the object's metadata, storage class, website redirect location or"
            " encryption attributes.",
        )


def _adopt(context: Context, source: ObjectVersion, descriptor: int) -> Draft:
    blobs = context.store.objects.blobs
    try:
        return blobs.adopt(blobs.path(source.blob))
    except FileNotFoundError:  # replaced since it was opened: its bytes have no name any more
        draft = blobs.draft()
    try:
        draft.append(descriptor)
    except BaseException:
        draft.discard()
        raise
    return draft


def _measure(
    request: Document, source: ObjectVersion, descriptor: int, traits: Traits
) -> tuple[str, Traits]:
    """ETag and checksum of the copy: its own, where the source's tell of parts it has no more."""
    old = traits.checksum
    wanted = request.get("ChecksumAlgorithm") or (old.algorithm if old else None)
    fits = old is not None and (old.type, old.algorithm) == ("FULL_OBJECT", wanted)
    if "-" not in source.etag and (wanted is None or fits):
        return source.etag, traits
    digests = Digests({}, (wanted,) if wanted else ())
    for piece in read_pieces(descriptor, 0, source.size):
        digests.update(piece)
    digests.check({})
    checksum = Checksum(wanted, "FULL_OBJECT", digests.values[wanted]) if wanted else None
    return digests.etag, Traits(traits.headers, traits.metadata, traits.tags, checksum)


@operation("s3", "UploadPartCopy")
def upload_part_copy(context: Context, request: Document) -> Document:
    """Make a part of the bytes of an object."""
    refuse_unsupported(request)
    check_number(request)
    uploads = context.store.uploads
    upload = uploads.get(request["Bucket"], request["Key"], request["UploadId"])
    algorithm = upload.traits.checksum.algorithm if upload.traits.checksum else None
    digests = Digests({}, (algorithm,) if algorithm else ())
    with _source(context, request) as (source, descriptor):
        start, length = _part_range(request.get("CopySourceRange"), source.size)
        draft = context.store.objects.blobs.draft()
        try:
            for piece in read_pieces(descriptor, start, length):
                draft.write(piece)
                digests.update(piece)
            digests.check({})
        except BaseException:
            draft.discard()
            raise
    part, checksum = keep_part(context, upload, request["PartNumber"], draft, digests)
    return {
        "CopyPartResult": {
            "ETag": quoted(part.etag),
            "LastModified": part.modified // 1,
            **checksum,
        },
        **storage_answer(upload.traits),
    }


def _part_range(asked: str | None, size: int) -> tuple[int, int]:
    if asked is None:
        if size > MAX_PUT:
            raise Refusal("InvalidRequest", "The specified copy source is too large for one part.")
        return 0, size
    found = _RANGE.fullmatch(asked)
    if found is None or int(found[1]) > int(found[2]):
        raise Refusal(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first"
            " and last are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=asked,
        )
    start, end = int(found[1]), int(found[2])
    if end >= size:
        raise Refusal(
            "InvalidArgument",
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=asked,
        )
    if end - start + 1 > MAX_PUT:
        raise Refusal("InvalidRequest", "The specified copy range is too large for one part.")
    return start, end - start + 1
