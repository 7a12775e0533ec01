"""RecordIO as any reader of it would read it."""

import struct


def records(stream: bytes) -> list[bytes]:
    """The records of a whole stream."""
    found, parts, at = [], b"", 0
    while at < len(stream):
        magic, head = struct.unpack_from("<II", stream, at)
        assert magic == 0xCED7230A, f"no record at byte {at}"
        kind, length = head >> 29, head & (1 << 29) - 1
        at += 8
        assert (kind in (0, 1)) == (not parts), f"part {kind} at byte {at}"
        parts += stream[at : at + length]
        at += length + (-length % 4)
        if kind in (0, 3):
            found.append(parts)
            parts = b""
    assert at == len(stream)
    return found
