"""Objects of S3 as stock boto3 uses them: in ranges, on conditions, with tags and checksums."""

import datetime as dt
import hashlib
import os
from base64 import b64encode

import botocore.exceptions
import pytest

from support.s3_client import body_of, code_of, refused


def test_put_get_head_delete(s3, bucket):
    data = os.urandom(100_000)
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    made = s3.put_object(
        Bucket=bucket, Key="dir/f", Body=data, ContentType="text/x", CacheControl="no-store",
        ContentDisposition="attachment", ContentEncoding="gzip", ContentLanguage="de",
        Metadata={"some": "thing", "Mixed": "Case"}, StorageClass="STANDARD_IA",
        Expires=dt.datetime(2030, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    assert made["ETag"] == etag
    got = s3.get_object(Bucket=bucket, Key="dir/f")
    head = s3.head_object(Bucket=bucket, Key="dir/f")
    assert got["Body"].read() == data
    for answer in (got, head):
        assert answer["ETag"] == etag
        assert answer["ContentLength"] == len(data)
        assert answer["ContentType"] == "text/x"
        assert answer["CacheControl"] == "no-store"
        assert answer["ContentDisposition"] == "attachment"
        assert answer["ContentEncoding"] == "gzip"
        assert answer["ContentLanguage"] == "de"
        assert answer["Metadata"] == {"some": "thing", "mixed": "Case"}
        assert answer["StorageClass"] == "STANDARD_IA"
        assert answer["ExpiresString"] == "Tue, 01 Jan 2030 00:00:00 GMT"
        assert answer["AcceptRanges"] == "bytes"
        assert answer["LastModified"].microsecond == 0
    s3.delete_object(Bucket=bucket, Key="dir/f")
    s3.delete_object(Bucket=bucket, Key="dir/f")
    assert code_of(s3.head_object, Bucket=bucket, Key="dir/f") == "404"
    missing = refused(s3.get_object, Bucket=bucket, Key="dir/f")["Error"]
    assert (missing["Code"], missing["Key"]) == ("NoSuchKey", "dir/f")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="dir/f")


def test_an_empty_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="e")
    assert body_of(s3, bucket, "e") == b""
    assert s3.head_object(Bucket=bucket, Key="e")["ContentType"] == "binary/octet-stream"
    assert code_of(s3.get_object, Bucket=bucket, Key="e", Range="bytes=0-0") == "InvalidRange"


