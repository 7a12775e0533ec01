"""What can be searched for and by which properties, and how a property is read from a document.

A property is named by its path in the documents that Search answers with: ``DisplayName``,
``Status.PrimaryStatus``, ``Parents.TrialName``, ``Parameters.lr``, ``Metrics.test:accuracy.Max``,
``Tags.team``. Names of parameters, metrics and tags may hold dots, so of those the first segment,
and for some the last, is told from the rest. Known segments may be written in any case.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagelet.domain.errors import ValidationException

Document = Mapping[str, Any]
Value = str | float | bool


class Kind(StrEnum):
    """What a property's values are."""

    TEXT = "text"
    NAME = "name"  # text whose case does not count
    NUMBER = "number"
    TIME = "time"  # epoch seconds
    BOOLEAN = "boolean"
    EITHER = "either"  # a number or text, value by value


@dataclass(frozen=True, slots=True)
class Field:
    """A member, by its path."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """A member of each element of a list."""

    collection: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A map's value for ``key``; of an artifact, its ``member``."""

    collection: str
    key: str
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A statistic of a metric."""

    key: str
    statistic: str


@dataclass(frozen=True, slots=True)
class Tag:
    """The value of a tag."""

    key: str


@dataclass(frozen=True, slots=True)
class Whole:
    """All texts of a collection: the keys and values of tags, the names and values of artifacts."""

    collection: str


Place = Field | Element | Entry | Metric | Tag | Whole


@dataclass(frozen=True, slots=True)
class Property:
    """A property as asked for."""

    name: str
    kind: Kind
    place: Place

    @property
    def truncates(self) -> bool:
        """Whether decimals count as integers beside an integer: AWS does so with these."""
        return isinstance(self.place, Entry) and self.place.collection == "HyperParameters"


T, N, NR, TM, B = Kind.TEXT, Kind.NAME, Kind.NUMBER, Kind.TIME, Kind.BOOLEAN

_TAGS = {"Key": T, "Value": T}
_CREATED = {"CreationTime": TM, "LastModifiedTime": TM}
_METADATA = {
    f"MetadataProperties.{name}": T
    for name in ("CommitId", "Repository", "GeneratedBy", "ProjectId")
}

#: The statistics of a trial component's metric.
STATISTICS: Mapping[str, Kind] = {
    "Min": NR, "Max": NR, "Avg": NR, "StdDev": NR, "Last": NR, "Count": NR, "TimeStamp": TM,
}  # fmt: skip

#: How many training jobs of a tuning job are in which status; how many objectives are.
TRAINING_JOB_COUNTERS = (
    "Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped",
)  # fmt: skip
OBJECTIVE_COUNTERS = ("Succeeded", "Pending", "Failed")


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource: its name in a request, its member in a result, its properties."""

    name: str
    record: str
    fields: Mapping[str, Kind]
    lists: Mapping[str, Mapping[str, Kind]]
    #: Maps whose values are numbers or texts.
    maps: frozenset[str] = frozenset()
    #: Maps of artifacts.
    artifacts: frozenset[str] = frozenset()
    #: The statistics of its metrics; () where a metric is a single value.
    statistics: tuple[str, ...] | None = None


