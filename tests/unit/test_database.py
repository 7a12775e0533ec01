"""The SQLite file: migrations, transactions, several processes."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from sagelet.domain.errors import Unavailable
from sagelet.store.database import Database


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "x.db")
    yield database
    database.close()


def schema(database):
    rows = database.connection().execute("SELECT sql FROM sqlite_schema ORDER BY name")
    return [row[0] for row in rows]


def test_opening_twice_changes_nothing(database):
    before = schema(database)
    again = Database(database.path)
    assert schema(again) == before
    assert any("training_jobs" in (sql or "") for sql in before)
    again.close()


def test_a_migration_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE model_versions (x)")  # the first script's last table
    connection.close()
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        Database(path)
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema")]
    assert tables == ["model_versions"]
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()


def test_a_newer_file_is_refused_and_left_alone(database):
    database.connection().execute("PRAGMA user_version = 999")
    with pytest.raises(Unavailable, match="newer sagelet"):
        Database(database.path)
    assert database.connection().execute("PRAGMA user_version").fetchone()[0] == 999


def count(database):
    return database.connection().execute("SELECT count(*) FROM model_versions").fetchone()[0]


def insert(number):
    return f"INSERT INTO model_versions VALUES ('m', {number}, 'eu-west-1', '{number}', 0, NULL)"


def run(database, *statements):
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_transaction_is_all_or_nothing(database):
    with pytest.raises(sqlite3.IntegrityError):
        run(database, insert(1), insert(2), insert(1))
    assert count(database) == 0
    run(database, insert(1), insert(2))
    assert count(database) == 2


def test_a_full_disk_is_told_as_such_and_the_database_goes_on(database):
    pages = database.connection().execute("PRAGMA page_count").fetchone()[0]
    database.connection().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        run(database, *map(insert, range(5000)))
    database.connection().execute("PRAGMA max_page_count = 100000")
    run(database, insert(1))
    assert count(database) == 1


def test_a_constraint_found_at_commit_rolls_back(database):
    with pytest.raises(sqlite3.IntegrityError):
        run(
            database,
            "PRAGMA defer_foreign_keys = ON",
            "INSERT INTO parameters VALUES (7, 7, 0.5)",
        )
    run(database, insert(1))
    assert count(database) == 1


def test_threads_have_connections_of_their_own(database):
    found = []

    def look():
        found.append(database.connection())
        database.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found[0] is not database.connection()


def test_only_its_owner_reads_it(database):
    with database.transaction() as connection:
        connection.execute("CREATE TABLE more (x)")
    files = list(database.path.parent.glob(database.path.name + "*"))
    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_connection_keeps_little_for_itself(database):
    """There are a hundred of them in a busy control plane."""
    (size,) = database.connection().execute("PRAGMA cache_size").fetchone()
    assert -1024 <= size < 0


def test_a_closed_connection_is_opened_again(database):
    database.close()
    assert count(database) == 0


WRITER = """
import sys
from pathlib import Path
from sagelet.store.database import Database

path, first = Path(sys.argv[1]), int(sys.argv[2])
sys.stdin.readline()
database = Database(path)
for number in range(first, first + 200):
    with database.transaction() as connection:
        (version,) = connection.execute("SELECT count(*) + 1 FROM model_versions").fetchone()
        connection.execute(
            "INSERT INTO model_versions VALUES ('m', ?, 'eu-west-1', ?, 0, NULL)",
            (version, str(number)),
        )
"""


def test_processes_that_open_and_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "x.db"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(first)], stdin=subprocess.PIPE, text=True
        )
        for first in (0, 1000, 2000)
    ]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    database = Database(path)
    assert count(database) == 600
    database.close()
