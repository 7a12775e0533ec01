"""Spares on disk: a folder each under ``warm/``, with a record of what it is.

A spare is taken by one rename of its folder, which becomes the job's: nobody else can have it, and
what its hosts have mounted goes with it. The record stays and tells by which name they run.
"""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sagelet.domain.spares import Spare
from sagelet.store.home import remove_tree

RECORD = "spare.json"


class Spares:
    """The spares under ``root``, the folder ``warm`` of a home."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, name: str) -> Path:
        """The folder of one."""
        return self._root / name

    def all(self) -> Iterator[Spare | str]:
        """Each spare there is; only the name of one whose record was never written."""
        for folder in sorted(self._root.iterdir()) if self._root.is_dir() else ():
            yield self.read(folder) or folder.name

    @staticmethod
    def read(folder: Path) -> Spare | None:
        """The record in a folder, a spare's or a job's, if it has one."""
        try:
            document = json.loads((folder / RECORD).read_bytes())
            lists = {name: tuple(document[name]) for name in ("hosts", "gpus")}
            return Spare(**{**document, **lists})
        except (OSError, ValueError, KeyError, TypeError):  # the last two: of another version
            return None

    def write(self, spare: Spare) -> None:
        """Remember it, or what has changed of it.

        Raises:
            OSError: the disk is full, say.
        """
        folder = self.folder(spare.name)
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{RECORD}.part"
        part.write_text(json.dumps(dataclasses.asdict(spare)))
        part.replace(folder / RECORD)

    def take(self, name: str, job: Path) -> bool:
        """Make the spare's folder the job's, which must not be there; whether that came to pass."""
        job.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.folder(name).rename(job)
        except OSError:
            return False
        return True

    @staticmethod
    def forget(job: Path) -> None:
        """The job in this folder has hosts of its own from now on."""
        (job / RECORD).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove a spare's folder; its hosts are gone.

        Raises:
            OSError: something could not be deleted.
        """
        with suppress(FileNotFoundError):
            remove_tree(self.folder(name))
