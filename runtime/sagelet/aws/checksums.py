"""The checksums S3 clients send: computed over pieces, of parts, of parts put together.

Values are base64 text. What is in the standard library is taken from there, the rest from awscrt,
which is imported when first needed.
"""

import hashlib
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import Any, Protocol

#: S3's names, in the order in which one of many is looked for. The member of the service model
#: is ``Checksum<name>``, the header ``x-amz-checksum-<name in lower case>``.
ALGORITHMS = (
    "CRC32",
    "CRC32C",
    "CRC64NVME",
    "SHA256",
    "SHA1",
    "SHA512",
    "MD5",
    "XXHASH64",
    "XXHASH3",
    "XXHASH128",
)

#: Those whose value for a whole can be had from its parts' values.
LINEAR = frozenset({"CRC32", "CRC32C", "CRC64NVME"})

_XXHASHES = {
    "XXHASH64": "new_xxhash64",
    "XXHASH3": "new_xxhash3_64",
    "XXHASH128": "new_xxhash3_128",
}


class Running(Protocol):
    """A checksum in the making."""

    def update(self, data: bytes) -> None:
        """Take more."""

    def digest(self) -> bytes:
        """The value of all taken."""


class _Crc:
    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _XxHash:
    def __init__(self, native: Any) -> None:
        self._native = native
        self.update = native.update
        self.digest = native.finalize


def start(algorithm: str) -> Running:
    """A new checksum of one of ALGORITHMS."""
    if algorithm == "CRC32":
        return _Crc(zlib.crc32, 4)
    if algorithm in ("SHA256", "SHA1", "SHA512", "MD5"):
        return hashlib.new(algorithm.lower(), usedforsecurity=False)
    from awscrt import checksums

    if algorithm in _XXHASHES:
        return _XxHash(getattr(checksums.XXHash, _XXHASHES[algorithm])())
    if algorithm == "CRC32C":
        return _Crc(checksums.crc32c, 4)
    return _Crc(checksums.crc64nvme, 8)


def text(digest: bytes) -> str:
    """A value as clients write it."""
    return b64encode(digest).decode()


def is_value(algorithm: str, value: str) -> bool:
    """Whether ``value`` can be a value of ``algorithm`` at all."""
    try:
        digest = b64decode(value, validate=True)
    except (Base64Error, ValueError):
        return False
    return len(digest) == len(start(algorithm).digest())


def composite(algorithm: str, values: Sequence[str]) -> str:
    """The checksum of the parts' checksums."""
    running = start(algorithm)
    for value in values:
        running.update(b64decode(value))
    return f"{text(running.digest())}-{len(values)}"


def whole(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """The checksum of an object whose parts have these checksums and sizes in bytes (LINEAR)."""
    from awscrt import checksums

    combine = getattr(checksums, f"combine_{algorithm.lower()}")
    size = 8 if algorithm == "CRC64NVME" else 4
    value = 0
    for part, length in parts:
        value = combine(value, int.from_bytes(b64decode(part), "big"), length)
    return text(value.to_bytes(size, "big"))
