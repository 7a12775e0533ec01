"""Whether a request was signed by the one it says: versions 4 and 2, and the chunks of a body.

What a request claims is read in ``credentials``. Whose secret it is, and whether a signature is
demanded at all, is the gateway's business.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache

from sagelet.aws.canonical import header_names, requests_v4, strings_v2
from sagelet.aws.credentials import (
    V4,
    Signed,
    expired_token,
    parameters,
    query_error,
    read_signature,
    token_of,
    unknown_key,
    unsigned,
    wrong_token,
)
from sagelet.aws.request import Request
from sagelet.domain.errors import Refusal

__all__ = [
    "ChunkVerifier",
    "Signed",
    "check_time",
    "expired_token",
    "read_signature",
    "token_of",
    "unknown_key",
    "unsigned",
    "verify",
    "wrong_token",
]

#: How far a client's clock may be off, in seconds.
SKEW = 15 * 60

_EMPTY = hashlib.sha256(b"").hexdigest()
_UNSIGNED = "UNSIGNED-PAYLOAD"
_STREAMING = frozenset(
    {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    }
)
_SHA256 = re.compile("[0-9a-fA-F]{64}")
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)

_MISMATCH_S3 = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "key and signing method."
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


def verify(
    request: Request, signed: Signed, secret: str, now: float, payload_sha256: str | None
) -> None:
    """Check that the one who has ``secret`` signed this request, lately.

    ``now`` is in epoch seconds. ``payload_sha256`` is the hash of the body in hex where the
    caller has read it; S3 compares the body with x-amz-content-sha256 while it streams.

    Raises:
        Refusal: with AWS's code for what is wrong.
    """
    check_time(signed, now)
    if signed.form in ("v2", "v2-query"):
        _verify_v2(request, signed, secret)
        return
    _check_coverage(request, signed)
    payload = _payload(request, signed, payload_sha256)
    key = _signing_key(secret, signed.day, signed.region, signed.service)
    prefix = f"{V4}\n{_iso(signed)}\n{_scope_of(signed)}\n"
    first = ""
    for canonical in requests_v4(request, signed.headers, payload, s3=signed.service == "s3"):
        text = prefix + hashlib.sha256(canonical.encode()).hexdigest()
        if _same(hmac.digest(key, text.encode(), "sha256").hex(), signed.signature):
            return
        first = first or canonical
    raise _mismatch(signed, prefix + hashlib.sha256(first.encode()).hexdigest(), first)


def _verify_v2(request: Request, signed: Signed, secret: str) -> None:
    given = parameters(request.query) if signed.form == "v2-query" else {}
    first = ""
    for text in strings_v2(request, signed.timestamp, given):
        digest = hmac.digest(secret.encode(), text.encode(), "sha1")
        if _same(b64encode(digest).decode(), signed.signature):
            return
        first = first or text
    raise _mismatch(signed, first)


def check_time(signed: Signed, now: float) -> None:
    """Check that a request, or a presigned URL, is of now.

    Raises:
        Refusal: expired, not yet valid, or not a time.
    """
    s3 = signed.service == "s3"
    if signed.form == "v2-query":
        if now > int(signed.timestamp):
            raise _expired(now, int(signed.timestamp))
        return
    at = _epoch(signed.timestamp)
    if at is None:
        raise _no_time(signed)
    if signed.day and signed.day != _iso(signed)[:8]:
        text = (
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{signed.day}' != '{_iso(signed)[:8]}', from '{signed.timestamp}'."
        )
        raise Refusal("SignatureDoesNotMatch", text, 403)
    if signed.form == "v4-query":
        if now > at + signed.expires:
            if s3:
                raise _expired(now, at + signed.expires, signed.expires)
            raise Refusal("RequestExpired", "Request has expired.", 400)
        if at > now + SKEW:
            raise Refusal("AccessDenied", "Request is not yet valid", 403)
    elif abs(now - at) > SKEW:
        if s3:
            raise Refusal(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                403,
                RequestTime=signed.timestamp,
                ServerTime=_shown(now),
                MaxAllowedSkewMilliseconds=str(SKEW * 1000),
            )
        relation = "now earlier than" if at < now else "still later than"
        limit = now - SKEW if at < now else now + SKEW
        raise Refusal(
            "RequestExpired",
            f"Signature {'expired' if at < now else 'not yet current'}: {_basic(at)} is {relation} "
            f"{_basic(limit)} ({_basic(now)} {'-' if at < now else '+'} 15 min.)",
        )


def _no_time(signed: Signed) -> Refusal:
    if signed.form == "v4-query":
        return query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if signed.service == "s3":
        text = "AWS authentication requires a valid Date or x-amz-date header"
        return Refusal("AccessDenied", text, 403)
    text = (
        f"Date must be in ISO-8601 'basic format'. Got '{signed.timestamp}'. "
        f"See http://en.wikipedia.org/wiki/ISO_8601"
    )
    return Refusal("IncompleteSignature", text)


def _expired(now: float, end: float, life: int | None = None) -> Refusal:
    members = {"Expires": _shown(end), "ServerTime": _shown(now)}
    if life is not None:
        members["X-Amz-Expires"] = str(life)
    return Refusal("AccessDenied", "Request has expired", 403, **members)


def _check_coverage(request: Request, signed: Signed) -> None:
    """The headers that decide what a request means must be among the signed ones."""
    names = header_names(signed.headers)
    missing = [
        name
        for name in request.headers
        if name.startswith("x-amz-") and name not in names and name != "x-amz-content-sha256"
    ]
    if "host" not in names:
        missing.insert(0, "host")
    if not missing:
        return
    if signed.service == "s3":
        raise Refusal(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            403,
            HeadersNotSigned=", ".join(missing),
        )
    text = f"'{missing[0]}' must be a 'SignedHeader' in the AWS Authorization."
    raise Refusal("SignatureDoesNotMatch", text, 403)


def _payload(request: Request, signed: Signed, computed: str | None) -> str:
    """The payload's line of the canonical request."""
    s3 = signed.service == "s3"
    said = request.headers.get("x-amz-content-sha256")
    if signed.form == "v4-query":
        if not s3:
            return computed or _EMPTY
        said = parameters(request.query).get("X-Amz-Content-Sha256") or said or _UNSIGNED
    if said is None:
        if s3 and computed is None:
            text = "Missing required header for this request: x-amz-content-sha256"
            raise Refusal("InvalidRequest", text)
        return computed or _EMPTY
    if _SHA256.fullmatch(said):
        if computed is not None and said.lower() != computed:
            if not s3:
                raise Refusal("SignatureDoesNotMatch", _MISMATCH, 403)
            raise Refusal(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=said,
                S3ComputedContentSHA256=computed,
            )
    elif said != _UNSIGNED and not (s3 and said in _STREAMING):
        raise Refusal(
            "InvalidArgument",
            f"x-amz-content-sha256 must be {_UNSIGNED}, {', '.join(sorted(_STREAMING))} or a "
            f"valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=said,
        )
    return said


