"""S3 as HTTP: what other clients than boto3 send, and what none should."""

import hashlib
import http.client
import socket
import zlib
from base64 import b64encode
from xml.etree import ElementTree as ET

import pytest

from sagelet.store.traits import Traits
from support.s3 import running

UNSIGNED = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("s3") / "home") as server:
        server.store.objects.create_bucket("bucket", "us-east-1")
        yield server


@pytest.fixture
def ask(server):
    """One request; its status, headers and body."""

    def ask(method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    return ask


def code(body):
    return ET.fromstring(body).findtext("Code")


def chunked(payload, trailers=(), size=7):
    chunks = [payload[at : at + size] for at in range(0, len(payload), size)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n" + b"".join(b"%s:%s\r\n" % pair for pair in trailers) + b"\r\n"


def crc32(data):
    return b64encode(zlib.crc32(data).to_bytes(4, "big"))


def test_errors_are_xml_with_all_that_clients_read(ask):
    status, headers, body = ask("GET", "/bucket/a%20b?x=1")
    assert status == 404
    error = ET.fromstring(body)
    assert error.tag == "Error"
    assert {child.tag: child.text for child in error} == {
        "Code": "NoSuchKey",
        "Message": "The specified key does not exist.",
        "Key": "a b",
        "Resource": "/bucket/a%20b",
        "RequestId": headers["x-amz-request-id"],
        "HostId": headers["x-amz-id-2"],
    }
    assert headers["Content-Type"] == "application/xml"
    assert ask("HEAD", "/bucket/a")[2] == b""


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "expected"),
    [
        ("PATCH", "/bucket/k", b"", {}, 405, "MethodNotAllowed"),
        ("DELETE", "/", b"", {}, 405, "MethodNotAllowed"),
        ("POST", "/bucket", b"form", {}, 405, "MethodNotAllowed"),
        ("GET", "/bucket?policy", b"", {}, 501, "NotImplemented"),
        ("POST", "/bucket/k?restore", b"<RestoreRequest/>", {}, 501, "NotImplemented"),
        ("POST", "/bucket/k?select&select-type=2", b"x", {}, 501, "NotImplemented"),
        ("GET", "/bucket/%ff", b"", {}, 400, "InvalidURI"),
        ("GET", "/bucket?prefix=%ff", b"", {}, 400, "InvalidURI"),
        ("GET", "/bucket?max-keys=x", b"", {}, 400, "InvalidArgument"),
        ("GET", "/bucket?encoding-type=x", b"", {}, 400, "InvalidArgument"),
        ("GET", "/bucket/k?versionId=3", b"", {}, 404, "NoSuchVersion"),
        ("PUT", "/bucket/" + "x" * 1025, b"", {}, 400, "KeyTooLongError"),
        ("PUT", "/Bad_Bucket", b"", {}, 400, "InvalidBucketName"),
        ("PUT", "/bucket/k", b"x", {"x-amz-storage-class": "X"}, 400, "InvalidStorageClass"),
        ("PUT", "/bucket/k", b"x", {"x-amz-meta-a": "x" * 3000}, 400, "MetadataTooLarge"),
        ("PUT", "/bucket/k", b"x", {"Content-Length": "99999999999"}, 400, "EntityTooLarge"),
        ("PUT", "/bucket/k", b"x", {"x-amz-sdk-checksum-algorithm": "CRC32"}, 400,
         "InvalidRequest"),
        ("PUT", "/bucket/k", b"x", {"x-amz-checksum-crc32": "AAAAAA==",
                                    "x-amz-checksum-sha1": "A" * 27 + "="}, 400, "InvalidRequest"),
        ("PUT", "/bucket/k", b"x", {"x-amz-content-sha256": "0" * 64}, 400,
         "XAmzContentSHA256Mismatch"),
        ("PUT", "/bucket/k", b"x", {"x-amz-write-offset-bytes": "1"}, 501, "NotImplemented"),
        ("POST", "/bucket?delete", b"", {}, 400, "MissingRequestBodyError"),
        ("POST", "/bucket?delete", b"<Delete>", {}, 400, "MalformedXML"),
        ("POST", "/bucket?delete", b"<Delete><Nonsense/></Delete>", {}, 400, "MalformedXML"),
        ("POST", "/bucket?delete", b"<Delete><Object/></Delete>", {}, 400, "MalformedXML"),
        ("POST", "/bucket?delete", b"<Delete/>", {"Content-MD5": "x"}, 400, "InvalidDigest"),
        ("POST", "/bucket?delete", b'<!DOCTYPE d [<!ENTITY a "x">]><Delete>&a;</Delete>', {},
         400, "MalformedXML"),
        ("PUT", "/bucket?tagging", b"<Tagging><TagSet><X/></TagSet></Tagging>", {}, 400,
         "MalformedXML"),
        ("POST", "/bucket/k?uploads", b"", {"x-amz-checksum-algorithm": "X"}, 400,
         "InvalidRequest"),
        ("PUT", "/bucket/k?Signature=x&x-amz-meta-a=%0d%0a", b"x", {}, 400, "InvalidArgument"),
        ("PUT", "/bucket/k?Signature=x&x-amz-meta-a%0d%0ab=c", b"x", {}, 400, "InvalidArgument"),
        ("PUT", "/bucket/k?Signature=x&x-amz-meta-%E6%97%A5=c", b"x", {}, 400, "InvalidArgument"),
        ("PUT", "/bucket/k", b"x", UNSIGNED | {"x-amz-decoded-content-length": "9" * 5000}, 400,
         "InvalidArgument"),
        ("PUT", "/bucket/k", b"x", UNSIGNED | {"x-amz-decoded-content-length": "\xb2"}, 400,
         "InvalidArgument"),
        ("POST", "/bucket/k?uploadId=none", b"<CompleteMultipartUpload/>", {}, 404,
         "NoSuchUpload"),
    ],
)  # fmt: skip
def test_what_is_refused(ask, server, method, path, body, headers, status, expected):
    answer = ask(method, path, body, headers)
    assert (answer[0], code(answer[2])) == (status, expected)
    assert list(server.store.objects.list("bucket")) == []


