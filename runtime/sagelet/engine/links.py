"""Links in a channel that lead out of it.

A host sees the channel's folder and nothing around it, so such a link would lead nowhere. What it
points at is laid over it: a hard link where the disk allows, which costs nothing, else a copy.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

#: A channel with more entries is not searched to its end: starting a job must not depend on size.
ENTRIES = 10_000


def resolve_links(channel: Path, over: Path) -> None:
    """Put into ``over``, at its own place, what each outward link of ``channel`` points at.

    Raises:
        OSError: something cannot be read or written.
    """
    over.mkdir(parents=True, exist_ok=True)
    for link, target in _outward(channel):
        place = over / link.relative_to(channel)
        place.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.copytree(target, place, copy_function=link_or_copy, dirs_exist_ok=True)
        else:
            link_or_copy(target, place)


def leads_out(channel: Path) -> bool:
    """Whether a link of ``channel`` would lead nowhere in a host."""
    return next(_outward(channel), None) is not None


def _outward(channel: Path) -> Iterator[tuple[Path, Path]]:
    """Each link whose end a host would not see, and that end."""
    inside = channel.resolve()
    for link in _links(channel):
        target = link.resolve()
        if target.exists() and (not target.is_relative_to(inside) or link.readlink().is_absolute()):
            yield link, target


def _links(folder: Path) -> Iterator[Path]:
    left = ENTRIES
    pending = [folder]
    while pending and left > 0:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                left -= 1
                if entry.is_symlink():
                    yield Path(entry.path)
                elif entry.is_dir():
                    pending.append(Path(entry.path))


def link_or_copy(source: str | Path, place: str | Path) -> None:
    """Make ``place`` the file that ``source`` is, or leads to: linked where the disk allows."""
    Path(place).unlink(missing_ok=True)
    try:
        os.link(Path(source).resolve(), place)  # a link to a link would lead nowhere in a host
    except OSError:
        shutil.copy2(source, place)
