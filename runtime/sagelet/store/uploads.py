"""Multipart uploads: their parts are files of their own until they are put together.

An upload that nobody completes stays, over restarts, until it is aborted.
"""

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sagelet.domain.objects import check_key, invalid_part, no_such_bucket, no_such_upload
from sagelet.store.assembly import Assemblies
from sagelet.store.blobs import Draft
from sagelet.store.chores import Chore, Chores
from sagelet.store.objects import Guard, Objects
from sagelet.store.traits import ObjectVersion, PartTraits, Traits


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is neither completed nor aborted; ``initiated`` in epoch seconds."""

    id: str
    bucket: str
    key: str
    initiated: float
    traits: Traits


@dataclass(frozen=True, slots=True)
class Part:
    """One uploaded part; ``size`` in bytes, ``etag`` its MD5, ``checksum`` in base64."""

    number: int
    blob: str
    size: int
    etag: str
    modified: float
    checksum: str | None


class Uploads:
    """The uploads and upload_parts tables."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._assemblies = Assemblies(objects.blobs)

    def create(self, bucket: str, key: str, traits: Traits) -> Upload:
        """Begin an upload of an object with these traits.

        Raises:
            Refusal: NoSuchBucket, KeyTooLongError.
        """
        check_key(key)
        self._objects.bucket(bucket)
        name = uuid.uuid4().hex
        upload = Upload(name, bucket, key, self._objects.clock(), replace(traits, upload=name))
        try:
            with self._objects.chores.change() as connection:
                connection.execute(
                    "INSERT INTO uploads (id, bucket, key, initiated, traits)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (name, bucket, key, upload.initiated, upload.traits.dump()),
                )
        except sqlite3.IntegrityError:
            raise no_such_bucket(bucket) from None
        self._forget_gone()
        return upload

    def _forget_gone(self) -> None:
        """Nothing is put together for uploads that went with their bucket."""
        find = "SELECT 1 FROM uploads WHERE id = ?"
        connection = self._objects.database.connection()
        begun = self._assemblies.begun()
        self._assemblies.drop(
            name for name in begun if not connection.execute(find, (name,)).fetchone()
        )

    def get(self, bucket: str, key: str, name: str) -> Upload:
        """The upload.

        Raises:
            Refusal: NoSuchBucket, NoSuchUpload.
        """
        self._objects.bucket(bucket)
        return self._get(self._objects.database.connection(), bucket, key, name)

    @staticmethod
    def _get(connection: sqlite3.Connection, bucket: str, key: str, name: str) -> Upload:
        row = connection.execute(
            "SELECT id, bucket, key, initiated, traits FROM uploads"
            " WHERE id = ? AND bucket = ? AND key = ?",
            (name, bucket, key),
        ).fetchone()
        if row is None:
            raise no_such_upload(name)
        return _upload(row)

    def made(self, bucket: str, key: str, name: str) -> ObjectVersion | None:
        """What a completed upload made, if that is still there: clients repeat a completion."""
        found = self._objects.find(bucket, key)
        return found if found is not None and found.traits.upload == name else None

    def of(self, bucket: str, prefix: str = "") -> list[Upload]:
        """Uploads to a bucket, by key and time."""
        rows = self._objects.database.connection().execute(
            "SELECT id, bucket, key, initiated, traits FROM uploads WHERE bucket = ?"
            " ORDER BY key, initiated, id",
            (bucket,),
        )
        return [upload for upload in map(_upload, rows) if upload.key.startswith(prefix)]

    def parts(self, name: str) -> list[Part]:
        """An upload's parts, by number."""
        return self._parts(self._objects.database.connection(), name)

    @staticmethod
    def _parts(connection: sqlite3.Connection, name: str) -> list[Part]:
        rows = connection.execute(
            "SELECT number, blob, size, etag, modified, checksum FROM upload_parts"
            " WHERE upload = ? ORDER BY number",
            (name,),
        )
        return [Part(*row) for row in rows]

    def add_part(
        self, upload: Upload, number: int, draft: Draft, etag: str, checksum: str | None
    ) -> Part:
        """Keep the draft as a part, in place of one of that number; discarded if that fails.

        Raises:
            Refusal: NoSuchUpload.
            OSError: the bytes cannot be kept.
        """
        part = Part(number, draft.name, draft.size, etag, self._objects.clock(), checksum)
        draft.keep(durable=False)
        chores: list[Chore] = []
        try:
            with self._objects.chores.change(durable=False) as connection:
                self._get(connection, upload.bucket, upload.key, upload.id)
                replaced = connection.execute(
                    "SELECT blob FROM upload_parts WHERE upload = ? AND number = ?",
                    (upload.id, number),
                ).fetchall()
                chores += [Chores.add(connection, blob=row["blob"]) for row in replaced]
                connection.execute(
                    "INSERT OR REPLACE INTO upload_parts"
                    " (upload, number, blob, size, etag, modified, checksum)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        upload.id,
                        number,
                        part.blob,
                        part.size,
                        etag,
                        part.modified,
                        checksum,
                    ),
                )
        except BaseException:
            draft.discard()
            raise
        draft.settle()
        self._objects.chores.do(chores)
        self._assemblies.add(upload.id, number, part.blob)
        return part

    def recover(self) -> None:
        """Drop parts that a loss of power may have emptied: they are not flushed one by one.

        Only for the one process that serves this home; parts of this boot of the machine stay.
        """
        boot, noted = _boot(), self._objects.blobs.boot()
        if noted is None:  # a new home, or one that was emptied
            self._objects.blobs.note_boot(boot)
        if noted in (None, boot):
            return
        with self._objects.chores.change() as connection:
            rows = connection.execute("SELECT blob FROM upload_parts").fetchall()
            chores = [Chores.add(connection, blob=row["blob"]) for row in rows]
            connection.execute("DELETE FROM upload_parts")
        self._assemblies.drop(self._assemblies.begun())
        self._objects.chores.do(chores)
        self._objects.blobs.note_boot(boot)

    def complete(
        self,
        upload: Upload,
        chosen: Sequence[Part],
        etag: str,
        finish: Callable[[Traits], Traits],
        guard: Guard | None = None,
    ) -> ObjectVersion:
        """Put the chosen parts together to the object, whose traits ``finish`` completes.

        The bytes are copied, inside the kernel: until it is done they are on the disk twice.

        Raises:
            Refusal: NoSuchUpload, InvalidPart (one was replaced meanwhile), what ``guard`` says.
            OSError: the bytes cannot be kept.
        """
        traits = finish(
            replace(
                upload.traits,
                parts=[PartTraits(part.number, part.size, part.checksum) for part in chosen],
            )
        )
        draft, missing = self._assemblies.take(upload.id, [part.blob for part in chosen])
        try:
            for part in chosen[len(chosen) - len(missing) :]:
                self._append(draft, part)
        except BaseException:
            draft.discard()
            raise

        def end(connection: sqlite3.Connection) -> list[Chore]:
            self._get(connection, upload.bucket, upload.key, upload.id)
            return self._forget(connection, upload.id)

        return self._objects.commit(
            upload.bucket, upload.key, draft, etag, traits, guard=guard, also=end
        )

    def _append(self, draft: Draft, part: Part) -> None:
        try:
            self._objects.blobs.copy(part.blob, draft)
        except FileNotFoundError:
            raise invalid_part(part.number, part.etag) from None

    def abort(self, upload: Upload) -> None:
        """Delete an upload and its parts.

        Raises:
            Refusal: NoSuchUpload.
        """
        with self._objects.chores.change() as connection:
            self._get(connection, upload.bucket, upload.key, upload.id)
            chores = self._forget(connection, upload.id)
        self._assemblies.drop([upload.id])
        self._objects.chores.do(chores)

    def _forget(self, connection: sqlite3.Connection, name: str) -> list[Chore]:
        chores = [Chores.add(connection, blob=part.blob) for part in self._parts(connection, name)]
        connection.execute("DELETE FROM uploads WHERE id = ?", (name,))
        return chores


def _boot() -> str:
    """What tells this start of the machine from the others; the same for all where unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(
        row["id"], row["bucket"], row["key"], row["initiated"], Traits.load(row["traits"])
    )
