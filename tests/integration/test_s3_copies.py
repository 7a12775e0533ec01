"""Objects of S3 that come in parts or from other objects, as stock boto3 sends them."""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from boto3.s3.transfer import TransferConfig

from sagelet.aws.services.s3 import front
from support.s3_client import MB, body_of, code_of

# -- copies


def test_copies(s3, bucket):
    s3.put_object(
        Bucket=bucket, Key="a b/ü", Body=b"data", ContentType="a/b", Metadata={"m": "1"},
        Tagging="t=1",
    )  # fmt: skip
    source = {"Bucket": bucket, "Key": "a b/ü"}
    copied = s3.copy_object(Bucket=bucket, Key="c1", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="c1")
    assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("a/b", {"m": "1"}, 1)
    s3.copy_object(
        Bucket=bucket, Key="c2", CopySource=source, MetadataDirective="REPLACE",
        Metadata={"n": "2"}, TaggingDirective="REPLACE", Tagging="u=2&v=3",
    )  # fmt: skip
    head = s3.head_object(Bucket=bucket, Key="c2")
    assert (head["ContentType"], head["Metadata"]) == ("binary/octet-stream", {"n": "2"})
    assert head["TagCount"] == 2
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"new")
    assert body_of(s3, bucket, "c1") == body_of(s3, bucket, "c2") == b"data"


def test_copies_that_are_refused(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    source = {"Bucket": bucket, "Key": "k"}
    copy = s3.copy_object
    itself = {"Bucket": bucket, "Key": "k", "CopySource": source}
    assert code_of(copy, **itself) == "InvalidRequest"
    copy(**itself, MetadataDirective="REPLACE", Metadata={"a": "b"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "b"}
    other = {"Bucket": bucket, "Key": "c", "CopySource": source}
    assert code_of(copy, **other, CopySourceIfMatch='"x"') == "PreconditionFailed"
    assert code_of(copy, **other, CopySourceIfNoneMatch=etag) == "PreconditionFailed"
    copy(**other, CopySourceIfMatch=etag)
    missing = {"Bucket": bucket, "Key": "no"}
    assert code_of(copy, Bucket=bucket, Key="c", CopySource=missing) == "NoSuchKey"
    nowhere = {"Bucket": "no-such-bucket", "Key": "no"}
    assert code_of(copy, Bucket=bucket, Key="c", CopySource=nowhere) == "NoSuchBucket"
    assert code_of(copy, Bucket=bucket, Key="c", CopySource="nonsense") == "InvalidArgument"


# -- uploads in parts


def test_a_completion_repeated_while_it_goes_on_is_one(s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    etags = [s3.upload_part(**where, PartNumber=n, Body=b"x" * 5 * MB)["ETag"] for n in (1, 2)]
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]

    def complete(_):
        return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})["ETag"]

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(complete, range(6)))) == 1
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 10 * MB


def test_an_upload_in_parts(s3, bucket):
    parts = [os.urandom(5 * MB), os.urandom(5 * MB), b"end"]
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ContentType="a/b", Metadata={"m": "1"}, Tagging="t=1"
    )["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    s3.upload_part(**where, PartNumber=1, Body=b"replaced")
    done = [
        {"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=part)["ETag"]}
        for n, part in enumerate(parts, start=1)
    ]
    assert code_of(s3.head_object, Bucket=bucket, Key="k") == "404"
    begun = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(one["Key"], one["UploadId"]) for one in begun] == [("k", upload)]
    listed = s3.list_parts(**where)
    assert [part["Size"] for part in listed["Parts"]] == [5 * MB, 5 * MB, 3]
    page = s3.list_parts(**where, MaxParts=1, PartNumberMarker=1)
    assert [part["PartNumber"] for part in page["Parts"]] == [2]
    assert page["IsTruncated"]
    made = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": done})
    joined = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    assert made["ETag"] == f'"{joined}-3"'
    again = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": done})
    assert again["ETag"] == made["ETag"]
    assert body_of(s3, bucket, "k") == b"".join(parts)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"m": "1"})
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert part["Body"].read() == parts[1]
    assert (part["PartsCount"], part["ContentRange"]) == (
        3,
        f"bytes {5 * MB}-{10 * MB - 1}/{10 * MB + 3}",
    )
    assert code_of(s3.head_object, Bucket=bucket, Key="k", PartNumber=4) == "416"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    whole = hashlib.md5(b"".join(parts)).hexdigest()
    assert s3.head_object(Bucket=bucket, Key="copy")["ETag"] == f'"{whole}"'