RESOURCES: Mapping[str, Resource] = {
    resource.name: resource
    for resource in (
        Resource(
            "Experiment",
            "Experiment",
            {
                "ExperimentName": N, "ExperimentArn": N, "DisplayName": T, "Description": T,
                "Source.SourceArn": N, "Source.SourceType": T, **_CREATED,
            },
            {"Tags": _TAGS},
        ),
        Resource(
            "ExperimentTrial",
            "Trial",
            {
                "TrialName": N, "TrialArn": N, "DisplayName": T, "ExperimentName": N,
                "Source.SourceArn": N, "Source.SourceType": T, **_CREATED, **_METADATA,
            },
            {"Tags": _TAGS, "TrialComponentSummaries": {"TrialComponentName": N}},
        ),
        Resource(
            "ExperimentTrialComponent",
            "TrialComponent",
            {
                "TrialComponentName": N, "TrialComponentArn": N, "DisplayName": T,
                "Source.SourceArn": N, "Source.SourceType": T,
                "Status.PrimaryStatus": T, "Status.Message": T,
                "StartTime": TM, "EndTime": TM, **_CREATED, **_METADATA,
            },
            {
                "Tags": _TAGS,
                "Parents": {"TrialName": N, "ExperimentName": N},
                "Metrics": {"MetricName": T, **STATISTICS},
            },
            maps=frozenset({"Parameters"}),
            artifacts=frozenset({"InputArtifacts", "OutputArtifacts"}),
            statistics=tuple(STATISTICS),
        ),
        Resource(
            "TrainingJob",
            "TrainingJob",
            {
                "TrainingJobName": N, "TrainingJobArn": N, "TrainingJobStatus": T,
                "SecondaryStatus": T, "FailureReason": T, "RoleArn": T,
                "ModelArtifacts.S3ModelArtifacts": T,
                "AlgorithmSpecification.TrainingImage": T,
                "AlgorithmSpecification.TrainingInputMode": T,
                "OutputDataConfig.S3OutputPath": T, "OutputDataConfig.KmsKeyId": T,
                "ResourceConfig.InstanceType": T, "ResourceConfig.InstanceCount": NR,
                "ResourceConfig.VolumeSizeInGB": NR,
                "StoppingCondition.MaxRuntimeInSeconds": NR,
                "StoppingCondition.MaxWaitTimeInSeconds": NR,
                "RetryStrategy.MaximumRetryAttempts": NR,
                "CheckpointConfig.S3Uri": T, "CheckpointConfig.LocalPath": T,
                "TuningJobArn": N,
                "ExperimentConfig.ExperimentName": N, "ExperimentConfig.TrialName": N,
                "ExperimentConfig.TrialComponentDisplayName": T, "ExperimentConfig.RunName": N,
                "EnableNetworkIsolation": B, "EnableManagedSpotTraining": B,
                "EnableInterContainerTrafficEncryption": B,
                "TrainingStartTime": TM, "TrainingEndTime": TM, **_CREATED,
            },
            {
                "Tags": _TAGS,
                "InputDataConfig": {
                    "ChannelName": T, "ContentType": T, "CompressionType": T, "InputMode": T,
                    "RecordWrapperType": T, "DataSource.S3DataSource.S3Uri": T,
                    "DataSource.S3DataSource.S3DataType": T,
                    "DataSource.S3DataSource.S3DataDistributionType": T,
                },
            },
            maps=frozenset({"HyperParameters", "Environment"}),
            statistics=(),
        ),
        Resource(
            "HyperParameterTuningJob",
            "HyperParameterTuningJob",
            {
                "HyperParameterTuningJobName": N, "HyperParameterTuningJobArn": N,
                "HyperParameterTuningJobStatus": T, "FailureReason": T,
                "HyperParameterTuningEndTime": TM, **_CREATED,
                **{
                    f"HyperParameterTuningJobConfig.{name}": kind
                    for name, kind in {
                        "Strategy": T, "TrainingJobEarlyStoppingType": T, "RandomSeed": NR,
                        "HyperParameterTuningJobObjective.MetricName": T,
                        "HyperParameterTuningJobObjective.Type": T,
                        "ResourceLimits.MaxNumberOfTrainingJobs": NR,
                        "ResourceLimits.MaxParallelTrainingJobs": NR,
                        "ResourceLimits.MaxRuntimeInSeconds": NR,
                    }.items()
                },
                **{
                    f"TrainingJobDefinition.{name}": T
                    for name in (
                        "AlgorithmSpecification.TrainingImage",
                        "AlgorithmSpecification.TrainingInputMode",
                        "OutputDataConfig.S3OutputPath", "RoleArn",
                    )
                },
                "WarmStartConfig.WarmStartType": T,
                **{f"TrainingJobStatusCounters.{name}": NR for name in TRAINING_JOB_COUNTERS},
                **{f"ObjectiveStatusCounters.{name}": NR for name in OBJECTIVE_COUNTERS},
                "BestTrainingJob.TrainingJobName": N,
                "BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value": NR,
            },
            {
                "Tags": _TAGS,
                "TrainingJobDefinitions": {
                    "DefinitionName": T, "TuningObjective.MetricName": T,
                    "AlgorithmSpecification.TrainingImage": T,
                },
            },
        ),
    )
}  # fmt: skip


