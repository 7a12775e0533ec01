"""Unpacks a source archive without letting a member out of the code directory.

Like sagemaker-training, a strange member never fails a job: names are bent inwards, what cannot be
made safe is left out, and a warning says so. Loaded only when there is something to unpack.
"""

from __future__ import annotations

import os
import tarfile

from sagelet_toolkit.failure import ClientError
from sagelet_toolkit.log import Log


def is_archive(path: str) -> bool:
    """Tell whether `path` is a tar archive, compressed or not."""
    return tarfile.is_tarfile(path)


def extract(path: str, directory: str, log: Log) -> None:
    """Unpack the archive at `path` into `directory`."""
    root = os.path.realpath(directory)
    try:
        with tarfile.open(path) as archive:
            # The checks below are the filter; newer versions' own refuses jobs that run elsewhere.
            archive.extraction_filter = lambda member, _: member
            for member in archive:
                reason = _reason_against(member, root, log)
                if reason:
                    log.warning(f"Left out of {path}: member {member.name!r} {reason}")
                else:
                    archive.extract(member, root)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ClientError(f"The source archive {path} cannot be unpacked: {error}.") from None


def _reason_against(member: tarfile.TarInfo, root: str, log: Log) -> str:
    inward = "/".join(
        part for part in member.name.replace("\\", "/").split("/") if part not in ("", ".", "..")
    )
    if not inward:
        return "" if member.isdir() and member.name in (".", "./") else "has no usable name"
    if ".." in member.name.split("/") or member.name.startswith("/"):
        log.warning(f"Unpacked inside the code directory: member {member.name!r} as {inward!r}")
    member.name = inward
    target = os.path.join(root, inward)
    if not _inside(os.path.dirname(target), root):
        return "lies behind a link that leads outside"
    if os.path.islink(target) and not member.isdir():
        os.unlink(target)  # never write through a link an earlier member made
    if member.issym() or member.islnk():
        base = os.path.dirname(target) if member.issym() else root
        if not _inside(os.path.join(base, member.linkname), root):
            return f"links outside, to {member.linkname!r}"
    elif not (member.isreg() or member.isdir()):
        return "is no file, directory or link"
    elif member.isdir() and not _inside(target, root):
        return "lies behind a link that leads outside"
    # Owner and set-id bits of the machine that packed it mean nothing here.
    member.uid, member.gid = os.getuid(), os.getgid()
    member.uname = member.gname = ""
    member.mode = (member.mode or 0o644) & 0o755 | (0o700 if member.isdir() else 0o600)
    return ""


def _inside(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real == root or real.startswith(root.rstrip("/") + "/")
