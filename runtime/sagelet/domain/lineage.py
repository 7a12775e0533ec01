"""Lineage: artifacts, contexts and actions, and how they and trial components hang together.

An association leads from what came first: a data set to the component that read it, a component to
the model that it produced.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagelet.domain.errors import DomainError, Refusal, ValidationException
from sagelet.domain.jobs import Job

Document = Mapping[str, Any]

#: Kinds of entities as ARNs name them -> as results do.
KINDS = {"artifact": "Artifact", "context": "Context", "action": "Action"}
_LINEAGE_TYPES = {**KINDS, "experiment-trial-component": "TrialComponent"}

CONTRIBUTED, PRODUCED = "ContributedTo", "Produced"

#: How far QueryLineage goes, in associations.
DEEPEST = 10

_MOST_PROPERTIES = 30


@dataclass(frozen=True, slots=True)
class Entity:
    """An artifact, context or action. ``name`` is the last part of its ARN."""

    kind: str
    name: str
    account: str
    region: str
    created: float
    modified: float
    type: str
    uri: str
    document: Document = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return entity_arn(self.kind, self.account, self.region, self.name)

    @property
    def shown_name(self) -> str | None:
        """Its name; an artifact need not have one."""
        return self.document.get("ArtifactName") if self.kind == "artifact" else self.name


@dataclass(frozen=True, slots=True)
class Association:
    """From ``source`` to ``destination``, which are ARNs in lower case."""

    source: str
    destination: str
    type: str | None
    created: float


@dataclass(frozen=True, slots=True)
class Vertex:
    """What a query may find: an entity or a trial component."""

    arn: str
    type: str
    name: str | None
    created: float
    modified: float
    properties: Mapping[str, str]


def entity_arn(kind: str, account: str, region: str, name: str) -> str:
    """The ARN of an entity."""
    return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"


def artifact_name(source: Document, kind: str) -> str:
    """The last part of an artifact's ARN: it is known by its source and its type."""
    marks = sorted((t["SourceIdType"], t["Value"]) for t in source.get("SourceTypes") or ())
    known = json.dumps([source["SourceUri"], marks, kind])
    return hashlib.md5(known.encode(), usedforsecurity=False).hexdigest()


def kind_of(arn: str) -> str:
    """What the ARN is of: Artifact, TrialComponent, ..."""
    kind = arn.lower().rsplit("/", 1)[0].rsplit(":", 1)[-1]
    return _LINEAGE_TYPES.get(kind, "Experiment")


def missing(arn: str) -> DomainError:
    """There is no entity of that ARN."""
    return Refusal("ResourceNotFound", f"{kind_of(arn)} '{arn}' does not exist.")


def taken(arn: str) -> DomainError:
    """An entity is there already."""
    return ValidationException(f"{kind_of(arn)} '{arn}' already exists.")


def linked(arn: str) -> DomainError:
    """What has associations cannot be deleted."""
    return ValidationException(
        f"{kind_of(arn)} '{arn}' is linked to 1 or more entities and cannot be deleted."
    )


def with_properties(document: Document, request: Document) -> dict[str, Any]:
    """A document after an update of its properties.

    Raises:
        ValidationException: there would be too many.
    """
    merged = dict(document.get("Properties") or {}) | dict(request.get("Properties") or {})
    for name in request.get("PropertiesToRemove") or ():
        merged.pop(name, None)
    if len(merged) > _MOST_PROPERTIES:
        raise ValidationException(f"More than {_MOST_PROPERTIES} Properties.")
    return {**document, "Properties": merged}


def inputs_of(job: Job) -> list[tuple[str, str]]:
    """(URI, ArtifactType) of what contributes to a job: its data and its image."""
    data = [(channel.uri, "DataSet") for channel in job.channels if channel.uri]
    return list(dict.fromkeys([*data, (job.image, "Image")]))


def outputs_of(job: Job) -> list[tuple[str, str]]:
    """(URI, ArtifactType) of what a job stored: models and data."""
    return [
        (uri, "Model" if job.kind.stores.get(name) == "SageMaker.ModelArtifact" else "DataSet")
        for name, uri in job.artifacts.items()
    ]


def walk(
    start: str,
    near: Callable[[Sequence[str]], Iterable[Association]],
    *,
    ascendants: bool,
    descendants: bool,
    depth: int,
) -> tuple[list[str], list[Association]]:
    """What is connected with ``start``, the nearest first, and by which associations.

    ``near`` gives all associations of some entities. Who goes up goes on up, who goes down, down.
    """
    found: dict[str, None] = {}
    edges: dict[tuple[str, str], Association] = {}
    for upwards in [way for way, wanted in ((True, ascendants), (False, descendants)) if wanted]:
        seen = {start}
        level: Collection[str] = [start]
        for _ in range(depth):
            following: dict[str, None] = {}
            for edge in near(list(level)):
                here, there = (
                    (edge.destination, edge.source) if upwards else (edge.source, edge.destination)
                )
                if here in level:
                    edges[edge.source, edge.destination] = edge
                    if there not in seen:
                        seen.add(there)
                        following[there] = None
            found |= following
            level = following
            if not level:
                break
    return list(found), list(edges.values())
