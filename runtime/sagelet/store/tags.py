"""Tags by ARN. Which ARNs there are, and which tags are allowed, is the wire's business."""

import sqlite3
from collections.abc import Collection, Mapping

from sagelet.store.database import Database


class Tags:
    """The tags table. ARNs hold their region, so this is one table for all; case does not count."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, arn: str, tags: Mapping[str, str], *, limit: int | None = None) -> bool:
        """Set these tags, over those of the same key; False, and nothing set, beyond ``limit``."""
        with self._database.transaction() as connection:
            if limit is not None and len({*self.of(arn), *tags}) > limit:
                return False
            write_tags(connection, arn, tags)
        return True

    def of(self, arn: str) -> dict[str, str]:
        """The tags of ``arn``, by key."""
        rows = self._database.connection().execute(
            "SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn.lower(),)
        )
        return {key: value for key, value in rows}  # noqa: C416  rows are no pairs to a type checker

    def remove(self, arn: str, keys: Collection[str]) -> None:
        """Drop the tags of these keys; those that are not there do not matter."""
        with self._database.transaction() as connection:
            connection.executemany(
                "DELETE FROM tags WHERE arn = ? AND key = ?", [(arn.lower(), key) for key in keys]
            )

    def forget(self, arn: str) -> None:
        """Drop all tags: the resource is gone."""
        with self._database.transaction() as connection:
            drop_tags(connection, arn)


def write_tags(connection: sqlite3.Connection, arn: str, tags: Mapping[str, str]) -> None:
    """Set tags within somebody's transaction."""
    connection.executemany(
        "INSERT INTO tags (arn, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET value = excluded.value",
        [(arn.lower(), key, value) for key, value in tags.items()],
    )


def drop_tags(connection: sqlite3.Connection, arn: str) -> None:
    """Drop all tags of a resource within somebody's transaction."""
    connection.execute("DELETE FROM tags WHERE arn = ?", (arn.lower(),))
