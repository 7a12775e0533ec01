"""Who a request says has signed it: version 4 (header, presigned) and S3's version 2 (likewise).

Nothing is verified here; that is ``signature``'s part.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

from sagelet.aws.canonical import header_names
from sagelet.aws.request import Request
from sagelet.domain.errors import Refusal

#: The one algorithm of version 4 that is served.
V4 = "AWS4-HMAC-SHA256"
#: The longest life of a presigned URL, in seconds: a week.
LONGEST = 604_800

_DAY = re.compile(r"\d{8}", re.ASCII)
#: A region becomes a folder's name: nothing that could be a path.
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_USUAL = re.compile(" Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([^, ]+)")
_EXPECTING = 'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'

Form = Literal["v4", "v4-query", "v2", "v2-query"]


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request claims about its signer; nothing of it is verified."""

    access_key: str
    region: str
    service: str
    signature: str
    form: Form
    timestamp: str  # X-Amz-Date, Date or (v2-query) Expires, as sent
    day: str = ""  # of the credential scope
    headers: str = ""  # SignedHeaders
    expires: int = 0  # seconds that a v4-query one lives


def read_signature(request: Request) -> Signed | None:
    """Who a request says has signed it, or None when nobody does.

    Raises:
        Refusal: there is a signature and it is malformed.
    """
    authorization = request.headers.get("authorization")
    query = request.query
    if authorization is not None:
        if "X-Amz-Algorithm=" in query:
            raise Refusal(
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                "Signature query string parameter or the Authorization header should be specified",
            )
        if authorization.startswith(V4):
            return _from_header(request, authorization)
        if authorization.startswith("AWS "):
            return _from_header_v2(request, authorization)
        raise Refusal(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use "
            "AWS4-HMAC-SHA256.",
        )
    if "X-Amz-Algorithm=" in query or "X-Amz-Signature=" in query:
        return _from_query(parameters(query))
    if "AWSAccessKeyId=" in query and "Signature=" in query:
        return _from_query_v2(parameters(query))
    return None


def parameters(query: str) -> dict[str, str]:
    """The parameters of a query string, decoded; the first of repeated ones."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name), unquote(value))
    return found


def _from_header(request: Request, authorization: str) -> Signed:
    credential, names, signature = _parts(authorization[len(V4) :])
    headers = request.headers
    timestamp = headers.get("x-amz-date") or headers.get("date") or ""
    if not (credential and header_names(names) and signature and timestamp):
        raise _incomplete(request, credential, names, signature)
    scope = _scope(credential)
    if scope is None:
        raise _malformed(request, f"the Credential is mal-formed; {_EXPECTING}")
    key, day, region, service = scope
    return Signed(key, region, service, signature, "v4", timestamp, day, names)


def _parts(text: str) -> tuple[str, str, str]:
    """Credential, SignedHeaders and Signature of an Authorization header."""
    usual = _USUAL.fullmatch(text)
    if usual:
        return usual[1], usual[2], usual[3]
    pairs = (part.strip().partition("=") for part in text.split(","))
    given = {name: value for name, _, value in pairs}
    return given.get("Credential", ""), given.get("SignedHeaders", ""), given.get("Signature", "")


def _incomplete(request: Request, credential: str, names: str, signature: str) -> Refusal:
    wanting = []
    if not credential:
        wanting.append("'Credential' parameter")
    if not signature:
        wanting.append("'Signature' parameter")
    if not header_names(names):
        wanting.append("'SignedHeaders' parameter")
    if not wanting:
        wanting.append("existence of either a 'X-Amz-Date' or a 'Date' header")
    text = " ".join(f"Authorization header requires {what}." for what in wanting)
    return _malformed(request, text)


def _malformed(request: Request, text: str) -> Refusal:
    if speaks_s3(request):
        text = f"The authorization header is malformed; {text}"
        return Refusal("AuthorizationHeaderMalformed", text)
    return Refusal("IncompleteSignature", text)


def speaks_s3(request: Request) -> bool:
    """Whether a request whose service is not known looks like one to S3."""
    kind = request.headers.get("content-type", "")
    return "x-amz-target" not in request.headers and not kind.startswith(
        ("application/x-amz-", "application/x-www-form-urlencoded")
    )


@lru_cache(maxsize=256)
def _scope(credential: str) -> tuple[str, str, str, str] | None:
    """Access key, day, region and service of a credential."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5:
        return None
    key, day, region, service, end = parts
    sound = (
        key
        and len(key) <= 128
        and key.isprintable()
        and _DAY.fullmatch(day)
        and _NAME.fullmatch(region)
        and _NAME.fullmatch(service)
        and end == "aws4_request"
    )
    return (key, day, region, service) if sound else None