def resource_of(name: str) -> Resource:
    """The resource that a request calls ``name``.

    Raises:
        ValidationException: there are none of that kind here.
    """
    try:
        return RESOURCES[name]
    except KeyError:
        raise ValidationException(
            f"Search over {name} is not supported here: search {', '.join(sorted(RESOURCES))}."
        ) from None


def property_of(resource: Resource, name: str) -> Property:
    """The property of that name.

    Raises:
        ValidationException: the resource has none.
    """
    found = _find(resource, name)
    if found is None:
        head, dot, rest = name.partition(".")
        if dot and head.lower() == resource.record.lower():
            found = _find(resource, rest)  # AWS's pages also write TrialComponent.DisplayName
    if found is None:
        raise ValidationException(
            f"Unknown property name: '{name}' is no property of the resource {resource.name}. "
            f"Known: {', '.join(known_names(resource))}."
        )
    return Property(name, *found)


def element_of(resource: Resource, collection: str, name: str) -> Property:
    """The property of a list's elements that a nested filter names, with the list's name or not.

    Raises:
        ValidationException: the elements have no such member.
    """
    rest = name
    if name.lower().startswith(collection.lower() + "."):
        rest = name[len(collection) + 1 :]
    found = _known(rest, resource.lists[collection])
    if found is None:
        raise ValidationException(
            f"Unknown property name: '{name}' in the nested filter on {collection}. Known: "
            f"{', '.join(f'{collection}.{known}' for known in resource.lists[collection])}."
        )
    return Property(
        name, resource.lists[collection][found], Element(collection, tuple(found.split(".")))
    )


def list_of(resource: Resource, name: str) -> str:
    """The list that a nested filter's NestedPropertyName names.

    Raises:
        ValidationException: it is no list of the resource.
    """
    found = _known(name, resource.lists)
    if found is None:
        raise ValidationException(
            f"NestedPropertyName '{name}' is no list of {resource.name}: use "
            f"{', '.join(resource.lists)}."
        )
    return found


def known_names(resource: Resource) -> list[str]:
    """The names a filter may have; ``<name>`` stands for what users choose."""
    names = list(resource.fields)
    for collection, members in resource.lists.items():
        if collection not in ("Tags", "Metrics"):
            names += [f"{collection}.{member}" for member in members]
    names += [f"{collection}.<name>" for collection in sorted(resource.maps)]
    for collection in sorted(resource.artifacts):
        names += [f"{collection}.<name>.Value", f"{collection}.<name>.MediaType"]
    if resource.statistics is not None:
        statistics = f".({'|'.join(resource.statistics)})" if resource.statistics else ""
        names.append(f"Metrics.<name>{statistics}")
    return [*names, "Tags.<key>"]


def values(prop: Property, document: Document) -> list[Value]:
    """The property's values in a document; none when it is not there."""
    return [value for value in _read(prop.place, document) if value is not None]


def element_values(prop: Property, element: Document) -> list[Value]:
    """The property's values in one element of its list."""
    return list(_descend(element, prop.place.path)) if isinstance(prop.place, Element) else []


#: A hyperparameter that counts as a number.
_NUMBER = re.compile(r"[ \t\n\r]*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?[ \t\n\r]*")


