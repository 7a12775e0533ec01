r"""aws-chunked bodies: ``<hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n`` and so on, trailers.

Bytes go in as they come from the network; the payload comes out. Signatures are checked by whom
the caller says.
"""

import hashlib
from collections.abc import Iterator
from typing import Protocol

from sagelet.domain.errors import Refusal

#: Longest line (a chunk's head, a trailer), in bytes.
_MAX_LINE = 16 * 1024

_SIGNATURE = "chunk-signature="
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class Verifier(Protocol):
    """``sagelet.aws.signature.ChunkVerifier``."""

    def check_hash(self, signature: str, chunk_sha256: str) -> None:
        """Check the next chunk by the hash of its bytes, in hex."""

    def check_trailer(self, signature: str, trailer: bytes) -> None:
        r"""Check the headers after the last chunk, each as ``name:value\n``."""


class Chunked:
    """The decoder of one body. ``trailers`` are there when it is ``complete``."""

    def __init__(self, verifier: Verifier | None) -> None:
        self._verifier = verifier
        self._buffer = bytearray()
        self._left = 0  # bytes of the current chunk still to come
        self._state = _HEAD
        self._signature = ""
        self._hash = hashlib.sha256()
        self._signed_trailers = bytearray()
        self._trailer_signature: str | None = None
        self.trailers: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether the body has come to its end."""
        return self._state == _DONE

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the body; yields the payload in it.

        Raises:
            Refusal: it is not well formed, or a signature is wrong.
        """
        self._buffer += data
        while True:
            if self._state == _DATA:
                piece = bytes(self._buffer[: self._left])
                if not piece:
                    return
                del self._buffer[: len(piece)]
                self._left -= len(piece)
                if self._verifier:
                    self._hash.update(piece)
                yield piece
                if not self._left:
                    self._end_chunk()
                    self._state = _BREAK
                continue
            line = self._line()
            if line is None:
                return
            if self._state == _HEAD:
                self._begin_chunk(line)
            elif self._state == _BREAK:
                if line:
                    raise _malformed("a chunk is longer than its size says")
                self._state = _HEAD
            elif self._state == _TRAILERS:
                self._trailer(line)

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, _MAX_LINE)
        if end < 0:
            if len(self._buffer) >= _MAX_LINE:
                raise _malformed("a line is too long")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _begin_chunk(self, line: bytes) -> None:
        size, _, extension = line.decode("latin-1").partition(";")
        try:
            self._left = int(size, 16)
        except ValueError:
            raise _malformed(f"'{size[:20]}' is not the size of a chunk") from None
        if self._left < 0:
            raise _malformed("a chunk has a size below zero")
        self._signature = extension.strip().removeprefix(_SIGNATURE)
        self._hash = hashlib.sha256()
        if self._left:
            self._state = _DATA
        else:
            self._end_chunk()
            self._state = _TRAILERS

    def _end_chunk(self) -> None:
        if self._verifier:
            self._verifier.check_hash(self._signature, self._hash.hexdigest())

    def _trailer(self, line: bytes) -> None:
        if not line:
            if self._verifier and self.trailers:
                if self._trailer_signature is None:
                    raise _malformed("its trailers are not signed")
                self._verifier.check_trailer(self._trailer_signature, bytes(self._signed_trailers))
            self._state = _DONE
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            raise _malformed("a trailer has no colon")
        if name == _TRAILER_SIGNATURE:
            self._trailer_signature = value
            return
        if len(self._signed_trailers) > _MAX_LINE:
            raise _malformed("there are too many trailers")
        self._signed_trailers += f"{name}:{value}\n".encode()
        self.trailers[name] = value


_HEAD, _DATA, _BREAK, _TRAILERS, _DONE = range(5)


def _malformed(why: str) -> Refusal:
    return Refusal("InvalidRequest", f"The body is not aws-chunked as the headers say: {why}.")
