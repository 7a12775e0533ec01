"""Lineage entities and associations as rows."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from sagelet.domain.errors import Refusal, ValidationException
from sagelet.domain.jobs import Job
from sagelet.domain.lineage import (
    CONTRIBUTED,
    PRODUCED,
    Association,
    Entity,
    Vertex,
    artifact_name,
    entity_arn,
    inputs_of,
    linked,
    missing,
    outputs_of,
    taken,
)
from sagelet.store.database import Database
from sagelet.store.listing import Order, numbers
from sagelet.store.tags import drop_tags, write_tags

_COLUMNS = "kind, name, account, region, created, modified, type, uri, document"


class Lineage:
    """The lineage of one region."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def add(self, entity: Entity, tags: Mapping[str, str]) -> None:
        """Remember a new entity and its tags.

        Raises:
            ValidationException: it is there already.
        """
        with self._database.transaction() as connection:
            if _find(connection, self._region, entity.kind, entity.name) is not None:
                raise taken(entity.arn)
            _insert(connection, entity)
            write_tags(connection, entity.arn, tags)

    def get(self, kind: str, name: str, account: str) -> Entity:
        """The entity of that name.

        Raises:
            Refusal: ResourceNotFound.
        """
        found = _find(self._database.connection(), self._region, kind, name)
        if found is None:
            raise missing(entity_arn(kind, account, self._region, name))
        return found

    def has(self, kind: str, name: str) -> bool:
        """Whether there is an entity of that name."""
        return _find(self._database.connection(), self._region, kind, name) is not None

    def change(
        self, kind: str, name: str, account: str, change: Callable[[Entity], Entity]
    ) -> Entity:
        """Replace an entity by what ``change`` makes of it.

        Raises:
            DomainError: there is none, or ``change`` refuses.
        """
        with self._database.transaction() as connection:
            after = change(self.get(kind, name, account))
            connection.execute(
                "UPDATE lineage_entities SET modified = ?, document = ?"
                " WHERE region = ? AND kind = ? AND name = ?",
                (after.modified, json.dumps(after.document), self._region, kind, name),
            )
        return after

    def delete(self, kind: str, name: str, account: str) -> Entity:
        """Forget an entity without associations.

        Raises:
            DomainError: there is none, or it has associations.
        """
        with self._database.transaction() as connection:
            found = self.get(kind, name, account)
            if _near(connection, [found.arn.lower()]):
                raise linked(found.arn)
            connection.execute(
                "DELETE FROM lineage_entities WHERE region = ? AND kind = ? AND name = ?",
                (self._region, kind, name),
            )
            drop_tags(connection, found.arn)
        return found

    def select(
        self, kind: str, order: Order, *, uri: str | None = None, type_: str | None = None
    ) -> list[tuple[Entity, Any]]:
        """Entities of a kind, each with its place in the list."""
        connection = self._database.connection()
        conditions = (("kind = ?", kind), ("uri = ?", uri), ("type = ?", type_))
        rows = numbers(connection, "lineage_entities", self._region, order, conditions)
        found = {
            row[0]: _entity(row[1:])
            for row in connection.execute(
                f"SELECT id, {_COLUMNS} FROM lineage_entities"  # noqa: S608
                " WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps([row for row, _ in rows]),),
            )
        }
        return [(found[row], [value, row]) for row, value in rows if row in found]

    def associate(self, association: Association) -> None:
        """Add an association of two things that there are.

        Raises:
            DomainError: one of them is missing, or they are associated already.
        """
        with self._database.transaction() as connection:
            for arn in (association.source, association.destination):
                if self.vertex(arn) is None and not self._experiment(connection, arn):
                    raise missing(arn)
            if not link(connection, self._region, association):
                raise ValidationException(
                    f"The association from '{association.source}' to '{association.destination}' "
                    "already exists."
                )

    def dissociate(self, source: str, destination: str) -> None:
        """Remove an association.

        Raises:
            Refusal: ResourceNotFound.
        """
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM associations WHERE region = ? AND source = ? AND destination = ?",
                (self._region, source.lower(), destination.lower()),
            ).rowcount
        if not gone:
            raise Refusal(
                "ResourceNotFound",
                f"The association from '{source}' to '{destination}' does not exist.",
            )

    def associations(
        self, *, source: str | None = None, destination: str | None = None
    ) -> list[Association]:
        """Associations, from or to these ARNs where given, in the order they were made."""
        rows = self._database.connection().execute(
            "SELECT source, destination, type, created FROM associations WHERE region = :region"
            " AND (:source IS NULL OR source = :source)"
            " AND (:destination IS NULL OR destination = :destination) ORDER BY id",
            {
                "region": self._region,
                "source": source and source.lower(),
                "destination": destination and destination.lower(),
            },
        )
        return [Association(*row) for row in rows]

    def near(self, arns: Sequence[str]) -> list[Association]:
        """All associations of these ARNs, which are in lower case."""
        return _near(self._database.connection(), arns)

    def vertex(self, arn: str) -> Vertex | None:
        """The entity or trial component with this ARN, in whatever case."""
        connection = self._database.connection()
        kind, _, name = arn.lower().split(":")[5].partition("/")
        if kind == "experiment-trial-component":
            row = connection.execute(
                "SELECT name, account, created, modified,"
                " coalesce(json_extract(document, '$.Source.SourceType'), 'TrialComponent')"
                " FROM trial_components WHERE region = ? AND name = ? AND deleted = 0",
                (self._region, name),
            ).fetchone()
            if row is None:
                return None
            shown = entity_arn(kind, row[1], self._region, row[0])
            return Vertex(shown, row[4], row[0], row[2], row[3], {})
        found = _find(connection, self._region, kind, name)
        if found is None:
            return None
        properties = found.document.get("Properties") or {}
        return Vertex(
            found.arn, found.type, found.shown_name, found.created, found.modified, properties
        )

    def uris(self, arns: Sequence[str]) -> dict[str, str]:
        """Where artifacts, contexts and actions come from, by their ARNs in lower case."""
        names = {arn.rpartition("/")[2]: arn for arn in arns}
        rows = self._database.connection().execute(
            "SELECT kind, lower(name), uri FROM lineage_entities WHERE region = ?"
            " AND name IN (SELECT value FROM json_each(?))",
            (self._region, json.dumps(list(names))),
        )
        return {names[name]: uri for kind, name, uri in rows if f":{kind}/" in names.get(name, "")}

    def graphs(self, components: Sequence[str], types: Sequence[str]) -> list[tuple[str, ...]]:
        """(component, name, type, URI) of artifacts of these types, by components' ARNs."""
        rows = self._database.connection().execute(
            "SELECT c.value, coalesce(json_extract(document, '$.ArtifactName'), ''), e.type, e.uri"
            " FROM json_each(:components) c JOIN associations a"
            " ON (a.source = lower(c.value) OR a.destination = lower(c.value))"
            " AND a.region = :region"
            " JOIN lineage_entities e ON e.region = :region AND e.kind = 'artifact' AND e.name ="
            " CASE WHEN a.source = lower(c.value) THEN substr(a.destination, instr(a.destination,"
            " '/') + 1) ELSE substr(a.source, instr(a.source, '/') + 1) END"
            " WHERE e.type IN (SELECT value FROM json_each(:types)) ORDER BY a.id",
            {
                "region": self._region,
                "components": json.dumps(list(components)),
                "types": json.dumps(list(types)),
            },
        )
        return [tuple(row) for row in rows]

    def _experiment(self, connection: sqlite3.Connection, arn: str) -> bool:
        kind, _, name = arn.lower().split(":")[5].partition("/")
        row = connection.execute(
            "SELECT 1 FROM experiments WHERE region = ? AND name = ?", (self._region, name)
        ).fetchone()
        return kind == "experiment" and row is not None