def number_in(text: str) -> float | None:
    """The number that ``text`` is, written as JSON writes numbers; None for any other text."""
    return float(text) if _NUMBER.fullmatch(text) else None


def _find(resource: Resource, name: str) -> tuple[Kind, Place] | None:
    field = _known(name, resource.fields)
    if field is not None:
        return resource.fields[field], Field(tuple(field.split(".")))
    head, dot, rest = name.partition(".")
    if not dot:
        whole = _known(name, {"Tags": None, **dict.fromkeys(resource.artifacts)})
        return (Kind.TEXT, Whole(whole)) if whole else None
    if not rest:
        return None
    if head.lower() == "tags":
        return Kind.TEXT, Tag(rest)
    if head.lower() == "metrics" and resource.statistics is not None:
        return _metric(resource, rest)
    collection = _known(head, dict.fromkeys((*resource.maps, *resource.artifacts)))
    if collection in resource.artifacts:
        key, _, member = rest.rpartition(".")
        member = next((m for m in ("Value", "MediaType") if m.lower() == member.lower()), "")
        if key and member:
            return Kind.TEXT, Entry(str(collection), key, member)
        return Kind.TEXT, Entry(str(collection), rest, "Value")
    if collection is not None:
        for suffix in (".NumberValue", ".StringValue"):
            if collection == "Parameters" and rest.lower().endswith(suffix.lower()):
                return Kind.EITHER, Entry(collection, rest[: -len(suffix)])
        return Kind.EITHER, Entry(collection, rest)
    collection = _known(head, resource.lists)
    if collection is not None:
        member = _known(rest, resource.lists[collection]) or ""
        if member:
            place = Element(collection, tuple(member.split(".")))
            return resource.lists[collection][member], place
    return None


def _metric(resource: Resource, rest: str) -> tuple[Kind, Place]:
    """The statistic is the last segment; of a name without one, the last value is meant."""
    key, dot, last = rest.rpartition(".")
    statistic = _known(last, dict.fromkeys(resource.statistics or ()))
    if dot and key and statistic:
        return STATISTICS[statistic], Metric(key, statistic)
    return Kind.NUMBER, Metric(rest, "Last")


def _known(name: str, names: Mapping[str, Any]) -> str | None:
    return next((known for known in names if known.lower() == name.lower()), None)


def _read(place: Place, document: Document) -> Iterator[Any]:
    match place:
        case Field(path):
            yield from _descend(document, path)
        case Element(collection, path):
            for element in document.get(collection) or ():
                yield from _descend(element, path)
        case Entry(collection, key, member):
            yield from _entry(collection, (document.get(collection) or {}).get(key), member)
        case Metric(key, statistic):
            yield from _statistic(document, key, statistic)
        case Tag(key):
            yield from (t["Value"] for t in document.get("Tags") or () if t["Key"] == key)
        case Whole("Tags"):
            for tag in document.get("Tags") or ():
                yield from (tag["Key"], tag["Value"])
        case Whole(collection):
            for name, artifact in (document.get(collection) or {}).items():
                yield from (name, artifact["Value"])


def _entry(collection: str, found: Any, member: str | None) -> Iterator[Any]:
    if found is None:
        return
    if collection == "Parameters":
        yield found["NumberValue"] if "NumberValue" in found else found.get("StringValue")
    elif member is not None:
        yield found.get(member)
    else:
        number = number_in(found)
        yield found if number is None else number


def _statistic(document: Document, key: str, statistic: str) -> Iterator[Any]:
    for summary in document.get("Metrics") or ():
        if summary["MetricName"] == key:
            yield summary.get(statistic)
    for datum in document.get("FinalMetricDataList") or ():
        if datum["MetricName"] == key:
            yield datum["Value"]


def _descend(document: Any, path: tuple[str, ...]) -> Iterator[Any]:
    for name in path:
        if not isinstance(document, Mapping) or document.get(name) is None:
            return
        document = document[name]
    yield document
