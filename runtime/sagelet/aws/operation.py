"""Operations: one function each, a document in and a document out.

    @operation("sagemaker", "DescribeTrainingJob", quick=True)
    def describe_training_job(context: Context, request: Document) -> Document: ...

Parsing, validation, errors and serialising come from the service model; a function here raises
DomainError and knows no protocol. A module of ``sagelet.aws.services`` makes its service known:
``sagemaker_metrics`` holds what botocore calls sagemaker-metrics.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelet.aws import services as service_modules

if TYPE_CHECKING:
    from sagelet.engine.engine import Engine
    from sagelet.store import Store

Document = dict[str, Any]

#: S3 streams, so it is served as a whole and not by operations.
S3 = "s3"


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, for which region. ``store`` and ``engine`` see that region only."""

    account: str
    region: str
    access_key: str
    request_id: str
    store: "Store"
    engine: "Engine"
    #: The members of a document that the operation's output also has.
    echo: Callable[[Document], Document] = dict
    #: The caller is a job in a container: what reaches beyond containers is refused to it.
    confined: bool = False


Handler = Callable[[Context, Document], Document]


@dataclass(frozen=True, slots=True)
class Registered:
    """A function for an operation. A ``quick`` one only reads, within a millisecond or so."""

    service: str
    name: str
    handler: Handler
    quick: bool


OPERATIONS: dict[tuple[str, str], Registered] = {}


def operation(service: str, name: str, *, quick: bool = False) -> Callable[[Handler], Handler]:
    """Register a function as ``name`` of ``service`` (botocore's name of it)."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[service, name] = Registered(service, name, handler, quick)
        return handler

    return register


class Registry:
    """The operations of ``sagelet.aws.services``; a service's module is imported when asked for."""

    @property
    def services(self) -> tuple[str, ...]:
        """Botocore's names of the services that have a module here, but S3."""
        names = (module.name for module in pkgutil.iter_modules(service_modules.__path__))
        return tuple(name.replace("_", "-") for name in names if name != S3)

    def of(self, service: str) -> dict[str, Registered]:
        """The operations of one service, by name."""
        importlib.import_module(f"{service_modules.__name__}.{service.replace('-', '_')}")
        return {key[1]: found for key, found in OPERATIONS.items() if key[0] == service}


class FixedRegistry(Registry):
    """Just these operations."""

    def __init__(self, operations: Iterable[Registered]) -> None:
        self._operations = tuple(operations)

    @property
    def services(self) -> tuple[str, ...]:
        """The services of these operations."""
        return tuple(dict.fromkeys(found.service for found in self._operations))

    def of(self, service: str) -> dict[str, Registered]:
        """The operations of one service, by name."""
        return {found.name: found for found in self._operations if found.service == service}
