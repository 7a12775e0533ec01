"""botocore's service models, by operation.

A whole model is megabytes of JSON; what one operation needs is cut out once and kept in the
cache, keyed by the model file itself. botocore is not imported for this: its data files are read.
"""

import gzip
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Shape = Mapping[str, Any]
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its input and output shape names, and every shape they reach."""

    name: str
    input: str
    output: str | None
    shapes: Mapping[str, Shape]

    def echo(self, request: Document) -> dict[str, Any]:
        """The request members that this operation's output also has."""
        members = self.shapes[self.output]["members"] if self.output else {}
        return {key: value for key, value in request.items() if key in members}


def load_operation(service: str, name: str, cache: Path) -> Operation:
    """The operation ``name`` of ``service``.

    Raises:
        KeyError: the service model has no such operation.
    """
    source = _model_file(service)
    status = source.stat()
    key = f"{service}-{name}-{status.st_size}-{status.st_mtime_ns}.json"
    kept = cache / "models" / key
    try:
        return _operation(name, json.loads(kept.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):  # not there yet, or no longer whole
        document = _cut(json.loads(gzip.decompress(source.read_bytes())), name)
        _keep(kept, document)
        return _operation(name, document)


def _operation(name: str, document: Document) -> Operation:
    return Operation(name, document["input"], document["output"], document["shapes"])


def _model_file(service: str) -> Path:
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed")
    versions = Path(spec.submodule_search_locations[0]) / "data" / service
    return max(versions.iterdir()) / "service-2.json.gz"


def _cut(model: Document, name: str) -> dict[str, Any]:
    operation = model["operations"][name]
    roots = [operation[side]["shape"] for side in ("input", "output") if side in operation]
    shapes: dict[str, Shape] = {}
    pending = list(roots)
    while pending:
        shape_name = pending.pop()
        if shape_name not in shapes:
            shape = _without_documentation(model["shapes"][shape_name])
            shapes[shape_name] = shape
            pending += _references(shape)
    return {
        "input": operation["input"]["shape"],
        "output": operation["output"]["shape"] if "output" in operation else None,
        "shapes": shapes,
    }


def _without_documentation(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {k: _without_documentation(v) for k, v in shape.items() if k != "documentation"}
    return shape


def _references(shape: Shape) -> Iterator[str]:
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for side in ("member", "key", "value"):
        if side in shape:
            yield shape[side]["shape"]


def _keep(path: Path, document: Document) -> None:
    """Write the cache; a cache that cannot be written costs time only."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(document))
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
