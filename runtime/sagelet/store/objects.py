"""Buckets and objects: the index that is the truth, over files that never change.

A change is one transaction; what it leaves to do on disk is a chore (``store.chores``). Multipart
uploads are in ``store.uploads``.
"""

import builtins
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from sagelet.domain.errors import Refusal
from sagelet.domain.objects import (
    Page,
    check_bucket_name,
    check_key,
    list_page,
    no_such_bucket,
    no_such_key,
)
from sagelet.store.blobs import PIECE, Blobs, Draft
from sagelet.store.chores import Chore, Chores
from sagelet.store.database import Database
from sagelet.store.object_store import StoredObject
from sagelet.store.traits import Bucket, ObjectVersion, Traits
from sagelet.store.tree import Tree

#: Refuses a change, given what is there now: runs inside the transaction that makes it.
Guard = Callable[[ObjectVersion | None], None]
#: Makes the bucket of that name, if it knows it and it is not there; whether it is there now.
Provider = Callable[[str], bool]

_FIND = (
    "SELECT bucket, key, size, etag, modified, blob, traits FROM objects"
    " WHERE bucket = ? AND key = ?"
)
_FROM = (
    "SELECT bucket, key, size, etag, modified, blob, traits FROM objects"
    " WHERE bucket = ? AND key >= ? ORDER BY key"
)
_BEHIND = _FROM.replace(">=", ">")