def test_a_body_needs_a_length(ask):
    framed = b"1\r\nx\r\n0\r\n\r\n"
    status, _, body = ask("PUT", "/bucket/k", framed, {"Transfer-Encoding": "chunked"})
    assert (status, code(body)) == (411, "MissingContentLength")


def test_keys_are_taken_as_they_are(ask, server):
    keys = {
        "a/../b": "/bucket/a/../b",
        "/a": "/bucket//a",
        "a//b/": "/bucket/a//b/",
        "a+b c": "/bucket/a+b%20c",
        "ü?#%": "/bucket/%C3%BC%3F%23%25",
        ".": "/bucket/.",
        "..": "/bucket/%2E%2e",
    }
    for key, path in keys.items():
        assert ask("PUT", path, key.encode())[0] == 200
    assert {one.key for one in server.store.objects.list("bucket")} == set(keys)
    for key, path in keys.items():
        assert ask("GET", path)[2] == key.encode()
        assert ask("DELETE", path)[0] == 204
    assert list(server.store.objects.list("bucket")) == []


def test_metadata_with_a_tab_can_be_read_again(ask):
    ask("PUT", "/bucket/tab", b"x", {"x-amz-meta-a": "b\tc"})
    status, headers, _ = ask("GET", "/bucket/tab")
    assert (status, headers["x-amz-meta-a"]) == (200, "b\tc")
    ask("DELETE", "/bucket/tab")


def test_ranges_beyond_all_numbers(ask, server):
    ask("PUT", "/bucket/k", b"hello")
    for asked in ("bytes=0-" + "9" * 5000, "bytes=-" + "9" * 5000):
        assert ask("GET", "/bucket/k", headers={"Range": asked})[::2] == (200, b"hello")
    upload = server.store.uploads.create("bucket", "k", Traits())
    status, _, body = ask(
        "PUT",
        f"/bucket/k?partNumber=1&uploadId={upload.id}",
        headers={
            "x-amz-copy-source": "/bucket/k",
            "x-amz-copy-source-range": "bytes=0-" + "9" * 5000,
        },
    )
    assert (status, code(body)) == (400, "InvalidArgument")
    server.store.uploads.abort(upload)
    ask("DELETE", "/bucket/k")