def link_inputs(connection: sqlite3.Connection, job: Job, component: str) -> None:
    """Make artifacts of a new job's data and image, which contribute to its component."""
    for uri, kind in inputs_of(job):
        arn = _artifact(connection, job.account, job.region, uri, kind, job.created)
        one = Association(arn, component.lower(), CONTRIBUTED, job.created)
        link(connection, job.region, one)


def link_outputs(connection: sqlite3.Connection, job: Job, component: int, now: float) -> None:
    """Make artifacts of what a job stored, which its component (by its row) produced."""
    row = connection.execute(
        "SELECT name FROM trial_components WHERE id = ? AND deleted = 0", (component,)
    ).fetchone()
    if row is None:
        return
    arn = entity_arn("experiment-trial-component", job.account, job.region, row[0])
    for uri, type_ in outputs_of(job):
        artifact = _artifact(connection, job.account, job.region, uri, type_, now)
        link(connection, job.region, Association(arn, artifact, PRODUCED, now))


def unlink(connection: sqlite3.Connection, arn: str) -> None:
    """Remove all associations of what is deleted, within somebody's transaction."""
    connection.execute(
        "DELETE FROM associations WHERE source = :arn OR destination = :arn",
        {"arn": arn.lower()},
    )


def _artifact(
    connection: sqlite3.Connection, account: str, region: str, uri: str, type_: str, now: float
) -> str:
    source = {"SourceUri": uri}
    name = artifact_name(source, type_)
    document = {"Source": source}
    entity = Entity("artifact", name, account, region, now, now, type_, uri, document)
    if _find(connection, region, "artifact", name) is None:
        _insert(connection, entity)
    return entity.arn


def _insert(connection: sqlite3.Connection, entity: Entity) -> None:
    connection.execute(
        f"INSERT INTO lineage_entities ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            entity.kind,
            entity.name,
            entity.account,
            entity.region,
            entity.created,
            entity.modified,
            entity.type,
            entity.uri,
            json.dumps(entity.document),
        ),
    )


def link(connection: sqlite3.Connection, region: str, association: Association) -> bool:
    """Add an association within somebody's transaction; whether it is new."""
    return bool(
        connection.execute(
            "INSERT OR IGNORE INTO associations (region, source, destination, type, created)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                region,
                association.source.lower(),
                association.destination.lower(),
                association.type,
                association.created,
            ),
        ).rowcount
    )


def _find(connection: sqlite3.Connection, region: str, kind: str, name: str) -> Entity | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM lineage_entities WHERE region = ? AND kind = ? AND name = ?",  # noqa: S608
        (region, kind, name),
    ).fetchone()
    return None if row is None else _entity(row)


def _entity(row: Sequence[Any]) -> Entity:
    kind, name, account, region, created, modified, type_, uri, document = row
    return Entity(
        kind, name, account, region, created, modified, type_, uri, orjson.loads(document)
    )


def _near(connection: sqlite3.Connection, arns: Sequence[str]) -> list[Association]:
    rows = connection.execute(
        "SELECT source, destination, type, created FROM associations"
        " WHERE source IN (SELECT value FROM json_each(:arns))"
        " OR destination IN (SELECT value FROM json_each(:arns)) ORDER BY id",
        {"arns": json.dumps(list(arns))},
    )
    return [Association(*row) for row in rows]
