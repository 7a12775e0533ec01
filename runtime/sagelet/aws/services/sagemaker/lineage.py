"""Lineage: artifacts, contexts, actions, associations between them, and the graph they make."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.experiments import members, order_of
from sagelet.aws.services.sagemaker.tags import read_tags, taggable
from sagelet.domain.errors import ValidationException
from sagelet.domain.lineage import (
    DEEPEST,
    KINDS,
    Association,
    Entity,
    Vertex,
    artifact_name,
    kind_of,
    walk,
    with_properties,
)
from sagelet.store import Store

#: The members of a request that are kept, and those that an update may replace.
_KEPT = ("Source", "Description", "Status", "Properties", "MetadataProperties", "ArtifactName")
_REPLACED = ("Description", "Status", "ArtifactName")

_SORTED: dict[str, Callable[[Document], Any]] = {
    "SourceArn": lambda shown: shown["SourceArn"],
    "DestinationArn": lambda shown: shown["DestinationArn"],
    "SourceType": lambda shown: shown.get("SourceType", ""),
    "DestinationType": lambda shown: shown.get("DestinationType", ""),
    "CreationTime": lambda shown: shown["CreationTime"],
}


def _register(kind: str) -> None:
    """The operations of one kind of entity; they differ in names only."""
    word = KINDS[kind]

    def known(store: Store, name: str) -> bool:
        return store.lineage.has(kind, name)

    taggable(kind)(known)

    def create(context: Context, request: Document) -> Document:
        """Make one; its name is taken once (an artifact's source and type)."""
        now = time.time()
        type_ = request[f"{word}Type"]
        name = (
            artifact_name(request["Source"], type_)
            if kind == "artifact"
            else request[f"{word}Name"]
        )
        uri = request["Source"]["SourceUri"]
        document = members(request, *_KEPT)
        entity = Entity(kind, name, context.account, context.region, now, now, type_, uri, document)
        context.store.lineage.add(entity, read_tags(request.get("Tags") or []))
        return {f"{word}Arn": entity.arn}

    def describe(context: Context, request: Document) -> Document:
        """All that is known of one."""
        return _show(context.store.lineage.get(kind, _name(kind, request), context.account))

    def update(context: Context, request: Document) -> Document:
        """Change what is said of one; remove properties that are named."""

        def change(before: Entity) -> Entity:
            document = with_properties({**before.document, **members(request, *_REPLACED)}, request)
            return replace(before, document=document, modified=time.time())

        name = _name(kind, request)
        return {f"{word}Arn": context.store.lineage.change(kind, name, context.account, change).arn}

    def delete(context: Context, request: Document) -> Document:
        """Forget one, which must have no associations any more."""
        if kind == "artifact" and not request.get("ArtifactArn"):
            names = _by_source(context, request.get("Source"))
        else:
            names = [_name(kind, request)]
        arns = [context.store.lineage.delete(kind, name, context.account).arn for name in names]
        return {f"{word}Arn": arns[0]}

    def select(context: Context, request: Document) -> Document:
        """Summaries, the newest first unless asked otherwise."""
        return page(
            f"List{word}s",
            request,
            lambda cursor, size: context.store.lineage.select(
                kind,
                order_of(request, cursor, size),
                uri=request.get("SourceUri"),
                type_=request.get(f"{word}Type"),
            ),
            _summary,
            result=f"{word}Summaries",
        )

    for name, handler, quick in (
        (f"Create{word}", create, False),
        (f"Describe{word}", describe, True),
        (f"Update{word}", update, False),
        (f"Delete{word}", delete, False),
        (f"List{word}s", select, True),
    ):
        operation("sagemaker", name, quick=quick)(handler)


for _kind in KINDS:
    _register(_kind)


@operation("sagemaker", "AddAssociation")
def add_association(context: Context, request: Document) -> Document:
    """Say that one thing came of another, or belongs to it."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    context.store.lineage.associate(
        Association(
            source.lower(), destination.lower(), request.get("AssociationType"), time.time()
        )
    )
    return {"SourceArn": source, "DestinationArn": destination}


@operation("sagemaker", "DeleteAssociation")
def delete_association(context: Context, request: Document) -> Document:
    """Take that back."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    context.store.lineage.dissociate(source, destination)
    return {"SourceArn": source, "DestinationArn": destination}


@operation("sagemaker", "ListAssociations")
def list_associations(context: Context, request: Document) -> Document:
    """Associations of something, or all, the newest first unless asked otherwise."""
    shown = [
        _association(context, found)
        for found in context.store.lineage.associations(
            source=request.get("SourceArn"), destination=request.get("DestinationArn")
        )
        if request.get("CreatedAfter", found.created) <= found.created
        and request.get("CreatedBefore", found.created) >= found.created
    ]
    for member in ("SourceType", "DestinationType", "AssociationType"):
        if request.get(member) is not None:
            shown = [one for one in shown if one.get(member) == request[member]]
    shown.sort(
        key=_SORTED[request.get("SortBy") or "CreationTime"],
        reverse=request.get("SortOrder") != "Ascending",
    )
    return page(
        "ListAssociations",
        request,
        lambda cursor, size: [
            (one, number + 1)
            for number, one in list(enumerate(shown))[cursor or 0 : (cursor or 0) + size]
        ],
        lambda one: one,
        result="AssociationSummaries",
    )


@operation("sagemaker", "QueryLineage")
def query_lineage(context: Context, request: Document) -> Document:
    """What is connected with something, near or far, up or down the stream."""
    starts = request.get("StartArns") or []
    if not starts:
        raise ValidationException("StartArns: give the ARN to start from.")
    direction = request.get("Direction") or "Both"
    lineage = context.store.lineage
    arns, associations = walk(
        starts[0].lower(),
        lineage.near,
        ascendants=direction != "Descendants",
        descendants=direction != "Ascendants",
        depth=request.get("MaxDepth") or DEEPEST,
    )
    vertices = {arn: found for arn in arns if (found := lineage.vertex(arn)) is not None}
    wanted = [v for v in vertices.values() if _passes(v, request.get("Filters") or {})]
    document = page(
        "QueryLineage",
        request,
        lambda cursor, size: [
            (vertex, number + 1)
            for number, vertex in list(enumerate(wanted))[cursor or 0 : (cursor or 0) + size]
        ],
        lambda vertex: {
            "Arn": vertex.arn, "Type": vertex.type, "LineageType": kind_of(vertex.arn)
        },
        result="Vertices",
        default=50,
    )  # fmt: skip
    document["Edges"] = [
        {
            "SourceArn": edge.source,
            "DestinationArn": edge.destination,
            **({"AssociationType": edge.type} if edge.type else {}),
        }
        for edge in (associations if request.get("IncludeEdges", True) else ())
    ]
    return document


def _passes(vertex: Vertex, filters: Document) -> bool:
    types, lineage_types = filters.get("Types"), filters.get("LineageTypes")
    properties = filters.get("Properties") or {}
    return (
        (not types or vertex.type in types)
        and (not lineage_types or kind_of(vertex.arn) in lineage_types)
        and filters.get("CreatedAfter", vertex.created) <= vertex.created
        and filters.get("CreatedBefore", vertex.created) >= vertex.created
        and filters.get("ModifiedAfter", vertex.modified) <= vertex.modified
        and filters.get("ModifiedBefore", vertex.modified) >= vertex.modified
        and (not properties or any(vertex.properties.get(k) == v for k, v in properties.items()))
    )


def _association(context: Context, association: Association) -> Document:
    shown: Document = {"CreationTime": association.created}
    if association.type is not None:
        shown["AssociationType"] = association.type
    for side, arn in (("Source", association.source), ("Destination", association.destination)):
        vertex = context.store.lineage.vertex(arn)
        shown[f"{side}Arn"] = vertex.arn if vertex else arn
        if vertex is not None:
            shown[f"{side}Type"] = vertex.type
            shown |= {} if vertex.name is None else {f"{side}Name": vertex.name}
    return shown


def _name(kind: str, request: Document) -> str:
    if kind == "artifact":
        return str(request["ArtifactArn"]).rpartition("/")[2]
    return str(request[f"{KINDS[kind]}Name"])


def _by_source(context: Context, source: Document | None) -> list[str]:
    if source is None:
        raise ValidationException("Either ArtifactArn or Source must be specified.")
    order = order_of({}, None, 2)
    found = context.store.lineage.select("artifact", order, uri=source["SourceUri"])
    if len(found) != 1:
        raise ValidationException(
            f"{len(found) or 'No'} artifacts have the source '{source['SourceUri']}': give the "
            "ArtifactArn."
        )
    return [found[0][0].name]


def _show(entity: Entity) -> Document:
    word = KINDS[entity.kind]
    return {
        **entity.document,
        **({} if entity.kind == "artifact" else {f"{word}Name": entity.name}),
        f"{word}Arn": entity.arn,
        f"{word}Type": entity.type,
        "CreationTime": entity.created,
        "LastModifiedTime": entity.modified,
    }


def _summary(entity: Entity) -> Document:
    hidden = ("Description", "Properties", "MetadataProperties")
    return {name: value for name, value in _show(entity).items() if name not in hidden}
