"""Multipart uploads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sagelet.aws import checksums
from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.services.s3.body import Digests, Intake
from sagelet.aws.services.s3.buckets import owner
from sagelet.aws.services.s3.conditions import write_guard
from sagelet.aws.services.s3.documents import malformed_xml
from sagelet.aws.services.s3.front import CHECKS
from sagelet.aws.services.s3.listing import encoder, page_size
from sagelet.aws.services.s3.traits import (
    checksum_answer,
    quoted,
    refuse_unsupported,
    storage_answer,
    traits_of,
)
from sagelet.domain.errors import Refusal
from sagelet.domain.objects import (
    MAX_PARTS,
    MIN_PART,
    check_key,
    invalid_part,
    list_page,
    multipart_etag,
    no_such_upload,
)
from sagelet.store.blobs import Draft
from sagelet.store.traits import Checksum, ObjectVersion, Traits
from sagelet.store.uploads import Part, Upload

#: Whose parts make a checksum of checksums unless the client says otherwise.
_COMPOSITE_BY_DEFAULT = frozenset({"CRC32", "CRC32C", "SHA1", "SHA256"})


@operation("s3", "CreateMultipartUpload")
def create_multipart_upload(context: Context, request: Document) -> Document:
    """Begin an upload in parts."""
    traits = replace(traits_of(request), checksum=_checksum(request))
    upload = context.store.uploads.create(request["Bucket"], request["Key"], traits)
    answer: Document = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        **storage_answer(traits),
    }
    if traits.checksum:
        answer["ChecksumAlgorithm"] = traits.checksum.algorithm
        answer["ChecksumType"] = traits.checksum.type
    return answer


def _checksum(request: Document) -> Checksum | None:
    algorithm, kind = request.get("ChecksumAlgorithm"), request.get("ChecksumType")
    if algorithm is None:
        if kind is not None:
            raise Refusal(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the"
                " x-amz-checksum-algorithm header.",
            )
        return None
    if kind is None:
        kind = "COMPOSITE" if algorithm in _COMPOSITE_BY_DEFAULT else "FULL_OBJECT"
    linear = algorithm in checksums.LINEAR
    if (kind == "FULL_OBJECT" and not linear) or (kind == "COMPOSITE" and algorithm == "CRC64NVME"):
        raise Refusal(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum"
            " algorithm.",
        )
    return Checksum(algorithm, kind)


def check_number(request: Document) -> None:
    """Refuse a part number that there cannot be.

    Raises:
        Refusal: InvalidArgument.
    """
    if not 1 <= request["PartNumber"] <= MAX_PARTS:
        raise Refusal(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=str(request["PartNumber"]),
        )


def _check_part(context: Context, request: Document) -> tuple[str, ...]:
    refuse_unsupported(request)
    check_number(request)
    check_key(request["Key"])
    upload = context.store.uploads.get(request["Bucket"], request["Key"], request["UploadId"])
    checksum = upload.traits.checksum
    return (checksum.algorithm,) if checksum else ()


CHECKS["UploadPart"] = _check_part


@operation("s3", "UploadPart")
def upload_part(context: Context, request: Document) -> Document:
    """Keep the body as a part."""
    intake: Intake = request["Body"]
    draft = intake.finish()
    try:
        upload = context.store.uploads.get(request["Bucket"], request["Key"], request["UploadId"])
    except BaseException:
        draft.discard()
        raise
    part, checksum = keep_part(context, upload, request["PartNumber"], draft, intake.digests)
    return {"ETag": quoted(part.etag), **checksum, **storage_answer(upload.traits)}


def keep_part(
    context: Context, upload: Upload, number: int, draft: Draft, digests: Digests
) -> tuple[Part, Document]:
    """Store a part; also the members of its checksum."""
    algorithm = upload.traits.checksum.algorithm if upload.traits.checksum else None
    value = digests.values.get(algorithm or "")
    part = context.store.uploads.add_part(upload, number, draft, digests.etag, value)
    said = digests.named or algorithm
    return part, {f"Checksum{said}": digests.values[said]} if said else {}


@dataclass(frozen=True, slots=True)
class _Named:
    """A part as a completion names it."""

    number: int
    etag: str | None
    checksum: str | None


@operation("s3", "CompleteMultipartUpload")
def complete_multipart_upload(context: Context, request: Document) -> Document:
    """Put the parts together."""
    refuse_unsupported(request)
    try:
        return _completed(_complete(context, request))
    except Refusal:
        # Clients repeat a completion whose answer they did not get, also while it goes on.
        bucket, key = request["Bucket"], request["Key"]
        made = context.store.uploads.made(bucket, key, request["UploadId"])
        if made is None:
            raise
        return _completed(made)


def _complete(context: Context, request: Document) -> ObjectVersion:
    uploads = context.store.uploads
    upload = uploads.get(request["Bucket"], request["Key"], request["UploadId"])
    chosen = _chosen(request, upload, uploads.parts(upload.id))
    _check_sizes(request, chosen)
    checksum = _whole(request, upload, chosen)

    def finish(traits: Traits) -> Traits:
        return replace(traits, checksum=checksum)

    etag = multipart_etag(part.etag for part in chosen)
    return uploads.complete(upload, chosen, etag, finish, write_guard(request))


def _completed(made: ObjectVersion) -> Document:
    traits = made.traits
    return {
        "Location": f"/{made.bucket}/{made.key}",
        "Bucket": made.bucket,
        "Key": made.key,
        "ETag": quoted(made.etag),
        **checksum_answer(traits.checksum),
        **storage_answer(traits),
    }


def _chosen(request: Document, upload: Upload, parts: Sequence[Part]) -> list[Part]:
    named = [_named(one, upload) for one in request.get("MultipartUpload", {}).get("Parts", ())]
    if not named:
        raise malformed_xml()
    numbers = [one.number for one in named]
    if any(one >= other for one, other in pairwise(numbers)):
        raise Refusal(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. The parts list must be specified in"
            " order by part number.",
        )
    there = {part.number: part for part in parts}
    chosen = []
    for one in named:
        part = there.get(one.number)
        if part is None or one.etag != part.etag:
            raise invalid_part(one.number, one.etag or "")
        if one.checksum is not None and one.checksum != part.checksum:
            raise invalid_part(one.number, part.etag)
        chosen.append(part)
    return chosen


def _named(one: Document, upload: Upload) -> _Named:
    if "PartNumber" not in one:
        raise malformed_xml()
    checksum = upload.traits.checksum
    given = one.get(f"Checksum{checksum.algorithm}") if checksum else None
    return _Named(one["PartNumber"], one.get("ETag", "").strip('"'), given)


def _check_sizes(request: Document, chosen: Sequence[Part]) -> None:
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise Refusal(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(part.size),
                MinSizeAllowed=str(MIN_PART),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    size = sum(part.size for part in chosen)
    if request.get("MpuObjectSize", size) != size:
        raise Refusal(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {request['MpuObjectSize']} does not"
            f" match what was computed: {size}",
        )


def _whole(request: Document, upload: Upload, chosen: Sequence[Part]) -> Checksum | None:
    checksum = upload.traits.checksum
    if checksum is None:
        return None
    name = checksum.algorithm
    values = [(part.checksum or "", part.size) for part in chosen]
    if checksum.type == "FULL_OBJECT":
        value = checksums.whole(name, values)
    else:
        value = checksums.composite(name, [one for one, _ in values])
    given = request.get(f"Checksum{name}")
    if given is not None and given not in (value, value.partition("-")[0]):
        raise Refusal(
            "BadDigest", f"The {name.lower()} you specified did not match the calculated checksum."
        )
    if request.get("ChecksumType", checksum.type) != checksum.type:
        raise Refusal(
            "InvalidRequest",
            f"The upload was created using the {checksum.type} checksum mode. The complete request"
            " must use the same checksum mode.",
        )
    return replace(checksum, value=value)


@operation("s3", "AbortMultipartUpload")
def abort_multipart_upload(context: Context, request: Document) -> Document:
    """Forget an upload and its parts."""
    uploads = context.store.uploads
    uploads.abort(uploads.get(request["Bucket"], request["Key"], request["UploadId"]))
    return {}


@operation("s3", "ListParts")
def list_parts(context: Context, request: Document) -> Document:
    """The parts of an upload so far."""
    uploads = context.store.uploads
    upload = uploads.get(request["Bucket"], request["Key"], request["UploadId"])
    after = int(request.get("PartNumberMarker") or 0)
    most = page_size(request, "MaxParts")
    behind = [part for part in uploads.parts(upload.id) if part.number > after]
    shown = behind[:most]
    checksum = upload.traits.checksum
    member = f"Checksum{checksum.algorithm}" if checksum else ""
    answer: Document = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "MaxParts": most,
        "IsTruncated": len(behind) > len(shown),
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": part.modified,
                "ETag": quoted(part.etag),
                "Size": part.size,
                member: part.checksum,
            }
            for part in shown
        ],
        "Initiator": owner(context.account),
        "Owner": owner(context.account),
        "StorageClass": upload.traits.headers.get("StorageClass", "STANDARD"),
        "NextPartNumberMarker": shown[-1].number if shown else 0,
    }
    if checksum:
        answer |= {"ChecksumAlgorithm": checksum.algorithm, "ChecksumType": checksum.type}
    return answer


@operation("s3", "ListMultipartUploads")
def list_multipart_uploads(context: Context, request: Document) -> Document:
    """Uploads that are neither completed nor aborted."""
    bucket = request["Bucket"]
    context.store.objects.bucket(bucket)
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    marker, id_marker = request.get("KeyMarker", ""), request.get("UploadIdMarker", "")
    most = page_size(request, "MaxUploads")
    everything = context.store.uploads.of(bucket, prefix)
    if marker and id_marker:  # the rest of the marker's key comes first
        same = [upload for upload in everything if upload.key == marker]
        ids = [upload.id for upload in same]
        if id_marker not in ids:
            raise no_such_upload(id_marker)
        begun = same[ids.index(id_marker) + 1 :]
    else:
        begun = []
    page = list_page(
        lambda start, inclusive: (
            upload
            for upload in everything
            if upload.key > start or (inclusive and upload.key == start)
        ),
        prefix,
        delimiter,
        marker,
        most,
    )
    shown = [*begun, *page.items][:most]
    encode = encoder(request)
    answer: Document = {
        "Bucket": bucket,
        "KeyMarker": encode(marker),
        "UploadIdMarker": id_marker,
        "Prefix": encode(prefix),
        "MaxUploads": most,
        "IsTruncated": page.more or len(shown) < len(begun) + len(page.items),
        "Uploads": [_shown(context, upload, encode(upload.key)) for upload in shown],
        "CommonPrefixes": [{"Prefix": encode(common)} for common in page.prefixes],
    }
    if delimiter:
        answer["Delimiter"] = encode(delimiter)
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    if answer["IsTruncated"] and shown:
        answer |= {"NextKeyMarker": encode(shown[-1].key), "NextUploadIdMarker": shown[-1].id}
    return answer


def _shown(context: Context, upload: Upload, key: str) -> Document:
    shown: Document = {
        "UploadId": upload.id,
        "Key": key,
        "Initiated": upload.initiated,
        "StorageClass": upload.traits.headers.get("StorageClass", "STANDARD"),
        "Owner": owner(context.account),
        "Initiator": owner(context.account),
    }
    if upload.traits.checksum:
        shown["ChecksumAlgorithm"] = upload.traits.checksum.algorithm
        shown["ChecksumType"] = upload.traits.checksum.type
    return shown