def test_metadata_of_more_than_ascii(ask):
    utf8 = "grün".encode().decode("latin-1")
    assert (
        ask("PUT", "/bucket/m", b"", {"x-amz-meta-a": utf8, "x-amz-meta-b": "=?UTF-8?Q?=C3?="})[0]
        == 200
    )
    _, headers, _ = ask("GET", "/bucket/m")
    assert headers["x-amz-meta-a"] == "=?utf-8?b?Z3LDvG4=?="
    assert headers["x-amz-meta-b"] == "=?UTF-8?Q?=C3?="
    ask("DELETE", "/bucket/m")


# -- aws-chunked


def put_chunked(ask, payload, trailers=(), body=None, **more):
    headers = {
        **UNSIGNED,
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(payload)),
        **more,
    }
    return ask("PUT", "/bucket/c", chunked(payload, trailers) if body is None else body, headers)


def test_an_aws_chunked_body_is_unwrapped(ask):
    payload = b"some payload of several chunks"
    status, headers, _ = put_chunked(
        ask,
        payload,
        [(b"x-amz-checksum-crc32", crc32(payload))],
        **{"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm": "CRC32"},
    )
    assert status == 200
    assert headers["x-amz-checksum-crc32"] == crc32(payload).decode()
    status, headers, body = ask("GET", "/bucket/c", headers={"x-amz-checksum-mode": "ENABLED"})
    assert body == payload
    assert headers["ETag"] == f'"{hashlib.md5(payload).hexdigest()}"'
    assert headers["x-amz-checksum-crc32"] == crc32(payload).decode()
    assert "Content-Encoding" not in headers
    put_chunked(ask, payload, **{"Content-Encoding": "aws-chunked,gzip"})
    assert ask("HEAD", "/bucket/c")[1]["Content-Encoding"] == "gzip"
    ask("DELETE", "/bucket/c")


def test_aws_chunked_bodies_that_are_refused(ask, server):
    named = {"x-amz-trailer": "x-amz-checksum-crc32"}
    wrong = put_chunked(ask, b"x", [(b"x-amz-checksum-crc32", b"AAAAAA==")], **named)
    assert (wrong[0], code(wrong[2])) == (400, "BadDigest")
    missing = put_chunked(ask, b"x", **named)
    assert code(missing[2]) == "MalformedTrailerError"
    unknown = put_chunked(ask, b"x", **{"x-amz-trailer": "x-amz-other"})
    assert code(unknown[2]) == "InvalidRequest"
    short = put_chunked(ask, b"xy", body=chunked(b"x"))
    assert code(short[2]) == "IncompleteBody"
    long = put_chunked(ask, b"x", body=chunked(b"xy"))
    assert code(long[2]) == "IncompleteBody"
    cut = put_chunked(ask, b"x", body=b"1\r\nx\r\n0\r\n")
    assert code(cut[2]) == "IncompleteBody"
    nonsense = put_chunked(ask, b"x", body=b"no chunk at all\r\n")
    assert code(nonsense[2]) == "InvalidRequest"
    assert list(server.store.objects.list("bucket")) == []


# -- connections


def test_a_client_that_waits_is_told_to_go_on_or_not(server):
    """Expect: 100-continue: a refusal comes before the body, and the connection is not reused."""
    head = "PUT /%s/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall((head % "no-such-bucket").encode())
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"connection: close" in answer
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall((head % "bucket").encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        client.sendall(b"abc")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    server.store.objects.delete("bucket", "k")


@pytest.mark.parametrize("size", [10, 5 << 20])
def test_a_client_that_dies_leaves_nothing(server, ask, size):
    head = f"PUT /bucket/half HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head.encode() + b"x" * (size - 1))
    blobs = server.store.objects.blobs
    while True:
        assert ask("GET", "/bucket/half")[0] == 404
        if not blobs.drafts():
            break
    assert [path for path in blobs._root.rglob("*") if path.is_file()] == []


def test_a_reader_that_goes_is_let_go(server, ask):
    ask("PUT", "/bucket/big", b"x" * (32 << 20))
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"GET /bucket/big HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    assert len(ask("GET", "/bucket/big")[2]) == 32 << 20
    ask("DELETE", "/bucket/big")
