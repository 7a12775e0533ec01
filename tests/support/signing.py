"""Requests that botocore signed, as our server would see them, and whether we accept them."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import BaseSigner
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagelet.aws.request import Request
from sagelet.aws.signature import Signed, read_signature, verify
from sagelet.domain.errors import Refusal

KEY, SECRET = "AKIDEXAMPLE", "a/secret+with=signs"


def arrived(signed: AWSRequest) -> Request:
    """The request as our server would see it."""
    url = urlsplit(signed.url)
    names = {name.lower() for name in signed.headers}
    headers = {name: ",".join(signed.headers.get_all(name)) for name in names}
    headers["host"] = url.netloc
    return Request(signed.method, url.path, url.query, headers, "http", "loopback")


def sign(
    signer: BaseSigner,
    method: str,
    path: str,
    query: str = "",
    headers: Mapping[str, str] | tuple[()] = (),
    body: bytes = b"",
) -> Request:
    url = f"http://127.0.0.1:4580{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, headers=dict(headers), data=body)
    signer.add_auth(request)
    return arrived(request)


def credentials(token: str | None = None) -> Credentials:
    return Credentials(KEY, SECRET, token)


def accepts(
    request: Request, body: bytes | None = b"", secret: str = SECRET, now: float | None = None
) -> Signed:
    """What the signature says; ``body`` None: it is not looked at yet."""
    signed = read_signature(request)
    assert signed is not None
    digest = None if body is None else hashlib.sha256(body).hexdigest()
    verify(request, signed, secret, time.time() if now is None else now, digest)
    return signed


def refused(request: Request, body: bytes | None = b"", **how: Any) -> Refusal:
    """As what a signature is refused."""
    with pytest.raises(Refusal) as caught:
        accepts(request, body, **how)
    return caught.value


def changed(request: Request, **members: Any) -> Request:
    parts = {name: getattr(request, name) for name in Request.__slots__}
    return Request(**{**parts, **members})


def with_headers(request: Request, **headers: str) -> Request:
    """The request with more headers, or others; ``_`` in a name is ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return changed(request, headers={**request.headers, **named})
