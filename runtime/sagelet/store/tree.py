"""The readable tree ``s3/<bucket>/<key>``: hard links to objects, for people to look at.

Nothing reads it. A key that no file can have (``a`` beside ``a/b``, ``..``, ``a//b``, ``a/``) is
absent from it, and so is what cannot be linked.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sagelet.domain.objects import tree_path


class Tree:
    """The folder of names."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def refresh(self, bucket: str, key: str, current: Callable[[], Path | None]) -> None:
        """Let the key's name lead to the file that ``current`` says, or to none.

        ``current`` is asked when it is this key's turn: of two that change it, the last one
        sees what both left.
        """
        parts = tree_path(key)
        if parts is None:
            return
        target = self._root.joinpath(bucket, *parts)
        with self._lock, suppress(OSError):
            blob = current()
            if blob is None:
                self._remove(target, bucket)
            else:
                self._link(blob, target)

    def _link(self, blob: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(blob, target)
        except FileExistsError:
            spare = self._root / f".{blob.name}"
            spare.unlink(missing_ok=True)
            os.link(blob, spare)
            try:
                spare.replace(target)
            finally:  # replacing a name by another of the same file leaves both
                spare.unlink(missing_ok=True)

    def _remove(self, target: Path, bucket: str) -> None:
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder in (self._root, self._root / bucket):
                break
            folder.rmdir()  # ends the loop where it is not empty

    def remove_bucket(self, bucket: str) -> None:
        """Remove an emptied bucket's folder."""
        with self._lock, suppress(OSError):
            (self._root / bucket).rmdir()
