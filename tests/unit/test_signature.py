"""Signatures, against the signers of botocore and the examples AWS publishes."""

import hashlib
from urllib.parse import unquote

import pytest
from botocore.auth import (
    HmacV1Auth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from hypothesis import given
from hypothesis import strategies as st

from sagelet.aws.request import Request
from sagelet.aws.signature import ChunkVerifier
from sagelet.domain.errors import Refusal
from support.signing import (
    KEY,
    SECRET,
    accepts,
    changed,
    credentials,
    refused,
    sign,
    with_headers,
)

#: Paths, queries and values as clients may send them: escapes, doubled slashes, dots, signs.
RAW = st.text(st.sampled_from("abzAZ09-._~/!$'()*,;:@+"), max_size=20)

ESCAPES = st.sampled_from(["%20", "%2F", "%2f", "%C3%A9", "%25", "%41", "", "//", "/../", "/./"])

PATHS = st.lists(st.one_of(RAW, ESCAPES), max_size=5).map(lambda parts: "/" + "".join(parts))

PAIRS = st.tuples(
    st.text(st.sampled_from("abcXYZ-._~09"), min_size=1, max_size=6),
    st.lists(st.one_of(RAW, st.sampled_from(["%20", "%2B", "%C3%A9", "+"])), max_size=3).map(
        "".join
    ),
)

QUERIES = st.lists(PAIRS, max_size=5).map(lambda pairs: "&".join("=".join(pair) for pair in pairs))

VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)

SPACED = st.lists(VALUES, min_size=1, max_size=4).map("  ".join)

HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Meta-One", "X-Amz-Acl", "Content-Type", "X-Other", "Content-MD5"]),
    SPACED,
    max_size=4,
)

BODIES = st.binary(max_size=40)

METHODS = st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"])


@given(METHODS, PATHS, QUERIES, HEADERS, BODIES, st.sampled_from([None, "a/token=="]))
def test_headers_of_botocore_are_accepted(method, path, query, headers, body, token):
    signer = SigV4Auth(credentials(token), "sagemaker", "eu-west-1")
    signed = accepts(sign(signer, method, path, query, headers, body), body)
    assert (signed.access_key, signed.region, signed.service) == (KEY, "eu-west-1", "sagemaker")


@given(METHODS, PATHS, QUERIES, HEADERS, BODIES)
def test_s3_headers_of_botocore_are_accepted(method, path, query, headers, body):
    signer = S3SigV4Auth(credentials(), "s3", "us-east-2")
    request = sign(signer, method, path, query, headers, body)
    accepts(request, body)
    accepts(request, None)  # the body is compared while it streams
    other = refused(request, body + b"x")
    assert (other.code, other.status) == ("XAmzContentSHA256Mismatch", 400)


@given(METHODS, PATHS, QUERIES, HEADERS, st.sampled_from([None, "a/token=="]))
def test_presigned_urls_of_botocore_are_accepted(method, path, query, headers, token):
    signer = S3SigV4QueryAuth(credentials(token), "s3", "us-east-2", expires=60)
    request = sign(signer, method, path, query, headers)
    accepts(request, None)
    accepts(request, b"whatever is put there")


@given(METHODS, PATHS, QUERIES, HEADERS)
def test_presigned_urls_of_other_services_are_accepted(method, path, query, headers):
    signer = SigV4QueryAuth(credentials(), "sts", "us-east-2", expires=60)
    request = sign(signer, method, path, query, headers)
    accepts(request)
    assert refused(request, b"a body").code == "SignatureDoesNotMatch"


S3_PAIRS = st.tuples(
    st.sampled_from(["versionId", "uploadId", "tagging", "prefix", "response-content-type", "acl"]),
    st.sampled_from(["", "1", "a%20b", "x%2Fy"]),
)

S3_QUERIES = st.lists(S3_PAIRS, unique_by=lambda pair: pair[0], max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" if value else name for name, value in pairs)
)


@given(METHODS, PATHS, S3_QUERIES, HEADERS, st.sampled_from([None, "a/token=="]))
def test_version_2_is_accepted_of_s3(method, path, query, headers, token):
    headers = {name: value for name, value in headers.items() if "  " not in value}
    by_header = sign(HmacV1Auth(credentials()), method, path, query, headers)
    signed = accepts(by_header, None)
    assert (signed.access_key, signed.region, signed.service) == (KEY, "us-east-1", "s3")
    accepts(sign(HmacV1QueryAuth(credentials(token), 60), method, path, query, headers), None)


def flips(text: str):
    return [
        (text[:at] + chr(ord(char) ^ 1) + text[at + 1 :], at)
        for at, char in enumerate(text)
        if (chr(ord(char) ^ 1)).isprintable()
    ]


def meaning(text: str) -> str:
    return unquote(text.replace("+", "%20"))


def refuses_a_change(request: Request, signed_headers, query_parts):
    for path, _ in flips(request.path):
        if path.startswith("/") and meaning(path) != meaning(request.path):
            refused(changed(request, path=path), None)
    for query, _ in flips(request.query):
        if query_parts and meaning(query) != meaning(request.query):
            refused(changed(request, query=query), None)
    for name in signed_headers:
        for value, _ in flips(request.headers[name]):
            if value.split() != request.headers[name].split():
                refused(with_headers(request, **{name: value}), None)
    refused(changed(request, method="PATCH"), None)
    refused(request, None, secret=SECRET + "x")


