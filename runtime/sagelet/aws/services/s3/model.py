"""S3's service model: its operations, and which of them a request means.

Several operations share a method and a path (PutObject, UploadPart, CopyObject); the query
strings and headers that the model requires tell them apart.
"""

import gzip
import importlib.util
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sagelet.aws.services.s3.xml import Shape, Writers


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: shape names of its sides, its answer's status, all of S3's shapes."""

    name: str
    input: str
    output: str | None
    status: int
    #: Whether checksum headers of a request are of its body.
    checksummed: bool
    shapes: Mapping[str, Shape]
    writers: Writers


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What a request must have to mean an operation."""

    name: str
    literals: frozenset[tuple[str, str]]
    query: frozenset[str]
    headers: frozenset[str]
    deprecated: bool

    @property
    def rank(self) -> tuple[int, bool]:
        """The more it demands the better it fits."""
        return len(self.literals) * 10 + len(self.query) + len(self.headers), not self.deprecated


class Model:
    """All of it."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.operations: dict[str, Operation] = {}
        self._writers = Writers(model["shapes"])
        self._candidates: dict[tuple[str, int], list[_Candidate]] = {}
        for name, operation in model["operations"].items():
            if "input" in operation:
                self._add(name, operation, model["shapes"])
        for candidates in self._candidates.values():
            candidates.sort(key=lambda candidate: candidate.rank, reverse=True)

    def _add(self, name: str, operation: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        http = operation["http"]
        self.operations[name] = Operation(
            name,
            operation["input"]["shape"],
            operation["output"]["shape"] if "output" in operation else None,
            http.get("responseCode", 200),
            "httpChecksum" in operation,
            shapes,
            self._writers,
        )
        path, _, query = http["requestUri"].partition("?")
        given = shapes[operation["input"]["shape"]]
        required: dict[str, set[str]] = {"querystring": set(), "header": set()}
        for member in given.get("required", ()):
            reference = given["members"][member]
            if reference.get("location") in required:
                required[reference["location"]].add(reference["locationName"])
        candidate = _Candidate(
            name,
            frozenset(parse_qsl(query, keep_blank_values=True)),
            frozenset(required["querystring"]),
            frozenset(header.lower() for header in required["header"]),
            operation.get("deprecated", False),
        )
        self._candidates.setdefault((http["method"], path.count("{")), []).append(candidate)

    def choose(
        self,
        method: str,
        labels: int,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        known: Collection[str],
    ) -> Operation | None:
        """The operation meant; ``labels``: 0 the service, 1 a bucket, 2 an object.

        Of two that fit alike, the one that is ``known`` here.
        """
        best: _Candidate | None = None
        for candidate in self._candidates.get((method, labels), ()):
            if best is not None and (candidate.rank < best.rank or best.name in known):
                break
            if (
                all(query.get(key) == value for key, value in candidate.literals)
                and all(key in query for key in candidate.query)
                and all(key in headers for key in candidate.headers)
                and (best is None or candidate.name in known)
            ):
                best = candidate
        return self.operations[best.name] if best else None


@cache
def load() -> Model:
    """The model as botocore has it, read at the first request."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed")
    versions = Path(spec.submodule_search_locations[0]) / "data" / "s3"
    source = max(versions.iterdir()) / "service-2.json.gz"
    return Model(_without_documentation(json.loads(gzip.decompress(source.read_bytes()))))


def _without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_documentation(below)
            for key, below in value.items()
            if key != "documentation" or isinstance(below, dict)
        }
    return value
