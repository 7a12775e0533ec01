"""Bodies of requests: read piece by piece, checked against what the head says, kept in a draft.

Reading is on the event loop; writing and hashing are done by threads, a batch behind it.
"""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from sagelet.aws import checksums
from sagelet.aws.chunked import Chunked, Verifier
from sagelet.domain.errors import Refusal
from sagelet.domain.objects import MAX_PUT
from sagelet.store.blobs import Blobs, Draft

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_LENGTH = re.compile(r"\d{1,19}", re.ASCII)
_SHA256 = "x-amz-content-sha256"
_DIGITS = frozenset("0123456789abcdefABCDEF")
_STREAMING = "STREAMING-"


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


class Body:
    """One request's body as it comes. ``size``: bytes of payload that the head promises."""

    def __init__(
        self, headers: Mapping[str, str], receive: Receive, verifier: Verifier | None
    ) -> None:
        self._receive = receive
        self._chunked: Chunked | None = None
        length = headers.get("content-length")
        if headers.get(_SHA256, "").startswith(_STREAMING) or "aws-chunked" in headers.get(
            "content-encoding", ""
        ):
            self._chunked = Chunked(verifier)
            length = headers.get("x-amz-decoded-content-length")
        if length is None and "transfer-encoding" in headers:
            raise _missing_length()
        if length is not None and not _LENGTH.fullmatch(length):
            raise Refusal("InvalidArgument", f"'{length}' is not the length of a body.")
        self.size = None if length is None else int(length)

    @property
    def trailers(self) -> Mapping[str, str]:
        """What came behind an aws-chunked body."""
        return self._chunked.trailers if self._chunked else {}

    async def pieces(self) -> AsyncIterator[bytes]:
        """The payload, as it comes.

        Raises:
            ClientGone: it ended early.
            Refusal: it is not as the head says.
        """
        seen, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            data = message.get("body", b"")
            for piece in self._chunked.feed(data) if self._chunked else (data,):
                seen += len(piece)
                if self.size is not None and seen > self.size:
                    raise _incomplete()
                yield piece
        if (self._chunked and not self._chunked.complete) or seen != (self.size or 0):
            raise _incomplete()


def _missing_length() -> Refusal:
    text = "You must provide the Content-Length HTTP header."
    return Refusal("MissingContentLength", text, 411)


