"""Signatures, against the signers of botocore and the examples AWS publishes."""

import hashlib
import time
from urllib.parse import unquote, urlsplit

import pytest
from botocore.auth import (
    HmacV1Auth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given
from hypothesis import strategies as st

from sagelet.aws.request import Request
from sagelet.aws.signature import (
    ChunkVerifier,
    Signed,
    check_time,
    read_signature,
    unknown_key,
    unsigned,
    verify,
)
from sagelet.domain.errors import Refusal

KEY, SECRET = "AKIDEXAMPLE", "a/secret+with=signs"
EMPTY = hashlib.sha256(b"").hexdigest()

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


def arrived(signed: AWSRequest) -> Request:
    """The request as our server would see it."""
    url = urlsplit(signed.url)
    names = {name.lower() for name in signed.headers}
    headers = {name: ",".join(signed.headers.get_all(name)) for name in names}
    headers["host"] = url.netloc
    return Request(signed.method, url.path, url.query, headers, "http", "loopback")


def sign(signer, method, path, query="", headers=(), body=b""):
    url = f"http://127.0.0.1:4580{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, headers=dict(headers), data=body)
    signer.add_auth(request)
    return arrived(request)


def credentials(token=None):
    return Credentials(KEY, SECRET, token)


def accepts(request: Request, body: bytes | None = b"", secret=SECRET, now=None) -> Signed:
    signed = read_signature(request)
    assert signed is not None
    digest = None if body is None else hashlib.sha256(body).hexdigest()
    verify(request, signed, secret, time.time() if now is None else now, digest)
    return signed


def refused(request: Request, body: bytes | None = b"", **how) -> Refusal:
    with pytest.raises(Refusal) as caught:
        accepts(request, body, **how)
    return caught.value


def changed(request: Request, **members) -> Request:
    parts = {name: getattr(request, name) for name in Request.__slots__}
    return Request(**{**parts, **members})


def with_headers(request: Request, **headers) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return changed(request, headers={**request.headers, **named})


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


def test_what_is_not_signed_is_nobodys():
    bare = Request("GET", "/bucket", "", {"host": "x"}, "http", "loopback")
    assert read_signature(bare) is None
    assert (unsigned(bare).code, unsigned(bare).status) == ("AccessDenied", 403)
    json = with_headers(bare, x_amz_target="SageMaker.ListTrainingJobs")
    assert (unsigned(json).code, unsigned(json).status) == ("MissingAuthenticationToken", 403)


def test_unknown_keys_get_the_words_of_their_service():
    def error(service, **headers):
        request = Request("POST", "/", "", headers, "http", "loopback")
        form = Signed(KEY, "us-east-1", service, "0", "v4", "")
        return unknown_key(request, form).code

    assert error("s3") == "InvalidAccessKeyId"
    assert error("sagemaker") == "UnrecognizedClientException"
    query = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert error("sts", **query) == "InvalidClientTokenId"


SCOPE = f"{KEY}/20260101/us-east-1/s3/aws4_request"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer abc", "InvalidRequest"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b", None),
        (f"AWS4-HMAC-SHA256 Credential={SCOPE}, Signature=b", None),
        (f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host", None),
        (f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=a b, Signature=c", None),
        (
            (
                "AWS4-HMAC-SHA256 Credential=k/20260101/../s3/aws4_request,SignedHeaders=host,"
                "Signature=c"
            ),
            None,
        ),
        ("AWS :", "InvalidArgument"),
        ("AWS key", "InvalidArgument"),
    ],
)
def test_broken_headers_are_named(authorization, code):
    headers = {"authorization": authorization, "x-amz-date": "20260101T000000Z"}
    request = Request("GET", "/", "", headers, "http", "loopback")
    with pytest.raises(Refusal) as caught:
        read_signature(request)
    assert caught.value.code == (code or "AuthorizationHeaderMalformed")
    assert caught.value.status == 400
    if code is None:
        json = with_headers(request, content_type="application/x-amz-json-1.1")
        with pytest.raises(Refusal) as caught:
            read_signature(json)
        assert caught.value.code == "IncompleteSignature"


QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": SCOPE,
    "X-Amz-Date": "20260101T000000Z",
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0",
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"X-Amz-Signature": None}, "requires the X-Amz-Algorithm"),
        ({"X-Amz-Expires": None}, "requires the X-Amz-Algorithm"),
        ({"X-Amz-Algorithm": "AWS4-ECDSA"}, "X-Amz-Algorithm only supports"),
        ({"X-Amz-Credential": "key"}, "the Credential is mal-formed"),
        ({"X-Amz-Expires": "604801"}, "less than a week"),
        ({"X-Amz-Expires": "-1"}, "non-negative"),
        ({"X-Amz-Expires": "soon"}, "should be a number"),
        ({"X-Amz-SignedHeaders": "host%0Ax"}, "X-Amz-SignedHeaders"),
    ],
)
def test_broken_presigned_urls_are_named(changes, says):
    given = {name: text for name, text in {**QUERY, **changes}.items() if text is not None}
    query = "&".join(f"{name}={text}" for name, text in given.items())
    with pytest.raises(Refusal, match=says) as caught:
        read_signature(Request("GET", "/b/k", query, {}, "http", "loopback"))
    assert caught.value.code == "AuthorizationQueryParametersError"
    assert caught.value.status == 400