def test_no_byte_of_what_is_signed_can_change():
    headers = {"X-Amz-Meta-A": "one  two", "Content-Type": "text/plain"}
    query = "list-type=2&prefix=a%2Fb&x=+"
    for signer in (
        S3SigV4Auth(credentials("token"), "s3", "us-east-1"),
        SigV4Auth(credentials("token"), "logs", "us-east-1"),
    ):
        request = sign(signer, "PUT", "/bucket/a%20key", query, headers)
        accepts(request)
        names = [*headers, "Host", "X-Amz-Date", "X-Amz-Security-Token"]
        refuses_a_change(request, [name.lower() for name in names], query_parts=True)
        authorization = request.headers["authorization"]
        start = len(f"AWS4-HMAC-SHA256 Credential={KEY}/")
        for text, at in flips(authorization):
            if at >= start:  # the key says whose secret is tried
                refused(with_headers(request, authorization=text))


def test_no_byte_of_a_presigned_url_can_change():
    headers = {"X-Amz-Meta-A": "one", "Content-Type": "text/plain"}
    for signer in (
        S3SigV4QueryAuth(credentials("token"), "s3", "us-east-1", expires=60),
        SigV4QueryAuth(credentials("token"), "sts", "us-east-1", expires=60),
    ):
        request = sign(signer, "GET", "/bucket/a%20key", "versionId=a%2Fb", headers)
        accepts(request)
        at = request.query.index(KEY)
        hidden = request.query[:at] + request.query[at + len(KEY) :]
        assert KEY not in hidden
        for query, place in flips(request.query):
            same = meaning(query) == meaning(request.query)
            if not (same or at <= place < at + len(KEY)):
                refused(changed(request, query=query))
        refuses_a_change(request, ["x-amz-meta-a", "content-type", "host"], query_parts=False)


def test_no_byte_of_a_version_2_signature_can_change():
    headers = {"X-Amz-Meta-A": "one", "Content-Type": "text/plain", "Content-MD5": "abc="}
    request = sign(HmacV1Auth(credentials()), "PUT", "/b/k%20k", "partNumber=1&uploadId=2", headers)
    accepts(request)
    names = ["x-amz-meta-a", "content-type", "content-md5", "date"]
    refuses_a_change(request, names, query_parts=True)
    refused(with_headers(request, x_amz_copy_source="/other/key"))
    request = sign(HmacV1QueryAuth(credentials(), 60), "GET", "/b/k%20k", "versionId=1")
    accepts(request)
    refuses_a_change(request, [], query_parts=False)
    refused(with_headers(request, x_amz_copy_source="/other/key"))
    later = request.query.replace("Expires=1", "Expires=2")
    assert refused(changed(request, query=later)).code == "SignatureDoesNotMatch"


def test_paths_and_queries_that_aws_would_normalise_are_accepted():
    signer = S3SigV4Auth(credentials(), "s3", "us-east-1")
    request = sign(signer, "GET", "/bucket/%28a%29%2A", "prefix=%28x%29%20y")
    accepts(changed(request, path="/bucket/(a)*", query="prefix=(x)+y"))
    signer = SigV4Auth(credentials(), "sagemaker", "us-east-1")
    accepts(changed(sign(signer, "GET", "/a%20b/%28c%29"), path="/a%20b/(c)"))


def test_values_beyond_ascii_are_accepted_as_bytes_and_as_text():
    signer = SigV4Auth(credentials(), "sagemaker", "us-east-1")
    request = sign(signer, "POST", "/", headers={"X-Custom": "café à"})
    accepts(request)
    sent = "café à".encode().decode("latin-1")
    accepts(with_headers(request, x_custom=sent))
    assert refused(with_headers(request, x_custom=sent + "x")).code == "SignatureDoesNotMatch"


def test_the_examples_of_the_s3_manual_are_accepted():
    """Chunked upload, with and without a trailer."""
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    now = 1369353600.0
    chunks = [b"a" * 65536, b"a" * 1024, b""]
    plain = (
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    )
    trailed = (
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    )
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-decoded-content-length": "66560",
        "content-encoding": "aws-chunked",
    }
    for signatures, more in (
        (
            plain,
            {
                "content-length": "66824",
                "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            },
        ),
        (
            trailed,
            {
                "x-amz-trailer": "x-amz-checksum-crc32c",
                "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            },
        ),
    ):
        sent = {**headers, **more}
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 "
            f"Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            f"SignedHeaders={';'.join(sorted(sent))},Signature={signatures[0]}"
        )
        path = "/examplebucket/chunkObject.txt"
        request = Request("PUT", path, "", sent, "http", "loopback")
        signed = accepts(request, None, secret=secret, now=now)
        body = ChunkVerifier(signed, secret)
        for signature, chunk in zip(signatures[1:], chunks, strict=True):
            body.check(signature, chunk)
        if signatures is trailed:
            end = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
            body.check_trailer(end, b"x-amz-checksum-crc32c:sOO8/Q==\n")
        wrong = ChunkVerifier(signed, secret)
        with pytest.raises(Refusal) as caught:
            wrong.check(signatures[1], b"b" + chunks[0][1:])
        assert (caught.value.code, caught.value.status) == ("SignatureDoesNotMatch", 403)
        wrong.check_hash(signatures[1], hashlib.sha256(chunks[0]).hexdigest())
