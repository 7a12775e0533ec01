"""The seam to S3 objects: what jobs need of a store of objects, wherever it is.

``store.objects.Objects`` keeps them as plain files in the home; ``store.remote.RemoteObjects``
speaks to an S3 elsewhere. The S3 gateway needs more than this and is written against the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object; ``size`` in bytes, ``etag`` without quotes, ``modified`` in epoch seconds."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: float


class ObjectStore(Protocol):
    """Objects by bucket and key. Methods may be called from any thread."""

    @property
    def lanes(self) -> int:
        """How many calls at once are worth while: 1 where they do not wait for a network."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key begins with ``prefix``, in UTF-8 order of their keys.

        Raises:
            NoSuchBucket: there is no such bucket.
        """

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object, or None when there is none (or no such bucket)."""

    def fetch(self, found: StoredObject, target: Path) -> None:
        """Make ``target`` a file with the object's bytes; its folder exists.

        The file must not be written to: it may be a hard link to the store's own.

        Raises:
            NoSuchKey: the object is gone, or was replaced since it was found.
            OSError: it cannot be read or written.
        """

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Store the file ``source`` under ``key``; its bytes may be shared, so it must not change.

        Raises:
            NoSuchBucket: there is no such bucket.
            OSError: it cannot be read or written.
        """

    def delete(self, bucket: str, key: str) -> None:
        """Delete the object, if there is one."""
