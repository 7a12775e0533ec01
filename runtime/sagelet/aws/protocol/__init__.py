"""The protocols: HTTP requests to documents, documents and errors to HTTP responses.

Each module has ``parse``, ``serialise`` and ``refuse``; all are driven by the operation's shapes.
S3's XML is S3's own affair (``sagelet.aws.services.s3``).
"""

from typing import Any, Protocol

from sagelet.aws.model import Operation, Service
from sagelet.aws.protocol import cbor, json, query, rest
from sagelet.aws.protocol.response import Response
from sagelet.aws.request import Request
from sagelet.domain.errors import DomainError


class Codec(Protocol):
    """What a protocol's module can do."""

    def parse(
        self, service: Service, operation: Operation, request: Request, body: bytes
    ) -> dict[str, Any]:
        """The document of a request.

        Raises:
            Refusal: it cannot be read.
        """

    def serialise(
        self, service: Service, operation: Operation, document: dict[str, Any], request_id: str
    ) -> Response:
        """The response with a document."""

    def refuse(
        self,
        service: Service | None,
        operation: Operation | None,
        error: DomainError,
        request_id: str,
    ) -> Response:
        """The response with an error."""


#: By botocore's names.
CODECS: dict[str, Codec] = {
    "json": json,
    "query": query,
    "rest-json": rest,
    "smithy-rpc-v2-cbor": cbor,
}
