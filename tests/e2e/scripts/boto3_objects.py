"""Objects: files large and small, ranges, conditions, copies, presigned URLs, refusals."""

import hashlib
import io
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from training import make_bucket, unique

s3 = boto3.client("s3")
bucket = make_bucket(s3, unique("objects"))


def refused(code, call, **arguments):
    try:
        call(Bucket=bucket, **arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"{code} was expected")


# --- a large file, in parts, and back
large = Path("large.bin")
large.write_bytes(os.urandom(37 * 1024 * 1024 + 11))
digest = hashlib.sha256(large.read_bytes()).hexdigest()
s3.upload_file(str(large), bucket, "large/file.bin", Config=TransferConfig(max_concurrency=8))
head = s3.head_object(Bucket=bucket, Key="large/file.bin")
assert head["ContentLength"] == large.stat().st_size
assert head["ETag"].endswith('-5"'), head["ETag"]
s3.download_file(bucket, "large/file.bin", "back.bin", Config=TransferConfig(max_concurrency=8))
assert hashlib.sha256(Path("back.bin").read_bytes()).hexdigest() == digest
part = s3.get_object(Bucket=bucket, Key="large/file.bin", Range="bytes=1000000-1000099")
assert part["Body"].read() == large.read_bytes()[1000000:1000100]
assert part["ContentRange"] == f"bytes 1000000-1000099/{large.stat().st_size}"

# --- keys of any kind keep their bytes and their order
keys = ["a", "a/b", "a//b", "dir/", "é/ü ✓", "x y+z&=?#%", "..", "../up", "q'\"<>", "k" * 1024]
for key in keys:
    s3.put_object(Bucket=bucket, Key=f"odd/{key}"[:1024], Body=key.encode())
for key in keys:
    got = s3.get_object(Bucket=bucket, Key=f"odd/{key}"[:1024])["Body"].read()
    assert got == key.encode(), key
pages = s3.get_paginator("list_objects_v2").paginate(
    Bucket=bucket, Prefix="odd/", PaginationConfig={"PageSize": 3}
)
listed = [item["Key"] for page in pages for item in page.get("Contents", [])]
assert listed == sorted((f"odd/{key}"[:1024] for key in keys), key=str.encode), listed
page = s3.list_objects_v2(Bucket=bucket, Prefix="odd/", Delimiter="/")
assert [p["Prefix"] for p in page["CommonPrefixes"]][:2] == ["odd/../", "odd/a/"], page
assert "Contents" in s3.list_objects(Bucket=bucket, Prefix="odd/", MaxKeys=2)

# --- metadata, conditions, copies, tags
s3.put_object(
    Bucket=bucket, Key="note", Body=b"one", Metadata={"Author": "me"}, ContentType="text/plain"
)
etag = s3.head_object(Bucket=bucket, Key="note")["ETag"]
assert etag == f'"{hashlib.md5(b"one").hexdigest()}"', etag
assert refused("304", s3.get_object, Key="note", IfNoneMatch=etag) == 304
assert refused("PreconditionFailed", s3.get_object, Key="note", IfMatch='"nope"') == 412
assert refused("PreconditionFailed", s3.put_object, Key="note", Body=b"x", IfNoneMatch="*") == 412
s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "note"})
copy = s3.get_object(Bucket=bucket, Key="copy")
assert (copy["Body"].read(), copy["Metadata"], copy["ContentType"]) == (
    b"one",
    {"author": "me"},
    "text/plain",
)
s3.put_object_tagging(Bucket=bucket, Key="note", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
assert s3.get_object_tagging(Bucket=bucket, Key="note")["TagSet"] == [{"Key": "a", "Value": "b"}]

# --- refusals
assert refused("NoSuchKey", s3.get_object, Key="nowhere") == 404
assert refused("404", s3.head_object, Key="nowhere") == 404
assert refused("InvalidRange", s3.get_object, Key="note", Range="bytes=99-") == 416
assert refused("BadDigest", s3.put_object, Key="bad", Body=b"x", ContentMD5="A" * 22 + "==") == 400
try:
    s3.list_objects_v2(Bucket=unique("nowhere"))
except s3.exceptions.NoSuchBucket:
    pass
else:
    raise AssertionError("a bucket that is not there was listed")
assert refused("BucketNotEmpty", s3.delete_bucket) == 409

# --- presigned URLs, with nothing but the standard library
plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for signed in (s3, boto3.client("s3", config=Config(signature_version="s3v4"))):
    put = signed.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "signed é"})
    request = urllib.request.Request(put, data=b"by url", method="PUT")
    request.add_header("Content-Type", "")
    assert plain.open(request).status == 200
    get = signed.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "signed é"})
    assert plain.open(get).read() == b"by url"
    late = signed.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": "note"}, ExpiresIn=-10
    )
    try:
        plain.open(late)
    except urllib.error.HTTPError as error:
        assert error.code in (400, 403), error.code
        error.close()
    else:
        raise AssertionError("a URL outlived its time")
try:
    plain.open(get.partition("?")[0])
except urllib.error.HTTPError as error:
    assert error.code == 403, error.code
    assert b"AccessDenied" in error.read()
else:
    raise AssertionError("an unsigned request was answered")

# --- a reader sees one version or the other, whole
one, two = b"1" * 5_000_000, b"2" * 5_000_000
s3.put_object(Bucket=bucket, Key="flip", Body=one)
over = threading.Event()


def flip():
    mine = boto3.session.Session().client("s3")
    while not over.is_set():
        mine.put_object(Bucket=bucket, Key="flip", Body=two)
        mine.put_object(Bucket=bucket, Key="flip", Body=one)


writer = threading.Thread(target=flip)
writer.start()
try:
    for _ in range(30):
        body = s3.get_object(Bucket=bucket, Key="flip")["Body"].read()
        assert body in (one, two), (len(body), set(body))
finally:
    over.set()
    writer.join()

# --- everything goes again
s3.upload_fileobj(io.BytesIO(b"stream"), bucket, "stream")
everything = [
    {"Key": item["Key"]}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for item in page["Contents"]
]
gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": everything})
assert len(gone["Deleted"]) == len(everything), gone
s3.delete_bucket(Bucket=bucket)
assert bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]
print("done", len(everything))
