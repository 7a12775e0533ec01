"""What pages show of experiments, trials and trial components: to JSON documents. Pure."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sagelet.domain.experiments import Experiment, Parameter, Trial
from sagelet.domain.lineage import Association, Vertex, kind_of
from sagelet.store.trial_components import Record
from sagelet.web.views import number, statistics

Document = dict[str, Any]

#: What smexperiments and the SDK's Run store of a model's quality, as ArtifactType.
GRAPHS = frozenset({"ConfusionMatrix", "ROCCurve", "PrecisionRecallCurve", "Table"})


def component_row(
    mark: int, record: Record, job: str | None, cost: Document | None = None
) -> Document:
    """One line of a table of components; ``job`` is the job it describes, if any."""
    component = record.component
    document = component.document
    status = document.get("Status") or {}
    return {
        "mark": mark,
        "name": component.name,
        "title": document.get("DisplayName") or component.name,
        "arn": component.arn,
        "status": status.get("PrimaryStatus"),
        "message": status.get("Message"),
        "created": component.created,
        "modified": component.modified,
        "started": document.get("StartTime"),
        "ended": document.get("EndTime"),
        "source": (document.get("Source") or {}).get("SourceType"),
        "job": job,
        "cost": cost,
        "trials": [list(pair) for pair in record.parents],
        "parameters": parameters(component.parameters),
        "metrics": statistics(record.metrics),
    }


def component_document(
    row: Document, record: Record, tags: Mapping[str, str], graphs: Iterable[Document]
) -> Document:
    """Everything about one component but its series and its lineage."""
    document = record.component.document
    return {
        **row,
        "account": record.component.account,
        "sourceArn": record.component.source,
        "inputs": artifacts(document.get("InputArtifacts")),
        "outputs": artifacts(document.get("OutputArtifacts")),
        "metadata": document.get("MetadataProperties") or {},
        "tags": dict(tags),
        "graphs": list(graphs),
    }


def parameters(given: Mapping[str, Parameter]) -> Document:
    """Numbers as numbers, texts as texts; a text that looks like NaN's word is kept apart by JSON.

    NaN and infinity, which JSON has not, are objects.
    """
    return {
        name: value if isinstance(value, str) else finite(value) for name, value in given.items()
    }


def artifacts(given: Mapping[str, Any] | None) -> list[Document]:
    """Artifacts as a list."""
    return [
        {"name": name, "value": each.get("Value", ""), "type": each.get("MediaType", "")}
        for name, each in (given or {}).items()
    ]


def experiment_row(experiment: Experiment, trials: int, components: int) -> Document:
    """One experiment, without what is best in it."""
    return {
        "name": experiment.name,
        "title": experiment.document.get("DisplayName") or experiment.name,
        "description": experiment.document.get("Description") or "",
        "arn": experiment.arn,
        "created": experiment.created,
        "modified": experiment.modified,
        "trials": trials,
        "components": components,
    }


def trial_row(trial: Trial) -> Document:
    """One trial."""
    return {
        "name": trial.name,
        "title": trial.document.get("DisplayName") or trial.name,
        "arn": trial.arn,
        "experiment": trial.experiment,
        "created": trial.created,
        "modified": trial.modified,
    }


def lineage_document(
    vertices: Mapping[str, Vertex], edges: Iterable[Association], uris: Mapping[str, str]
) -> Document:
    """A graph; what it begins with is in it."""
    return {
        "vertices": [
            {
                "arn": arn,
                "kind": kind_of(arn),
                "type": vertex.type,
                "name": vertex.name or "",
                "uri": uris.get(arn, ""),
            }
            for arn, vertex in vertices.items()
        ],
        "edges": [
            {"from": edge.source, "to": edge.destination, "type": edge.type or ""}
            for edge in edges
            if edge.source in vertices and edge.destination in vertices
        ],
    }


def finite(value: float) -> float | Document:
    """A number; one that JSON has not as an object, which no text is taken for."""
    return value if math.isfinite(value) else {"number": number(value)}