def test_encryption_is_accepted_and_said_back(s3, bucket):
    """The SageMaker SDK sends aws:kms without a key for every sourcedir.tar.gz."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "aws:kms"
    s3.put_object(
        Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="key-1",
        BucketKeyEnabled=True,
    )  # fmt: skip
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["SSEKMSKeyId"], head["BucketKeyEnabled"]) == ("key-1", True)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
    assert (
        code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"x", SSECustomerKey="0" * 32,
                SSECustomerAlgorithm="AES256")
        == "NotImplemented"
    )  # fmt: skip
    assert (
        code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
        == "AccessControlListNotSupported"
    )


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=3-1", b"0123456789", None),
        ("lines=1-2", b"0123456789", None),
        ("bytes=0-1,3-4", b"0123456789", None),
    ],
)
def test_ranges(s3, bucket, asked, expected, content_range):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["Body"].read() == expected
    assert got.get("ContentRange") == content_range
    status = 206 if content_range else 200
    assert got["ResponseMetadata"]["HTTPStatusCode"] == status
    head = s3.head_object(Bucket=bucket, Key="k", Range=asked)
    assert head["ContentLength"] == len(expected)


def test_a_range_that_cannot_be(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for asked in ("bytes=10-", "bytes=99-100", "bytes=-0"):
        response = refused(s3.get_object, Bucket=bucket, Key="k", Range=asked)
        assert response["Error"]["Code"] == "InvalidRange"
        assert response["Error"]["ActualObjectSize"] == "10"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, day = modified - dt.timedelta(days=1), dt.timedelta(days=1)

    def status(**conditions):
        try:
            return s3.get_object(Bucket=bucket, Key="k", **conditions)["ResponseMetadata"][
                "HTTPStatusCode"
            ]
        except botocore.exceptions.ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"]

    assert status(IfMatch=etag) == 200
    assert status(IfMatch=etag.strip('"')) == 200
    assert status(IfMatch='"other"') == 412
    assert status(IfNoneMatch=etag) == 304
    assert status(IfNoneMatch="*") == 304
    assert status(IfNoneMatch='"other"') == 200
    assert status(IfModifiedSince=modified) == 304
    assert status(IfModifiedSince=before) == 200
    assert status(IfUnmodifiedSince=modified + day) == 200
    assert status(IfUnmodifiedSince=before) == 412
    assert status(IfMatch=etag, IfUnmodifiedSince=before) == 200
    assert status(IfNoneMatch='"other"', IfModifiedSince=modified + day) == 200
    assert code_of(s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == "304"
    assert code_of(s3.get_object, Bucket=bucket, Key="k", IfMatch="x") == "PreconditionFailed"


def test_conditional_writes(s3, bucket):
    put = s3.put_object
    etag = put(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    assert code_of(put, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert code_of(put, Bucket=bucket, Key="k", Body=b"2", IfMatch='"x"') == "PreconditionFailed"
    assert code_of(put, Bucket=bucket, Key="n", Body=b"2", IfMatch=etag) == "NoSuchKey"
    assert code_of(put, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch=etag) == "NotImplemented"
    put(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    assert body_of(s3, bucket, "k") == b"3"
    delete = s3.delete_object
    assert code_of(delete, Bucket=bucket, Key="k", IfMatch=etag) == "PreconditionFailed"
    delete(Bucket=bucket, Key="k", IfMatch=f'"{hashlib.md5(b"3").hexdigest()}"')
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_answers_in_other_words(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="a/b")
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="c/d", ResponseCacheControl="no-cache",
        ResponseContentDisposition='attachment; filename="ü.txt"',
    )  # fmt: skip
    got["Body"].close()
    assert (got["ContentType"], got["CacheControl"]) == ("c/d", "no-cache")
    assert (
        code_of(s3.get_object, Bucket=bucket, Key="k", ResponseContentType="a\r\nb: c")
        == "InvalidArgument"
    )


def test_many_are_deleted_at_once(s3, bucket):
    for key in ("a", "b", "c&<>\r", "ü"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    etag = f'"{hashlib.md5(b"x").hexdigest()}"'
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [
                {"Key": "a", "ETag": '"other"'},
                {"Key": "b", "ETag": etag},
                {"Key": "c&<>\r"},
                {"Key": "ü", "VersionId": "null"},
                {"Key": "never there"},
            ]
        },
    )
    assert [one["Key"] for one in answer["Deleted"]] == ["b", "c&<>\r", "ü", "never there"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("a", "PreconditionFailed")]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    too_many = {"Objects": [{"Key": str(n)} for n in range(1001)]}
    assert code_of(s3.delete_objects, Bucket=bucket, Delete=too_many) == "MalformedXML"


def test_object_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=%C3%BC+y")
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "ü y"}]
    assert s3.head_object(Bucket=bucket, Key="k")["TagCount"] == 2
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    one = [{"Key": "c", "Value": "2"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": one})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == one
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == etag
    many = [{"Key": str(n), "Value": ""} for n in range(11)]
    put = s3.put_object_tagging
    assert code_of(put, Bucket=bucket, Key="k", Tagging={"TagSet": many}) == "BadRequest"
    twice = [{"Key": "a", "Value": ""}] * 2
    assert code_of(put, Bucket=bucket, Key="k", Tagging={"TagSet": twice}) == "InvalidTag"
    assert code_of(put, Bucket=bucket, Key="no", Tagging={"TagSet": one}) == "NoSuchKey"


def test_digests_are_checked(s3, bucket):
    put = s3.put_object
    wrong = b64encode(hashlib.md5(b"y").digest()).decode()
    assert code_of(put, Bucket=bucket, Key="k", Body=b"x", ContentMD5=wrong) == "BadDigest"
    assert code_of(put, Bucket=bucket, Key="k", Body=b"x", ContentMD5="x") == "InvalidDigest"
    assert code_of(put, Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32="AAAAAA==") == "BadDigest"
    assert code_of(put, Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32="A") == "InvalidRequest"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    right = b64encode(hashlib.md5(b"x").digest()).decode()
    put(Bucket=bucket, Key="k", Body=b"x", ContentMD5=right)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_kept(s3, bucket, algorithm):
    data = os.urandom(70_000)
    made = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)
    member = f"Checksum{algorithm}"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data  # boto3 compares
    assert got[member] == made[member]
    assert got["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[member] == made[member]
    assert member not in s3.head_object(Bucket=bucket, Key="k")
    part = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", Range="bytes=1-9")
    assert part["Body"].read() == data[1:10]
    assert member not in part
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"]
    )
    assert attributes["ETag"] == hashlib.md5(data).hexdigest()
    assert attributes["ObjectSize"] == len(data)
    assert attributes["StorageClass"] == "STANDARD"
    assert attributes["Checksum"][member] == made[member]
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["ChecksumAlgorithm"] == [algorithm]
