"""Objects: put, get, head, delete."""

import os

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.services.s3.body import Intake
from sagelet.aws.services.s3.conditions import (
    Extent,
    check_read,
    delete_guard,
    find_extent,
    write_guard,
)
from sagelet.aws.services.s3.front import CHECKS
from sagelet.aws.services.s3.reply import Bytes
from sagelet.aws.services.s3.traits import (
    checksum_answer,
    describe,
    quoted,
    refuse_unsupported,
    storage_answer,
    traits_of,
)
from sagelet.domain.errors import Refusal
from sagelet.domain.objects import check_key
from sagelet.store.traits import Checksum, ObjectVersion, Traits

#: What a reader may have said in other words, by the member it stands in for.
_OVERRIDES = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
)

#: Most keys of one DeleteObjects.
_MAX_DELETED = 1000


def check_put(context: Context, request: Document) -> tuple[str, ...]:
    """Refuse an object before its bytes are sent."""
    check_key(request["Key"])
    traits_of(request)
    objects = context.store.objects
    objects.bucket(request["Bucket"])
    guard = write_guard(request)
    if guard is not None:
        guard(objects.find(request["Bucket"], request["Key"]))
    return ()


CHECKS["PutObject"] = check_put


@operation("s3", "PutObject")
def put_object(context: Context, request: Document) -> Document:
    """Keep the body under the key."""
    traits = traits_of(request)
    intake: Intake = request["Body"]
    draft = intake.finish()
    digests = intake.digests
    if digests.named is not None:
        checksum = Checksum(digests.named, "FULL_OBJECT", digests.values[digests.named])
        traits = Traits(traits.headers, traits.metadata, traits.tags, checksum)
    made = context.store.objects.commit(
        request["Bucket"], request["Key"], draft, digests.etag, traits, write_guard(request)
    )
    return {
        "ETag": quoted(made.etag),
        **storage_answer(traits),
        **checksum_answer(traits.checksum),
    }


@operation("s3", "GetObject")
def get_object(context: Context, request: Document) -> Document:
    """The bytes, or some of them."""
    refuse_unsupported(request)
    found, descriptor = context.store.objects.open(request["Bucket"], request["Key"])
    try:
        answer, extent = _read(request, found)
        for member in _OVERRIDES:
            if (said := request.get(f"Response{member}")) is not None:
                answer[member] = said
    except BaseException:
        os.close(descriptor)
        raise
    return {**answer, "Body": Bytes.begin(descriptor, extent.start, extent.length)}


@operation("s3", "HeadObject")
def head_object(context: Context, request: Document) -> Document:
    """All about an object but its bytes."""
    refuse_unsupported(request)
    found = context.store.objects.get(request["Bucket"], request["Key"])
    answer, _ = _read(request, found)
    return answer


def _read(request: Document, found: ObjectVersion) -> tuple[Document, Extent]:
    check_read(request, found)
    traits = found.traits
    extent = find_extent(request, found.size, traits.parts)
    answer = describe(found, traits)
    answer["ContentLength"] = extent.length
    if extent.content_range is not None:
        answer["ContentRange"] = extent.content_range
    if "PartNumber" not in request:
        answer.pop("PartsCount", None)
    whole = extent.length == found.size
    if request.get("ChecksumMode") == "ENABLED" and whole:
        answer |= checksum_answer(traits.checksum)
    return answer, extent


@operation("s3", "DeleteObject")
def delete_object(context: Context, request: Document) -> Document:
    """Delete an object; that there is none is as good."""
    refuse_unsupported(request)
    context.store.objects.bucket(request["Bucket"])
    guard = delete_guard(
        request.get("IfMatch"), request.get("IfMatchSize"), request.get("IfMatchLastModifiedTime")
    )
    context.store.objects.delete(request["Bucket"], request["Key"], guard)
    return {}


@operation("s3", "DeleteObjects")
def delete_objects(context: Context, request: Document) -> Document:
    """Delete many."""
    context.store.objects.bucket(request["Bucket"])
    wanted = request["Delete"].get("Objects", [])
    if not 1 <= len(wanted) <= _MAX_DELETED:
        raise Refusal(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published"
            f" schema (1 to {_MAX_DELETED} objects)",
        )
    refused = [_refused_version(one) for one in wanted]
    asked = [
        (one["Key"], delete_guard(one.get("ETag"), one.get("Size"), one.get("LastModifiedTime")))
        for one, refusal in zip(wanted, refused, strict=True)
        if refusal is None
    ]
    said = iter(context.store.objects.delete_all(request["Bucket"], asked))
    results = [
        (one["Key"], refusal or next(said)) for one, refusal in zip(wanted, refused, strict=True)
    ]
    answer: Document = {
        "Errors": [
            {"Key": key, "Code": refusal.code, "Message": str(refusal)}
            for key, refusal in results
            if refusal is not None
        ]
    }
    if not request["Delete"].get("Quiet"):
        answer["Deleted"] = [{"Key": key} for key, refusal in results if refusal is None]
    return answer


def _refused_version(one: Document) -> Refusal | None:
    if one.get("VersionId", "null") in ("null", ""):
        return None
    return Refusal("NoSuchVersion", "The specified version does not exist.", 404)


@operation("s3", "GetObjectAttributes")
def get_object_attributes(context: Context, request: Document) -> Document:
    """The attributes that are asked for."""
    refuse_unsupported(request)
    found = context.store.objects.get(request["Bucket"], request["Key"])
    traits = found.traits
    asked = request.get("ObjectAttributes", ())
    answer: Document = {"LastModified": found.modified // 1}
    if "ETag" in asked:
        answer["ETag"] = found.etag
    if "ObjectSize" in asked:
        answer["ObjectSize"] = found.size
    if "StorageClass" in asked:
        answer["StorageClass"] = traits.headers.get("StorageClass", "STANDARD")
    if "Checksum" in asked and traits.checksum:
        answer["Checksum"] = checksum_answer(traits.checksum)
    if "ObjectParts" in asked and traits.parts:
        answer["ObjectParts"] = _parts(request, traits)
    return answer


def _parts(request: Document, traits: Traits) -> Document:
    answer: Document = {"TotalPartsCount": len(traits.parts)}
    if traits.checksum is None:
        return answer
    after = int(request.get("PartNumberMarker") or 0)
    most = min(request.get("MaxParts", 1000), 1000)
    behind = [part for part in traits.parts if part.number > after]
    shown = behind[:most]
    answer |= {
        "PartNumberMarker": str(after),
        "MaxParts": most,
        "IsTruncated": len(behind) > most,
        "Parts": [
            {
                "PartNumber": part.number,
                "Size": part.size,
                f"Checksum{traits.checksum.algorithm}": part.checksum,
            }
            for part in shown
        ],
    }
    if shown:
        answer["NextPartNumberMarker"] = str(shown[-1].number)
    return answer