def test_completions_that_are_refused(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [s3.upload_part(**where, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]
    parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, start=1)]
    complete = s3.complete_multipart_upload

    def code(*parts):
        return code_of(complete, **where, MultipartUpload={"Parts": list(parts)})

    assert code(*parts) == "EntityTooSmall"
    assert code(*reversed(parts)) == "InvalidPartOrder"
    assert code(parts[0], parts[0]) == "InvalidPartOrder"
    assert code({"PartNumber": 3, "ETag": tags[0]}) == "InvalidPart"
    assert code({"PartNumber": 1, "ETag": '"0"'}) == "InvalidPart"
    assert code() == "MalformedXML"
    assert code_of(s3.upload_part, **where, PartNumber=10_001, Body=b"") == "InvalidArgument"
    s3.abort_multipart_upload(**where)
    assert code(*parts) == "NoSuchUpload"
    assert code_of(s3.list_parts, **where) == "NoSuchUpload"
    assert code_of(s3.upload_part, **where, PartNumber=1, Body=b"") == "NoSuchUpload"
    assert code_of(s3.abort_multipart_upload, **where) == "NoSuchUpload"


def test_a_completion_that_takes_long_says_so(s3, bucket, monkeypatch):
    monkeypatch.setattr(front, "PATIENCE", 0.0)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"data")["ETag"]
    complete = s3.complete_multipart_upload
    wrong = {"Parts": [{"PartNumber": 2, "ETag": etag}]}
    assert code_of(complete, **where, MultipartUpload=wrong) == "InvalidPart"
    made = complete(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert made["ETag"].endswith('-1"')
    assert body_of(s3, bucket, "k") == b"data"


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("CRC64NVME", "FULL_OBJECT"),
     ("CRC32C", "FULL_OBJECT"), ("SHA256", "COMPOSITE")],
)  # fmt: skip
def test_checksums_of_parts(s3, bucket, algorithm, kind):
    data = os.urandom(5 * MB + 10)
    member = f"Checksum{algorithm}"
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind
    )
    assert upload["ChecksumType"] == kind
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    parts = []
    for number, piece in enumerate((data[: 5 * MB], data[5 * MB :]), start=1):
        part = s3.upload_part(**where, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": part["ETag"], member: part[member]})
    wrong = [parts[0], {**parts[1], member: parts[0][member]}]
    complete = s3.complete_multipart_upload
    assert code_of(complete, **where, MultipartUpload={"Parts": wrong}) == "InvalidPart"
    made = complete(**where, MultipartUpload={"Parts": parts})
    assert made["ChecksumType"] == kind
    single = s3.put_object(Bucket=bucket, Key="s", Body=data, ChecksumAlgorithm=algorithm)
    if kind == "FULL_OBJECT":
        assert made[member] == single[member]
    else:
        assert made[member].endswith("-2")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[member] == made[member]
    assert got["Body"].read() == data
    shown = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])
    assert shown["ObjectParts"]["TotalPartsCount"] == 2
    assert [part["Size"] for part in shown["ObjectParts"]["Parts"]] == [5 * MB, 10]


def test_parts_are_copied(s3, bucket):
    data = os.urandom(6 * MB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    source = {"Bucket": bucket, "Key": "source"}
    copy = s3.upload_part_copy
    first = copy(**where, PartNumber=1, CopySource=source, CopySourceRange=f"bytes=0-{5 * MB - 1}")
    second = copy(**where, PartNumber=2, CopySource=source, CopySourceRange="bytes=7-9")
    assert (
        code_of(copy, **where, PartNumber=3, CopySource=source, CopySourceRange="bytes=7-99999999")
        == "InvalidArgument"
    )
    parts = [
        {"PartNumber": n, "ETag": part["CopyPartResult"]["ETag"]}
        for n, part in enumerate((first, second), start=1)
    ]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert body_of(s3, bucket, "k") == data[: 5 * MB] + data[7:10]


def test_a_large_file_goes_in_and_out_in_parallel(s3, bucket, server):
    data = os.urandom(64 * MB)
    config = TransferConfig(multipart_threshold=8 * MB, multipart_chunksize=8 * MB)
    s3.upload_fileobj(io.BytesIO(data), bucket, "big", Config=config)
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-8"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back, Config=config)
    assert back.getvalue() == data
    readable = server.store.home.root / "s3" / bucket / "big"
    assert readable.read_bytes() == data
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=config)
    assert body_of(s3, bucket, "copy") == data
