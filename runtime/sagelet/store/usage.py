"""What hosts use of the machine, as rows: samples by job and host."""

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sagelet.domain.jobs import Kind
from sagelet.domain.usage import Sample
from sagelet.store.database import Database

_TABLES = {"TrainingJob": "training_jobs", "ProcessingJob": "processing_jobs"}


class Owner(NamedTuple):
    """Whose samples: a job."""

    region: str
    kind: str
    name: str


class SeenHost(NamedTuple):
    """A host that was looked at; ``time``: when last, epoch seconds."""

    job: str
    host: str
    gpus: int
    time: float


class Usage:
    """The samples of one region's jobs; ``append`` takes those of every region."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def append(self, found: Mapping[Owner, Sequence[Sample]]) -> None:
        """Add one look at some jobs, all at once; a job that was deleted meanwhile is left out."""
        with self._database.transaction() as connection:
            for owner, samples in found.items():
                if _there(connection, owner):
                    _add(connection, owner, samples)

    def samples(
        self,
        kind: Kind,
        job: str,
        *,
        host: str | None = None,
        low: int = 0,
        high: int = 1 << 62,
        since: float = -math.inf,
        until: float = math.inf,
    ) -> list[Sample]:
        """In order, from place ``low`` to ``high``; ``until``, in epoch seconds, is excluded."""
        rows = self._database.connection().execute(
            "SELECT usage_hosts.host, usage_samples.time, cpu, cores, memory, memory_limit, disk,"
            " gpu, gpus, gpu_memory, gpu_memory_limit, place"
            " FROM usage_hosts JOIN usage_samples ON usage_samples.host = usage_hosts.id"
            " WHERE region = :region AND kind = :kind AND job = :job"
            " AND (:host IS NULL OR usage_hosts.host = :host) AND place BETWEEN :low AND :high"
            " AND usage_samples.time >= :since AND usage_samples.time < :until"
            " ORDER BY place, usage_hosts.id",
            {
                "region": self._region,
                "kind": kind.name,
                "job": job,
                "host": host,
                "low": low,
                "high": high,
                "since": since,
                "until": until,
            },
        )
        return [Sample(*row) for row in rows]

    def hosts(self, kind: Kind, *, job: str | None = None, since: str = "") -> Iterator[SeenHost]:
        """Hosts by job and name, from the job ``since`` on; with ``job``, only that one's."""
        rows = self._database.connection().execute(
            "SELECT job, host, gpus, time FROM usage_hosts"
            " WHERE region = :region AND kind = :kind AND job >= :since"
            " AND (:job IS NULL OR job = :job) ORDER BY job, host || '/'",
            {"region": self._region, "kind": kind.name, "job": job, "since": since},
        )
        for row in rows:
            yield SeenHost(*row)


def forget(connection: sqlite3.Connection, owner: Owner) -> None:
    """Drop a job's samples, within somebody's transaction."""
    connection.execute("DELETE FROM usage_hosts WHERE region = ? AND kind = ? AND job = ?", owner)


def _there(connection: sqlite3.Connection, owner: Owner) -> bool:
    row = connection.execute(
        f"SELECT 1 FROM {_TABLES[owner.kind]} WHERE region = ? AND name = ?",  # noqa: S608
        (owner.region, owner.name),
    ).fetchone()
    return row is not None


def _add(connection: sqlite3.Connection, owner: Owner, samples: Sequence[Sample]) -> None:
    place = connection.execute(
        "SELECT coalesce(max(following), 0) FROM usage_hosts"
        " WHERE region = ? AND kind = ? AND job = ?",
        owner,
    ).fetchone()[0]
    for each in samples:
        limits = (each.cores, each.memory_limit, each.gpus, each.gpu_memory_limit)
        host = connection.execute(
            "INSERT INTO usage_hosts (region, kind, job, host, following, time, cores,"
            " memory_limit, gpus, gpu_memory_limit) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET following = excluded.following, time = excluded.time,"
            " cores = excluded.cores, memory_limit = excluded.memory_limit,"
            " gpus = max(gpus, excluded.gpus),"
            " gpu_memory_limit = coalesce(excluded.gpu_memory_limit, gpu_memory_limit)"
            " RETURNING id",
            (*owner, each.host, place + 1, each.time, *limits),
        ).fetchone()[0]
        connection.execute(
            "INSERT INTO usage_samples (host, place, time, cpu, memory, disk, gpu, gpu_memory)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (host, place, each.time, each.cpu, each.memory, each.disk, each.gpu, each.gpu_memory),
        )
