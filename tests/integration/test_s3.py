"""Amazon S3 as stock boto3 uses it."""

import datetime as dt
import hashlib
import io
import os
import urllib.request
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore.exceptions
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from sagelet.aws.services.s3 import front
from support.s3 import ACCOUNT, running

MB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("s3") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def connect(server):
    clients = []

    def connect(region="us-east-1", **config):
        client = boto3.client(
            "s3",
            endpoint_url=server.url,
            region_name=region,
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def s3(connect):
    return connect()


@pytest.fixture
def bucket(s3, request):
    name = f"b-{hashlib.md5(request.node.name.encode()).hexdigest()}"
    s3.create_bucket(Bucket=name)
    return name


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    return raised.value.response


def code_of(call, **arguments):
    return refused(call, **arguments)["Error"]["Code"]


def body_of(s3, bucket, key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


# -- buckets


def test_a_missing_bucket_is_said_as_the_sdk_expects_it(s3):
    response = refused(s3.head_bucket, Bucket="no-such-bucket", ExpectedBucketOwner=ACCOUNT)
    assert response["Error"] == {"Code": "404", "Message": "Not Found"}
    response = refused(s3.list_objects_v2, Bucket="no-such-bucket")
    assert response["Error"]["Code"] == "NoSuchBucket"
    assert response["Error"]["Message"] == "The specified bucket does not exist"
    assert response["Error"]["BucketName"] == "no-such-bucket"
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects(Bucket="no-such-bucket")


def test_buckets_are_made_listed_and_deleted(s3, bucket):
    there = {one["Name"]: one for one in s3.list_buckets()["Buckets"]}
    assert there[bucket]["CreationDate"].tzinfo is not None
    assert [b["Name"] for b in s3.list_buckets(Prefix=bucket)["Buckets"]] == [bucket]
    head = s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)
    assert head["BucketRegion"] == "us-east-1"
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert code_of(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert code_of(s3.delete_bucket, Bucket=bucket) == "NoSuchBucket"


def test_another_owner_is_refused(s3, bucket):
    response = refused(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner="210987654321")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    response = refused(
        s3.put_object, Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner="210987654321"
    )
    assert response["Error"]["Code"] == "AccessDenied"


def test_location_constraints(connect):
    first, other = connect(), connect("eu-west-1")
    first.create_bucket(Bucket="in-us-east-1")
    first.create_bucket(Bucket="in-us-east-1")  # twice is no mistake there
    assert first.get_bucket_location(Bucket="in-us-east-1")["LocationConstraint"] is None
    make = other.create_bucket
    there = {"LocationConstraint": "eu-west-1"}
    assert code_of(make, Bucket="in-eu") == "IllegalLocationConstraintException"
    wrong = {"LocationConstraint": "eu-central-1"}
    assert (
        code_of(make, Bucket="in-eu", CreateBucketConfiguration=wrong)
        == "IllegalLocationConstraintException"
    )
    made = make(Bucket="in-eu", CreateBucketConfiguration=there)
    assert made["Location"] == "/in-eu"
    again = refused(make, Bucket="in-eu", CreateBucketConfiguration=there)
    assert again["Error"]["Code"] == "BucketAlreadyOwnedByYou"
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert other.get_bucket_location(Bucket="in-eu")["LocationConstraint"] == "eu-west-1"
    assert first.head_bucket(Bucket="in-eu")["BucketRegion"] == "eu-west-1"
    assert code_of(first.create_bucket, Bucket="No_Good") == "InvalidBucketName"


def test_bucket_tags(s3, bucket):
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    tags = [{"Key": "a", "Value": "1"}, {"Key": "ü", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"


def test_what_a_bucket_has_not(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert acl["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]
    for call in (s3.get_bucket_policy, s3.get_bucket_encryption, s3.get_bucket_website):
        response = refused(call, Bucket=bucket)
        assert response["Error"]["Code"] == "NotImplemented"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    response = refused(
        s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    assert "PutBucketVersioning" in response["Error"]["Message"]


# -- objects


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


# -- listings


@pytest.fixture
def listed(s3, bucket):
    for key in ("a", "b/1", "b/2", "b/c/3", "d/", "e", "ü/x"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    return bucket


def names(answer):
    return (
        [one["Key"] for one in answer.get("Contents", ())],
        [one["Prefix"] for one in answer.get("CommonPrefixes", ())],
    )


def test_listings(s3, listed):
    everything = ["a", "b/1", "b/2", "b/c/3", "d/", "e", "ü/x"]
    for call in (s3.list_objects, s3.list_objects_v2):
        assert names(call(Bucket=listed)) == (everything, [])
        assert names(call(Bucket=listed, Prefix="b/")) == (["b/1", "b/2", "b/c/3"], [])
        assert names(call(Bucket=listed, Delimiter="/")) == (["a", "e"], ["b/", "d/", "ü/"])
        assert names(call(Bucket=listed, Delimiter="/", Prefix="b/")) == (["b/1", "b/2"], ["b/c/"])
        assert names(call(Bucket=listed, Prefix="none")) == ([], [])
        assert names(call(Bucket=listed, MaxKeys=0)) == ([], [])
    assert names(s3.list_objects_v2(Bucket=listed, StartAfter="b/2"))[0] == everything[3:]
    assert names(s3.list_objects(Bucket=listed, Marker="b/2"))[0] == everything[3:]
    assert "Owner" not in s3.list_objects_v2(Bucket=listed)["Contents"][0]
    assert "Owner" in s3.list_objects_v2(Bucket=listed, FetchOwner=True)["Contents"][0]
    versions = s3.list_object_versions(Bucket=listed)["Versions"]
    assert [(one["Key"], one["VersionId"]) for one in versions] == [
        (key, "null") for key in everything
    ]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages(s3, listed, operation, size):
    pages = s3.get_paginator(operation).paginate(
        Bucket=listed, Delimiter="/", PaginationConfig={"PageSize": size}
    )
    keys, prefixes = [], []
    for page in pages:
        keys += [one["Key"] for one in page.get("Contents", page.get("Versions", ()))]
        prefixes += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
    assert (keys, prefixes) == (["a", "e"], ["b/", "d/", "ü/"])


def test_listings_that_are_refused(s3, listed):
    call = s3.list_objects_v2
    assert code_of(call, Bucket=listed, ContinuationToken="!!") == "InvalidArgument"
    assert code_of(call, Bucket=listed, MaxKeys=-1) == "InvalidArgument"


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


# -- addresses


def fetch(url, data=None, method="GET", **headers):
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read(), response.headers


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(connect, bucket, version):
    s3 = connect(signature_version=version)
    key = "ü +&/x"
    url = s3.generate_presigned_url(
        "put_object", {"Bucket": bucket, "Key": key, "Metadata": {"m": "1"}}
    )
    hoisted = {} if version == "s3" else {"x-amz-meta-m": "1"}
    fetch(url, b"data", "PUT", **{"Content-Type": ""}, **hoisted)
    url = s3.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": key, "ResponseContentType": "text/x"}
    )
    data, headers = fetch(url)
    assert (data, headers["Content-Type"], headers["x-amz-meta-m"]) == (b"data", "text/x", "1")


def test_buckets_in_host_names(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    for host in ("localhost", "s3.amazonaws.com", "s3.eu-west-1.amazonaws.com"):
        data, _ = fetch(f"{server.url}/a/b", Host=f"{bucket}.{host}:4580")
        assert data == b"x"
        listing, _ = fetch(f"{server.url}/?list-type=2", Host=f"{bucket}.{host}")
        assert b"<Key>a/b</Key>" in listing
    everything, _ = fetch(server.url, Host="s3.eu-west-1.amazonaws.com")
    assert b"ListAllMyBucketsResult" in everything
