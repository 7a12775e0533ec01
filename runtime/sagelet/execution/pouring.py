"""Bytes from files into pipes: moved inside the kernel, unpacked on the way, written whole.

Standard library only: the feeder runs it.
"""

from __future__ import annotations

import errno
import os
import zlib

TYPE_CHECKING = False  # typing itself takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20

#: How much of a packed file is unpacked at once, in bytes: a thousand times as much may come out.
_PACKED = 32 << 10

#: What splice(2) says where it cannot: the file system or a sandbox does not do it.
_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


class Bad(Exception):
    """Data that cannot be streamed; the text names it."""


def copy(source: int, writer: int, length: int) -> None:
    """Move bytes of a file into a pipe inside the kernel, or by hand where it cannot.

    Raises:
        Bad: the file has fewer.
        BrokenPipeError: the reader left.
    """
    by_hand = False
    while length:
        moved = 0
        if not by_hand:
            try:
                moved = os.splice(source, writer, min(length, _CHUNK))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                by_hand = True
        if by_hand:
            data = os.read(source, min(length, _CHUNK))
            write_all(writer, data)
            moved = len(data)
        if not moved:
            raise Bad("it got shorter while it was streamed")
        length -= moved


def write_all(writer: int, data: bytes) -> None:
    """Write all of it.

    Raises:
        BrokenPipeError: the reader left.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(writer, view) :]


def unpacked(source: int) -> Iterator[bytes]:
    """What a gzip file holds, from all of its members.

    Raises:
        zlib.error: it is none, or is cut short.
    """
    whole = False
    decoder = zlib.decompressobj(31)
    while data := os.read(source, _PACKED):
        while data:
            if whole:
                data = data.lstrip(b"\0")  # tapes and disks pad with zeros
                if not data:
                    break
                decoder, whole = zlib.decompressobj(31), False
            piece = decoder.decompress(data)
            if piece:
                yield piece
            whole, data = decoder.eof, decoder.unused_data
    if not whole:
        raise zlib.error("it ends too early")
