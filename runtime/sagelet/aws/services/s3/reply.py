"""Bytes of an object on their way out."""

import os
from dataclasses import dataclass

from sagelet.store.blobs import PIECE


@dataclass(slots=True)
class Bytes:
    """``length`` bytes from ``start`` of an open file; ``first`` is read already."""

    descriptor: int
    start: int
    length: int
    first: bytes = b""

    @classmethod
    def begin(cls, descriptor: int, start: int, length: int) -> "Bytes":
        """Read the first piece; the descriptor is closed if that fails.

        Raises:
            OSError: it cannot be read.
        """
        made = cls(descriptor, start, length)
        try:
            made.first = made.read(0, min(PIECE, length))
        except BaseException:
            made.close()
            raise
        return made

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes, ``offset`` bytes behind ``start``.

        Raises:
            OSError: it cannot be read, or the file is shorter than it must be.
        """
        data = os.pread(self.descriptor, size, self.start + offset)
        if size and not data:
            raise OSError("a file of the store is shorter than it must be")
        return data

    def close(self) -> None:
        """Close the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
