"""RecordIO: the frame around each record of a Pipe channel with RecordWrapperType RecordIO.

A record is a little-endian header of two words, magic and length, then its bytes, padded with
zeros to a multiple of four. The three highest bits of the length say whether this is a whole record
or the first, a middle or the last part of one that is too long for the other 29.
"""

import struct
from collections.abc import Iterator

MAGIC = 0xCED7230A

#: The longest part: the most that 29 bits hold and that needs no padding, in bytes.
PART = (1 << 29) - 4

_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


def frames(length: int, longest: int = PART) -> Iterator[tuple[bytes, int, bytes]]:
    """The parts of a record of ``length`` bytes: header, how many of its bytes, padding."""
    at = 0
    while at < length or at == 0:
        size = min(longest, length - at)
        last = at + size == length
        kind = (_WHOLE if last else _FIRST) if at == 0 else (_LAST if last else _MIDDLE)
        yield struct.pack("<II", MAGIC, kind << 29 | size), size, bytes(-size % 4)
        at += size
        if last:
            return