def _from_query(given: Mapping[str, str]) -> Signed:
    names = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
    if not all(given.get(f"X-Amz-{name}") for name in names):
        raise query_error(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters."
        )
    if given["X-Amz-Algorithm"] != V4:
        raise query_error(f'X-Amz-Algorithm only supports "{V4}"')
    scope = _scope(given["X-Amz-Credential"])
    if scope is None:
        raise query_error(
            f"Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
            f"{_EXPECTING}"
        )
    if not header_names(given["X-Amz-SignedHeaders"]):
        raise query_error("Error parsing the X-Amz-SignedHeaders parameter")
    access_key, day, region, service = scope
    return Signed(
        access_key,
        region,
        service,
        given["X-Amz-Signature"],
        "v4-query",
        given["X-Amz-Date"],
        day,
        given["X-Amz-SignedHeaders"],
        _life(given["X-Amz-Expires"]),
    )


def _life(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise query_error("X-Amz-Expires should be a number")
    life = int(text)
    if life < 0:
        raise query_error("X-Amz-Expires must be non-negative")
    if life > LONGEST:
        raise query_error(
            f"X-Amz-Expires must be less than a week (in seconds); that is, the given "
            f"X-Amz-Expires must be less than {LONGEST} seconds"
        )
    return life


def query_error(text: str) -> Refusal:
    """A presigned URL that is malformed."""
    return Refusal("AuthorizationQueryParametersError", text)


def _from_header_v2(request: Request, authorization: str) -> Signed:
    access_key, colon, signature = authorization[4:].strip().partition(":")
    headers = request.headers
    timestamp = headers.get("x-amz-date") or headers.get("date") or ""
    if not (access_key and colon and signature):
        raise Refusal(
            "InvalidArgument",
            "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
        )
    if not timestamp:
        raise Refusal(
            "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403
        )
    return Signed(access_key, "us-east-1", "s3", signature, "v2", timestamp)


def _from_query_v2(given: Mapping[str, str]) -> Signed:
    expires = given.get("Expires", "")
    if not re.fullmatch(r"\d{1,18}", expires, re.ASCII):
        raise Refusal(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters",
            403,
        )
    key = given.get("AWSAccessKeyId", "")
    return Signed(key, "us-east-1", "s3", given.get("Signature", ""), "v2-query", expires)


def token_of(request: Request, signed: Signed) -> str | None:
    """The session token that comes with temporary credentials."""
    if signed.form == "v4-query":
        return parameters(request.query).get("X-Amz-Security-Token")
    if signed.form == "v2-query":
        return parameters(request.query).get("x-amz-security-token")
    return request.headers.get("x-amz-security-token")


def unsigned(request: Request) -> Refusal:
    """What to answer when a signature is demanded and there is none."""
    if speaks_s3(request):
        return Refusal("AccessDenied", "Access Denied", 403)
    text = "Request is missing Authentication Token"
    return Refusal("MissingAuthenticationToken", text, 403)


def unknown_key(request: Request, signed: Signed) -> Refusal:
    """What to answer when nobody has that access key."""
    if signed.service == "s3":
        text = "The AWS Access Key Id you provided does not exist in our records."
        return Refusal("InvalidAccessKeyId", text, 403, AWSAccessKeyId=signed.access_key)
    return _invalid_token(request)


def wrong_token(request: Request, signed: Signed) -> Refusal:
    """What to answer when the session token is not the one that belongs to the access key."""
    if signed.service == "s3":
        text = "The provided token is malformed or otherwise invalid."
        return Refusal("InvalidToken", text, 400)
    return _invalid_token(request)


def expired_token(request: Request, signed: Signed) -> Refusal:
    """What to answer when the time of temporary credentials is over."""
    if signed.service == "s3":
        return Refusal("ExpiredToken", "The provided token has expired.", 400)
    code = "ExpiredToken" if _is_query(request) else "ExpiredTokenException"
    return Refusal(code, "The security token included in the request is expired", 403)


def _invalid_token(request: Request) -> Refusal:
    code = "InvalidClientTokenId" if _is_query(request) else "UnrecognizedClientException"
    return Refusal(code, "The security token included in the request is invalid.", 403)


def _is_query(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    return kind.startswith("application/x-www-form-urlencoded")
