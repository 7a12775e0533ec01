"""Changes of the index of objects, and what each leaves to do on disk.

A chore (delete a replaced file, bring a name in the readable tree up to date) is written down in
the transaction that makes it necessary and done right after; a crash in between loses none.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sagelet.store.blobs import Blobs
from sagelet.store.database import Database
from sagelet.store.tree import Tree

#: A chore's number, the bucket and key whose name is to be refreshed, the file to be deleted.
Chore = tuple[int, str | None, str | None, str | None]


class Chores:
    """The object_chores table. ``current`` says which file a key has, if any."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        tree: Tree,
        current: Callable[[str, str], Path | None],
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._tree = tree
        self._current = current
        self._turn = threading.Lock()
        self._done: list[int] = []

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One change of the index.

        A ``durable`` one is on the disk when this ends: files are deleted after it.
        """
        # Threads wait for each other here: SQLite would let them sleep and try again.
        with self._turn, self._database.transaction(durable=durable) as connection:
            done, self._done = self._done, []
            connection.executemany(
                "DELETE FROM object_chores WHERE id = ?", [(number,) for number in done]
            )
            yield connection

    @staticmethod
    def add(
        connection: sqlite3.Connection,
        *,
        name: tuple[str, str] | None = None,
        blob: str | None = None,
    ) -> Chore:
        """Write a chore down: refresh the name of (bucket, key), delete the file ``blob``."""
        bucket, key = name or (None, None)
        cursor = connection.execute(
            "INSERT INTO object_chores (bucket, key, blob) VALUES (?, ?, ?)", (bucket, key, blob)
        )
        return cursor.lastrowid or 0, bucket, key, blob

    def do(self, chores: Sequence[Chore]) -> None:
        """Do chores; that they are done is written with the next change."""
        for _, bucket, key, blob in chores:
            if blob is not None:
                self._blobs.remove(blob)
            if bucket is not None and key is not None:
                self._refresh(bucket, key)
        with self._turn:
            self._done += [chore[0] for chore in chores]

    def _refresh(self, bucket: str, key: str) -> None:
        self._tree.refresh(bucket, key, lambda: self._current(bucket, key))

    def recover(self) -> None:
        """Delete drafts that no row names, do the chores left over, and forget them."""
        connection = self._database.connection()
        for name in self._blobs.drafts():
            named = connection.execute(
                "SELECT 1 FROM objects WHERE blob = :blob"
                " UNION ALL SELECT 1 FROM upload_parts WHERE blob = :blob",
                {"blob": name},
            ).fetchone()
            if named is None:
                self._blobs.remove(name)
            self._blobs.settle(name)
        rows = connection.execute("SELECT id, bucket, key, blob FROM object_chores").fetchall()
        self.do([(row["id"], row["bucket"], row["key"], row["blob"]) for row in rows])
        with self.change():
            pass