class Objects:
    """The objects of one home, over all regions. Methods may be called from any thread."""

    #: Objects are given out as links, which waits for nothing.
    lanes = 1

    def __init__(
        self, database: Database, folder: Path, tree: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.blobs = Blobs(folder)
        self.clock = clock
        #: Buckets that are made when somebody first asks for them.
        self.provider: Provider | None = None
        self._tree = Tree(tree)
        self.chores = Chores(database, self.blobs, self._tree, self._path)

    # -- buckets

    def create_bucket(self, name: str, region: str) -> Bucket:
        """Make a bucket.

        Raises:
            Refusal: InvalidBucketName, BucketAlreadyOwnedByYou.
        """
        check_bucket_name(name)
        bucket = Bucket(name, region, self.clock(), [])
        try:
            with self.chores.change() as connection:
                connection.execute(
                    "INSERT INTO buckets (name, region, created) VALUES (?, ?, ?)",
                    (name, region, bucket.created),
                )
        except sqlite3.IntegrityError:
            raise Refusal(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own"
                " it.",
                409,
                BucketName=name,
            ) from None
        return bucket

    def find_bucket(self, name: str) -> Bucket | None:
        """The bucket, or None; never asks the provider."""
        row = (
            self.database.connection()
            .execute("SELECT name, region, created, tags FROM buckets WHERE name = ?", (name,))
            .fetchone()
        )
        return _bucket(row) if row else None

    def bucket(self, name: str) -> Bucket:
        """The bucket, made by the provider if need be.

        Raises:
            Refusal: NoSuchBucket.
        """
        self.provide(name)  # asked first: a bucket it makes at this moment is not whole yet
        found = self.find_bucket(name)
        if found is None:
            raise no_such_bucket(name)
        return found

    def provide(self, name: str) -> bool:
        """Ask the provider for the bucket; whether it made it."""
        return self.provider is not None and self.provider(name)

    def buckets(self) -> builtins.list[Bucket]:
        """All buckets, by name."""
        rows = self.database.connection().execute(
            "SELECT name, region, created, tags FROM buckets ORDER BY name"
        )
        return [_bucket(row) for row in rows]

    def tag_bucket(self, name: str, tags: Sequence[tuple[str, str]]) -> None:
        """Replace a bucket's tags.

        Raises:
            Refusal: NoSuchBucket.
        """
        with self.chores.change() as connection:
            changed = connection.execute(
                "UPDATE buckets SET tags = ? WHERE name = ?", (json.dumps(list(tags)), name)
            )
            if not changed.rowcount:
                raise no_such_bucket(name)

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket and the uploads begun in it.

        Raises:
            Refusal: NoSuchBucket, BucketNotEmpty.
        """
        chores: builtins.list[Chore] = []
        with self.chores.change() as connection:
            if connection.execute(
                "SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)
            ).fetchone():
                raise Refusal(
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                    409,
                    BucketName=name,
                )
            blobs = connection.execute(
                "SELECT blob FROM upload_parts JOIN uploads ON id = upload WHERE bucket = ?",
                (name,),
            ).fetchall()
            chores += [Chores.add(connection, blob=blob) for (blob,) in blobs]
            connection.execute("DELETE FROM uploads WHERE bucket = ?", (name,))
            deleted = connection.execute("DELETE FROM buckets WHERE name = ?", (name,))
            if not deleted.rowcount:
                raise no_such_bucket(name)
        self.chores.do(chores)
        self._tree.remove_bucket(name)

    # -- objects

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectVersion]:
        """All objects whose key begins with ``prefix``, in UTF-8 order of their keys.

        Raises:
            Refusal: NoSuchBucket.
        """
        self.bucket(bucket)
        after = ""
        while True:
            page = self.page(bucket, prefix, after=after)
            yield from page.items
            if not page.more:
                return
            after = page.last

    def page(
        self, bucket: str, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Page[ObjectVersion]:
        """One page of a listing; an unknown bucket is an empty one."""
        return list_page(partial(self._seek, bucket), prefix, delimiter, after, limit)

    def _seek(self, bucket: str, start: str, inclusive: bool) -> Iterator[ObjectVersion]:
        cursor = self.database.connection().execute(
            _FROM if inclusive else _BEHIND, (bucket, start)
        )
        with closing(cursor):
            for row in cursor:
                yield ObjectVersion(*row)

    def find(self, bucket: str, key: str) -> ObjectVersion | None:
        """The object, or None when there is none (or no such bucket)."""
        return self._current(self.database.connection(), bucket, key)

    def get(self, bucket: str, key: str) -> ObjectVersion:
        """The object.

        Raises:
            Refusal: NoSuchBucket, NoSuchKey.
        """
        found = self.find(bucket, key)
        if found is None:
            self.bucket(bucket)
            found = self.find(bucket, key)  # the provider may just have put it there
        if found is None:
            raise no_such_key(key)
        return found

    def open(self, bucket: str, key: str) -> tuple[ObjectVersion, int]:
        """The object and a descriptor of its bytes, which stay readable when it is replaced.

        Raises:
            Refusal: NoSuchBucket, NoSuchKey.
            OSError: the file cannot be read.
        """
        while True:
            found = self.get(bucket, key)
            try:
                return found, self.blobs.open(found.blob)
            except FileNotFoundError:
                if self.find(bucket, key) == found:
                    raise  # not replaced in between: the file is lost

    def fetch(self, found: StoredObject, target: Path) -> None:
        """Make ``target`` a name of the object's file (read-only: it is the store's own).

        Raises:
            Refusal: NoSuchKey: the object is gone, or was replaced since it was found.
            OSError: it cannot be read or written.
        """
        if not isinstance(found, ObjectVersion):
            current = self.find(found.bucket, found.key)
            if current is None or (current.etag, current.modified) != (found.etag, found.modified):
                raise no_such_key(found.key)
            found = current
        try:
            self.blobs.link(found.blob, target)
        except FileNotFoundError:
            if self.blobs.path(found.blob).exists():
                raise  # it is the target's folder that is missing
            raise no_such_key(found.key) from None

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Store the file ``source``, by a link where that can be: it must not change any more.

        Raises:
            Refusal: NoSuchBucket, KeyTooLongError.
            OSError: it cannot be read or written.
        """
        check_key(key)
        self.bucket(bucket)
        draft = self.blobs.adopt(source)
        try:
            digest = hashlib.md5(usedforsecurity=False)
            with source.open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
        except BaseException:
            draft.discard()
            raise
        traits = Traits({"ContentType": "binary/octet-stream"})
        self.commit(bucket, key, draft, digest.hexdigest(), traits)

    def commit(
        self,
        bucket: str,
        key: str,
        draft: Draft,
        etag: str,
        traits: Traits,
        guard: Guard | None = None,
        also: Callable[[sqlite3.Connection], builtins.list[Chore]] | None = None,
    ) -> ObjectVersion:
        """Make the draft the object; it is discarded if that fails.

        ``also`` is done in the same transaction and returns the chores it leaves.

        Raises:
            Refusal: NoSuchBucket, or what ``guard`` says.
            OSError: the bytes cannot be kept.
        """
        made = ObjectVersion(bucket, key, draft.size, etag, self.clock(), draft.name, traits.dump())
        draft.keep()
        try:
            with self.chores.change() as connection:
                chores = also(connection) if also else []
                chores.append(self._write(connection, made, guard))
        except BaseException:
            draft.discard()
            raise
        draft.settle()
        self.chores.do(chores)
        return made

    def _write(
        self, connection: sqlite3.Connection, made: ObjectVersion, guard: Guard | None
    ) -> Chore:
        replaced = self._current(connection, made.bucket, made.key)
        if guard is not None:
            guard(replaced)
        try:
            connection.execute(
                "INSERT OR REPLACE INTO objects (bucket, key, size, etag, modified, blob, traits)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    made.bucket,
                    made.key,
                    made.size,
                    made.etag,
                    made.modified,
                    made.blob,
                    made.traits_json,
                ),
            )
        except sqlite3.IntegrityError:
            raise no_such_bucket(made.bucket) from None
        return Chores.add(
            connection,
            name=(made.bucket, made.key),
            blob=replaced.blob if replaced else None,
        )

    def revise(
        self, bucket: str, key: str, change: Callable[[Traits], Traits], *, touch: bool = False
    ) -> ObjectVersion:
        """Replace an object's traits, not its bytes. ``touch``: it counts as modified now.

        Raises:
            Refusal: NoSuchBucket, NoSuchKey, or what ``change`` says.
        """
        self.get(bucket, key)
        with self.chores.change() as connection:
            found = self._current(connection, bucket, key)
            if found is None:
                raise no_such_key(key)
            made = replace(
                found,
                traits_json=change(found.traits).dump(),
                modified=self.clock() if touch else found.modified,
            )
            connection.execute(
                "UPDATE objects SET traits = ?, modified = ? WHERE bucket = ? AND key = ?",
                (made.traits_json, made.modified, bucket, key),
            )
        return made

    def delete(self, bucket: str, key: str, guard: Guard | None = None) -> None:
        """Delete the object, if there is one.

        Raises:
            Refusal: what ``guard`` says.
        """
        with self.chores.change() as connection:
            chores = self._remove(connection, bucket, key, guard)
        self.chores.do(chores)

    def delete_all(
        self, bucket: str, wanted: Sequence[tuple[str, Guard | None]]
    ) -> builtins.list[Refusal | None]:
        """Delete many keys in one transaction; says of each what its guard refused."""
        said: builtins.list[Refusal | None] = []
        chores: builtins.list[Chore] = []
        with self.chores.change() as connection:
            for key, guard in wanted:
                try:
                    chores += self._remove(connection, bucket, key, guard)
                except Refusal as refusal:
                    said.append(refusal)
                else:
                    said.append(None)
        self.chores.do(chores)
        return said

    def _remove(
        self, connection: sqlite3.Connection, bucket: str, key: str, guard: Guard | None
    ) -> builtins.list[Chore]:
        found = self._current(connection, bucket, key)
        if guard is not None:
            guard(found)
        if found is None:
            return []
        connection.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        return [Chores.add(connection, name=(bucket, key), blob=found.blob)]

    @staticmethod
    def _current(connection: sqlite3.Connection, bucket: str, key: str) -> ObjectVersion | None:
        row = connection.execute(_FIND, (bucket, key)).fetchone()
        return ObjectVersion(*row) if row else None

    def _path(self, bucket: str, key: str) -> Path | None:
        found = self.find(bucket, key)
        return self.blobs.path(found.blob) if found else None

    def recover(self) -> None:
        """Finish what a crash interrupted. Only for the one process that serves this home.

        Its cost depends on what was in flight then, not on how many objects there are.
        """
        self.chores.recover()


def _bucket(row: sqlite3.Row) -> Bucket:
    tags = [(key, value) for key, value in json.loads(row["tags"])]
    return Bucket(row["name"], row["region"], row["created"], tags)
