"""Signatures that are refused in AWS's words: broken, out of their time, of too little."""

import hashlib
import time

import pytest
from botocore.auth import (
    HmacV1Auth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from sagelet.aws.request import Request
from sagelet.aws.signature import (
    Signed,
    check_time,
    read_signature,
    unknown_key,
    unsigned,
    verify,
)
from sagelet.domain.errors import Refusal
from support.signing import KEY, SECRET, accepts, credentials, refused, sign, with_headers

EMPTY = hashlib.sha256(b"").hexdigest()


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