def test_a_presigned_url_lives_as_long_as_it_says():
    signer = S3SigV4QueryAuth(credentials(), "s3", "us-east-1", expires=60)
    request = sign(signer, "GET", "/b/k")
    now = time.time()
    accepts(request, None, now=now + 50)
    accepts(request, None, now=now - 800)
    expired = refused(request, None, now=now + 62)
    assert (expired.code, str(expired)) == ("AccessDenied", "Request has expired")
    assert (expired.status, expired.members["X-Amz-Expires"]) == (403, "60")
    assert str(refused(request, None, now=now - 1000)) == "Request is not yet valid"
    other = sign(SigV4QueryAuth(credentials(), "sts", "us-east-1", expires=60), "GET", "/")
    assert refused(other, now=now + 62).code == "RequestExpired"
    version_2 = sign(HmacV1QueryAuth(credentials(), 60), "GET", "/b/k")
    accepts(version_2, None, now=now + 50)
    assert str(refused(version_2, None, now=now + 62)) == "Request has expired"


def test_a_signed_request_lives_a_quarter_of_an_hour():
    now = time.time()
    s3 = sign(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", "/b/k")
    json = sign(SigV4Auth(credentials(), "logs", "us-east-1"), "POST", "/")
    version_2 = sign(HmacV1Auth(credentials()), "GET", "/b/k")
    for offset in (-890, 890):
        for request in (s3, json, version_2):
            accepts(request, now=now + offset)
    for offset in (-910, 910):
        for request in (s3, version_2):
            skewed = refused(request, now=now + offset)
            assert (skewed.code, skewed.status) == ("RequestTimeTooSkewed", 403)
        assert refused(json, now=now + offset).code == "RequestExpired"


def test_a_date_header_will_do():
    signer = SigV4Auth(credentials(), "logs", "us-east-1")
    request = sign(signer, "POST", "/", headers={"Date": "anything"})
    assert "x-amz-date" not in request.headers
    accepts(request)


@pytest.mark.parametrize(
    ("form", "service", "code"),
    [
        ("v4", "s3", "AccessDenied"),
        ("v4", "logs", "IncompleteSignature"),
        ("v4-query", "s3", "AuthorizationQueryParametersError"),
    ],
)
@pytest.mark.parametrize("timestamp", ["yesterday", "20261332T000000Z", "99999999T999999Z"])
def test_what_is_no_time_is_refused(form, service, code, timestamp):
    signed = Signed(KEY, "us-east-1", service, "0", form, timestamp, "20260101", "host", 60)
    with pytest.raises(Refusal) as caught:
        check_time(signed, time.time())
    assert caught.value.code == code


def test_the_day_of_the_scope_must_be_that_of_the_time():
    request = sign(SigV4Auth(credentials(), "logs", "us-east-1"), "POST", "/")
    signed = read_signature(request)
    assert signed is not None
    scope = request.headers["authorization"].replace(f"/{signed.day}/", "/20200101/")
    error = refused(with_headers(request, authorization=scope))
    assert "Credential scope" in str(error)


def test_headers_that_matter_must_be_signed():
    s3 = sign(S3SigV4QueryAuth(credentials(), "s3", "us-east-1"), "PUT", "/b/k")
    error = refused(with_headers(s3, x_amz_copy_source="/secret/key"))
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.members["HeadersNotSigned"] == "x-amz-copy-source"
    json = sign(SigV4Auth(credentials(), "logs", "us-east-1"), "POST", "/")
    error = refused(with_headers(json, x_amz_target="Logs_20140328.DeleteLogGroup"))
    assert "'x-amz-target' must be a 'SignedHeader'" in str(error)
    no_host = request_without_host(json)
    assert "'host' must be" in str(refused(no_host))


def request_without_host(request: Request) -> Request:
    authorization = request.headers["authorization"].replace(
        "SignedHeaders=host;", "SignedHeaders="
    )
    return with_headers(request, authorization=authorization)


def test_only_s3_streams():
    signer = SigV4Auth(credentials(), "logs", "us-east-1")
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    assert refused(sign(signer, "POST", "/", headers=headers)).code == "InvalidArgument"
    bare = sign(SigV4Auth(credentials(), "s3", "us-east-1"), "PUT", "/b/k")
    assert refused(bare, None).code == "InvalidRequest"  # S3 demands x-amz-content-sha256
    twice = sign(S3SigV4Auth(credentials(), "s3", "us-east-1"), "GET", "/b/k", "X-Amz-Algorithm=x")
    assert refused(twice, None).code == "InvalidArgument"


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_sent_breaks_the_reader(authorization, query):
    assume("\n" not in authorization)
    for prefix in ("", "AWS ", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential="):
        headers = {"authorization": prefix + authorization, "host": "h", "x-amz-date": query}
        for request in (
            Request("GET", "/", query, headers, "http", "loopback"),
            Request("GET", "/", f"X-Amz-Signature={query}", {}, "http", "loopback"),
            Request("GET", "/", f"AWSAccessKeyId=1&Signature={query}", {}, "http", "loopback"),
        ):
            try:
                signed = read_signature(request)
                if signed is not None:
                    verify(request, signed, SECRET, 0.0, EMPTY)
            except Refusal:
                continue
            assert signed is None
