"""Archives as they lie on the disk: read without unpacking them, and never more than so much."""

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

#: The most bytes that are read of one archive, counted after decompression.
MOST = 512 << 20

#: The longest header of a member.
_HEADER = 1 << 20
_EXTENDS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)

#: What a file raises that is damaged, encrypted, or not what its name says.
UNREADABLE = (
    OSError,
    ValueError,  # numpy's
    OverflowError,
    EOFError,
    RuntimeError,  # an encrypted zip; NotImplementedError is one, too: an unusual compression
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


class Enough(OSError):
    """So much was read of an archive that the rest is left."""

    def __init__(self) -> None:
        super().__init__(f"only the first {MOST >> 20} MiB of an archive are looked at")


class _Bounded:
    """A file that is read up to ``MOST`` bytes; what is passed over with ``seek`` costs nothing."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MOST
        self.tell = file.tell
        self.seek = file.seek

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            raise Enough
        data = self._file.read(size)
        self._left -= len(data)
        return data


class _Info(tarfile.TarInfo):
    """A member's header. tarfile reads what extends one, a long name say, at one go."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size > _HEADER and self.type in _EXTENDS:
            raise tarfile.ReadError(f"a header in it is longer than {_HEADER >> 20} MiB")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


@contextmanager
def opened_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar file, compressed or not; reading on raises ``Enough`` sooner or later."""
    with path.open("rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        file = _decompressed(raw, start)
        # One that is not compressed is not read through: its members are passed over.
        bounded = cast("IO[bytes]", _Bounded(file or raw))
        if file is None:
            tar = tarfile.open(fileobj=bounded, mode="r:", tarinfo=_Info)  # noqa: SIM115
        else:
            tar = tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Info)  # noqa: SIM115
        with tar:
            yield tar


def _decompressed(raw: IO[bytes], start: bytes) -> IO[bytes] | None:
    if start.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if start.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(raw)
    return None