def _mismatch(signed: Signed, text: str, canonical: str | None = None) -> Refusal:
    if signed.service != "s3":
        return Refusal("SignatureDoesNotMatch", _MISMATCH, 403)
    members = {
        "AWSAccessKeyId": signed.access_key,
        "StringToSign": text,
        "SignatureProvided": signed.signature,
    }
    if canonical is not None:
        members["CanonicalRequest"] = canonical
    return Refusal("SignatureDoesNotMatch", _MISMATCH_S3, 403, **members)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


@lru_cache(maxsize=256)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _scope_of(signed: Signed) -> str:
    return f"{signed.day}/{signed.region}/{signed.service}/aws4_request"


def _iso(signed: Signed) -> str:
    """The time as it stands in what was signed."""
    if _TIMESTAMP.fullmatch(signed.timestamp):
        return signed.timestamp
    return _basic(_epoch(signed.timestamp) or 0)


@lru_cache(maxsize=256)
def _epoch(timestamp: str) -> float | None:
    """Epoch seconds of an ISO 8601 basic time or of a Date header."""
    try:
        if _TIMESTAMP.fullmatch(timestamp):
            return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(timestamp).timestamp()
    except (ValueError, OverflowError):
        return None


def _basic(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ChunkVerifier:
    """The signatures of the chunks of one body, in order: each covers the one before it."""

    def __init__(self, signed: Signed, secret: str) -> None:
        self._signed = signed
        self._key = _signing_key(secret, signed.day, signed.region, signed.service)
        self._place = f"{_iso(signed)}\n{_scope_of(signed)}"
        self._previous = signed.signature

    def check(self, signature: str, chunk: bytes) -> None:
        """Check the next chunk; the last one is empty.

        Raises:
            Refusal: SignatureDoesNotMatch.
        """
        self.check_hash(signature, hashlib.sha256(chunk).hexdigest())

    def check_hash(self, signature: str, chunk_sha256: str) -> None:
        """Check the next chunk by the hash of its bytes, in hex.

        Raises:
            Refusal: SignatureDoesNotMatch.
        """
        self._check("AWS4-HMAC-SHA256-PAYLOAD", signature, f"{_EMPTY}\n{chunk_sha256}")

    def check_trailer(self, signature: str, trailer: bytes) -> None:
        r"""Check the headers after the last chunk, each as ``name:value\n``.

        Raises:
            Refusal: SignatureDoesNotMatch.
        """
        digest = hashlib.sha256(trailer).hexdigest()
        self._check("AWS4-HMAC-SHA256-TRAILER", signature, digest)

    def _check(self, kind: str, signature: str, content: str) -> None:
        text = f"{kind}\n{self._place}\n{self._previous}\n{content}"
        if not _same(hmac.digest(self._key, text.encode(), "sha256").hex(), signature):
            raise _mismatch(self._signed, text)
        self._previous = signature