def _incomplete() -> Refusal:
    return Refusal(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


class Digests:
    """What is to be known of a body: its MD5, and what its head or trailers give a value of."""

    def __init__(
        self, headers: Mapping[str, str], also: Sequence[str] = (), *, checksummed: bool = True
    ) -> None:
        """``also``: further algorithms to compute; ``checksummed``: headers are of this body.

        Raises:
            Refusal: InvalidDigest, InvalidRequest: the head is wrong.
        """
        self._md5_given = _content_md5(headers.get("content-md5"))
        sha256 = headers.get(_SHA256, "")
        self._sha256_given = (
            sha256.lower() if len(sha256) == 64 and _DIGITS.issuperset(sha256) else None
        )
        self.given: dict[str, str] = {}
        self._trailing: list[str] = []
        if checksummed:
            self._read_checksums(headers)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if self._sha256_given else None
        self._running = {
            name: checksums.start(name)
            for name in dict.fromkeys((*self.given, *self._trailing, *also))
        }
        self.values: dict[str, str] = {}

    def _read_checksums(self, headers: Mapping[str, str]) -> None:
        for name in checksums.ALGORITHMS:
            value = headers.get(f"x-amz-checksum-{name.lower()}")
            if value is not None:
                self.given[name] = _checked(name, value)
        self._trailing = _trailing(headers)
        if len(self.given) + len(self._trailing) > 1:
            raise Refusal(
                "InvalidRequest",
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not"
                " allowed.",
            )
        if "x-amz-sdk-checksum-algorithm" in headers and not self.given and not self._trailing:
            raise Refusal(
                "InvalidRequest",
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or"
                " x-amz-trailer headers were found.",
            )

    @property
    def etag(self) -> str:
        """The MD5 in hex."""
        return self._md5.hexdigest()

    @property
    def named(self) -> str | None:
        """The checksum algorithm the client chose."""
        return next(iter((*self.given, *self._trailing)), None)

    def update(self, data: bytes) -> None:
        """Take more."""
        self._md5.update(data)
        if self._sha256:
            self._sha256.update(data)
        for running in self._running.values():
            running.update(data)

    def check(self, trailers: Mapping[str, str]) -> None:
        """Compare all with what the client says; ``values`` are known then.

        Raises:
            Refusal: BadDigest, XAmzContentSHA256Mismatch, InvalidRequest.
        """
        if self._md5_given is not None and self._md5.digest() != self._md5_given:
            raise Refusal(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
                CalculatedDigest=checksums.text(self._md5.digest()),
                ExpectedDigest=checksums.text(self._md5_given),
            )
        if self._sha256 and self._sha256.hexdigest() != self._sha256_given:
            raise Refusal(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=self._sha256_given or "",
                S3ComputedContentSHA256=self._sha256.hexdigest(),
            )
        given = dict(self.given)
        for name in self._trailing:
            value = trailers.get(f"x-amz-checksum-{name.lower()}")
            if value is None:
                raise Refusal(
                    "MalformedTrailerError", "The request contained trailing data that was not"
                    " well-formed or did not conform to our published schema."
                )  # fmt: skip
            given[name] = _checked(name, value)
        self.values = {
            name: checksums.text(running.digest()) for name, running in self._running.items()
        }
        for name, value in given.items():
            if value != self.values[name]:
                raise Refusal(
                    "BadDigest",
                    f"The {name} you specified did not match the calculated checksum.",
                )


def _checked(name: str, value: str) -> str:
    if not checksums.is_value(name, value):
        raise Refusal(
            "InvalidRequest", f"Value for x-amz-checksum-{name.lower()} header is invalid."
        )
    return value


def _trailing(headers: Mapping[str, str]) -> list[str]:
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")]
    found = [name for name in checksums.ALGORITHMS if f"x-amz-checksum-{name.lower()}" in names]
    if any(names) and not found:
        raise Refusal(
            "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"
        )
    return found


def _content_md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        digest = b64decode(value, validate=True)
    except (Base64Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise Refusal("InvalidDigest", "The Content-MD5 you specified was invalid.")
    return digest


class Intake:
    """A body on its way into a draft. Its methods block, and are called one after the other."""

    def __init__(self, blobs: Blobs, body: Body, digests: Digests) -> None:
        if body.size is None:
            raise _missing_length()
        if body.size > MAX_PUT:
            raise Refusal(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(body.size),
                MaxSizeAllowed=str(MAX_PUT),
            )
        self._blobs = blobs
        self._body = body
        self._draft: Draft | None = None
        self._rest: Sequence[bytes] = ()
        self.digests = digests

    def take(self, pieces: Sequence[bytes]) -> None:
        """Write and hash.

        Raises:
            OSError: the disk is full, say.
        """
        if self._draft is None:
            self._draft = self._blobs.draft()
        for piece in pieces:
            self._draft.write(piece)
            self.digests.update(piece)

    def leave(self, pieces: Sequence[bytes]) -> None:
        """The last pieces, for ``finish`` to take."""
        self._rest = pieces

    def finish(self) -> Draft:
        """Take the rest and check all; the draft is the caller's then.

        Raises:
            Refusal: the body is not what the client says it is.
            OSError: it cannot be written.
        """
        self.take(self._rest)
        self.digests.check(self._body.trailers)
        draft, self._draft = self._draft, None
        if draft is None:
            raise RuntimeError("a body is finished once")
        return draft

    def discard(self) -> None:
        """Delete what was written and not finished."""
        if self._draft is not None:
            self._draft.discard()
            self._draft = None
