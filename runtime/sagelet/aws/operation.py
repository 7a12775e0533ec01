"""Operations: one function each, a document in and a document out.

    @operation("sagemaker", "DescribeTrainingJob", quick=True)
    def describe_training_job(context: Context, request: Document) -> Document: ...

Parsing, validation, errors and serialising come from the service model; a function here raises
DomainError and knows no protocol. A module of ``sagelet.aws.services`` makes its service known:
``sagemaker_metrics`` holds what botocore calls sagemaker-metrics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagelet.engine.engine import Engine
    from sagelet.store import Store

Document = dict[str, Any]


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
