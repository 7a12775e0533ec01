"""The SQLite file: connections, transactions, migrations.

Many threads share one file (and now and then a process that only looks), so every writer takes
the write lock first and waits its turn. What is in the tables belongs to the aggregate modules
beside this.
"""

import math
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagelet.domain.errors import Unavailable

#: How long a writer waits for another one, in seconds.
BUSY_TIMEOUT = 30.0

#: What a connection may keep of the file, in KiB: there is one a thread, and the system's own
#: cache is behind all of them.
CACHE = 512

#: What is raised where the store or a disk cannot do its part just now: full, say, or busy.
TROUBLE = (sqlite3.OperationalError, OSError)


class Database:
    """One SQLite file; a connection a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        # Threads of this process queue here: SQLite lets who waits sleep, and look again later.
        self._writing = threading.Lock()
        # Its owner's alone, whoever made the folder: requests and sessions hold secrets. SQLite
        # gives its other files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._migrate()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE}")
            self._local.connection = connection
        return connection

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing; the write lock is taken at the start, so nothing read can grow stale.

        A crash of the process loses nothing that was committed; a loss of power neither, if it was
        ``durable``.
        """
        connection = self.connection()
        with self._writing:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself ends it when the disk is full
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What this thread reads meanwhile is of one moment."""
        connection = self.connection()
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def wipe(self) -> None:
        """Empty every table."""
        with self.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            tables = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for (table,) in tables:
                connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - from our own schema

    def _migrate(self) -> None:
        """Apply the numbered scripts this file has not seen; forward only."""
        scripts = sorted(Path(__file__).with_name("migrations").glob("*.sql"))
        version = self._version(self.connection())
        if version > len(scripts):
            raise Unavailable(f"{self.path} was made by a newer sagelet: upgrade this one.")
        if version == len(scripts):
            return
        self.connection().create_function("square_root", 1, _square_root, deterministic=True)
        with self.transaction() as connection:
            for number, script in enumerate(scripts, start=1):
                if number > self._version(connection):
                    for statement in _statements(script.read_text()):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {number}")

    @staticmethod
    def _version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _square_root(value: float | None) -> float | None:
    """SQLite may have been made without one."""
    return None if value is None or value < 0 else math.sqrt(value)


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one: ``executescript`` would commit in between."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
