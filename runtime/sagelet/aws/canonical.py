"""What a client signed, rebuilt from the request as it arrived: canonical requests and resources.

Pure text; keys, clocks and refusals are in ``signature``.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, unquote, unquote_plus

from sagelet.aws.request import Request

#: A list of header names, lower case, with semicolons between: nothing that could end a line.
_HEADER_NAMES = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+(;[a-z0-9!#$%&'*+.^_`|~-]+)*")

#: The query parameters of S3 that a signature of version 2 covers.
_SUBRESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)


@lru_cache(maxsize=256)
def header_names(text: str) -> tuple[str, ...]:
    """The names in a SignedHeaders list; empty when it is no such list."""
    return tuple(text.split(";")) if _HEADER_NAMES.fullmatch(text) else ()


def requests_v4(request: Request, signed_headers: str, payload: str, *, s3: bool) -> Iterator[str]:
    """The canonical requests that mean this request, likeliest first.

    Clients differ in what they percent-encode: first as it was sent, then as AWS normalises it.
    Both decode to the same path and query. Header values beyond ASCII are taken as the bytes sent
    and as the text that Latin-1 makes of them.
    """
    path = request.path or "/"
    query = [pair for pair in request.query.split("&") if pair] if request.query else []
    query = [pair for pair in query if not pair.startswith("X-Amz-Signature=")]
    sent = _query(query)
    names = header_names(signed_headers)
    lines = "\n".join(f"{name}:{_trimmed(request.headers.get(name, ''))}" for name in names)
    tail = f"{lines}\n\n{signed_headers}\n{payload}"
    head = f"{path if s3 else _twice_encoded(path)}\n{sent}"
    yield f"{request.method}\n{head}\n{tail}"
    if not lines.isascii():
        yield f"{request.method}\n{head}\n{_as_bytes_sent(lines)}\n\n{signed_headers}\n{payload}"
    once = quote(unquote(path), safe="/~")
    normal = _query([_normal(pair) for pair in query])
    other = f"{once if s3 else _twice_encoded(once)}\n{normal}"
    if other != head:
        yield f"{request.method}\n{other}\n{tail}"


def _query(pairs: list[str]) -> str:
    if not pairs:
        return ""
    split = [(name, value) for name, _, value in (pair.partition("=") for pair in pairs)]
    return "&".join(f"{name}={value}" for name, value in sorted(split))


def _normal(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{quote(unquote_plus(name), safe='~')}={quote(unquote_plus(value), safe='~')}"


def _twice_encoded(path: str) -> str:
    """Every service but S3: dots and empty segments resolved, then encoded once more."""
    if path == "/":
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    last = "/" if path.endswith("/") and kept else ""
    return quote("/" + "/".join(kept) + last, safe="/~")


def _trimmed(value: str) -> str:
    """One space for many, and none at the ends."""
    if "  " not in value and "\t" not in value:
        return value.strip(" ")
    return " ".join(word for word in value.replace("\t", " ").split(" ") if word)


def _as_bytes_sent(text: str) -> str:
    """Text whose UTF-8 is the bytes that were decoded as Latin-1, when that is what they were."""
    return text.encode("latin-1").decode("utf-8", "replace")


def strings_v2(request: Request, date: str, parameters: Mapping[str, str]) -> Iterator[str]:
    """What S3 clients of version 2 sign, likeliest first; ``date`` is Date or Expires as sent.

    A presigned URL may carry headers (x-amz-*, Content-Type, Content-MD5) among its parameters.
    A bucket's path may be signed with a slash that is not sent.
    """
    headers = request.headers
    amazon = {
        name: value.strip()
        for given in (parameters, headers)
        for name, value in given.items()
        if name.startswith("x-amz-")
    }
    plain = [
        (headers.get(name) or parameters.get(name, "")).strip()
        for name in ("content-md5", "content-type")
    ]
    lines = [request.method, *plain, "" if "x-amz-date" in amazon else date]
    lines += [f"{name}:{amazon[name]}" for name in sorted(amazon)]
    head, subresources = "\n".join(lines), _subresources(request.query)
    yield f"{head}\n{request.path}{subresources}"
    if "/" not in request.path[1:]:
        yield f"{head}\n{request.path}/{subresources}"


def _subresources(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&")]
    covered = [
        (name, unquote(value) if equals else None)
        for name, equals, value in pairs
        if name in _SUBRESOURCES
    ]
    covered.sort(key=lambda pair: pair[0])
    listed = "&".join(name if value is None else f"{name}={value}" for name, value in covered)
    return f"?{listed}" if covered else ""
