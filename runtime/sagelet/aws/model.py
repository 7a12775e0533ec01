"""botocore's service models, by service and by operation.

A whole model is megabytes of JSON; what the wire needs of it, the index of a service and what
one operation reaches, is cut out once and kept in the cache, keyed by the model file itself.
botocore is not imported for this: its data files are read.
"""

import gzip
import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Shape = Mapping[str, Any]
Document = Mapping[str, Any]
Cut = TypeVar("Cut")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: how it is called, and every shape it reaches.

    ``input`` and ``output`` are shape names; ``wrapper`` is the element around a query result.
    """

    name: str
    method: str
    uri: str
    input: str | None
    output: str | None
    wrapper: str | None
    errors: tuple[str, ...]
    shapes: Mapping[str, Shape]
    #: What others compiled from the shapes, kept as long as they are.
    compiled: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def echo(self, request: Document) -> dict[str, Any]:
        """The request members that this operation's output also has."""
        members = self.shapes[self.output]["members"] if self.output else {}
        return {key: value for key, value in request.items() if key in members}


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its metadata, and each operation's HTTP method and request URI by name."""

    name: str
    metadata: Mapping[str, Any]
    uris: Mapping[str, tuple[str, str]]
    cache: Path
    loaded: dict[str, Operation] = field(default_factory=dict, compare=False, repr=False)

    @property
    def signing_name(self) -> str:
        """The service's name in a credential scope."""
        return str(self.metadata.get("signingName") or self.metadata["endpointPrefix"])

    @property
    def protocols(self) -> tuple[str, ...]:
        """Botocore's names of the protocols that clients may speak."""
        return tuple(self.metadata.get("protocols") or (self.metadata["protocol"],))

    def operation(self, name: str) -> Operation:
        """One operation, loaded at first use.

        Raises:
            KeyError: the service has no such operation.
        """
        found = self.loaded.get(name)
        if found is None:
            found = self.loaded[name] = load_operation(self.name, name, self.cache)
        return found


def load_service(
    name: str, cache: Path, operations: Callable[[], Iterable[str]] = tuple
) -> Service:
    """The service ``name`` (a folder of botocore's data).

    When the model must be read, the ``operations`` that will be used are cut out at once.

    Raises:
        FileNotFoundError: botocore knows no such service.
    """

    def cut(model: Document) -> dict[str, Any]:
        for operation in set(operations()) & set(model["operations"]):
            _keep(_place(name, operation, cache), _cut(model, operation))
        return {
            "metadata": model["metadata"],
            "uris": {
                key: [value["http"]["method"], value["http"]["requestUri"]]
                for key, value in model["operations"].items()
            },
        }

    def build(document: Document) -> Service:
        uris = {key: (method, uri) for key, (method, uri) in document["uris"].items()}
        return Service(name, document["metadata"], uris, cache)

    return _cached(name, "", cache, cut, build)


def load_operation(service: str, name: str, cache: Path) -> Operation:
    """The operation ``name`` of ``service``.

    Raises:
        KeyError: the service model has no such operation.
        FileNotFoundError: botocore knows no such service.
    """

    def build(document: Document) -> Operation:
        return Operation(
            name,
            document["method"],
            document["uri"],
            document["input"],
            document["output"],
            document["wrapper"],
            tuple(document["errors"]),
            document["shapes"],
        )

    return _cached(service, name, cache, lambda model: _cut(model, name), build)


def _cached(
    service: str,
    part: str,
    cache: Path,
    cut: Callable[[Document], dict[str, Any]],
    build: Callable[[Document], Cut],
) -> Cut:
    kept = _place(service, part, cache)
    try:
        return build(json.loads(kept.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # not there, or not whole
        document = cut(_read_model(service))
        _keep(kept, document)
        return build(document)


def _place(service: str, part: str, cache: Path) -> Path:
    status = _model_file(service).stat()
    name = "-".join(filter(None, (service, part, str(status.st_size), str(status.st_mtime_ns))))
    return cache / "models" / f"{name}.json"


def _read_model(service: str) -> dict[str, Any]:
    """The whole model, with what botocore adds to AWS's."""
    source = _model_file(service)
    model: dict[str, Any] = json.loads(gzip.decompress(source.read_bytes()))
    extras = source.with_name("service-2.sdk-extras.json")
    if extras.exists():
        _merge(model, json.loads(extras.read_bytes())["merge"])
    return model


def _merge(into: dict[str, Any], more: Document) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _model_file(service: str) -> Path:
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed")
    versions = Path(spec.submodule_search_locations[0]) / "data" / service
    return max(versions.iterdir()) / "service-2.json.gz"


def _cut(model: Document, name: str) -> dict[str, Any]:
    operation = model["operations"][name]
    sides = {side: operation[side]["shape"] for side in ("input", "output") if side in operation}
    errors = [error["shape"] for error in operation.get("errors", ())]
    shapes: dict[str, Shape] = {}
    pending = [*sides.values(), *errors]
    while pending:
        shape_name = pending.pop()
        if shape_name not in shapes:
            shape = _without_documentation(model["shapes"][shape_name])
            shapes[shape_name] = shape
            pending += _references(shape)
    return {
        "method": operation["http"]["method"],
        "uri": operation["http"]["requestUri"],
        "input": sides.get("input"),
        "output": sides.get("output"),
        "wrapper": operation.get("output", {}).get("resultWrapper"),
        "errors": errors,
        "shapes": shapes,
    }


def _without_documentation(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {
            key: _without_documentation(value)
            for key, value in shape.items()
            if key != "documentation" or isinstance(value, dict)  # a member of that name
        }
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
