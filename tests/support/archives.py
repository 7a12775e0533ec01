"""What a tar archive holds."""

import io
import tarfile
from pathlib import Path


def members(archive: Path) -> list[str]:
    """The files in it."""
    with tarfile.open(archive) as tar:
        return sorted(m.name for m in tar.getmembers() if m.isfile())


def names_in(data: bytes) -> list[str]:
    """Folders and links too."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return sorted(member.name for member in tar.getmembers())
