"""Which service, operation and protocol a request means: decided by its head, as AWS's hosts do.

In this order: X-Amz-Target (JSON), an RPC path (CBOR), a form or query string with an Action
(query), the request URIs of services that sign as the caller did (REST). The rest is S3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sagelet.aws.model import Service, load_service
from sagelet.aws.protocol.query import FORM
from sagelet.aws.protocol.rest import path_pattern
from sagelet.aws.registry import S3, Registry
from sagelet.aws.request import Request

#: What S3's clients sign for.
_S3_SCOPES = frozenset({"s3", "s3express", "s3-object-lambda"})

#: REST services are known whether they are served or not: nothing on their wire says the operation,
#: and a refusal has to name it.
_REST = ("sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime")

_RPC = re.compile(r"/service/([^/]+)/operation/([^/]+)/?")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes. ``operation`` is as the client says it, None where the body says it.

    Without a ``service`` nobody here serves it; ``protocol`` is then what the client can read.
    """

    protocol: str
    service: Service | None
    operation: str | None


class Router:
    """The services there are, by everything a request can name them with."""

    def __init__(self, registry: Registry, cache: Path) -> None:
        self._by_prefix: dict[str, Service] = {}
        self._by_scope: dict[str, list[Service]] = {}
        self._by_version: dict[str, Service] = {}
        self._rest: dict[str, list[tuple[str, re.Pattern[str], Service, str]]] = {}
        for name in dict.fromkeys((*registry.services, *_REST)):
            self._add(load_service(name, cache, partial(registry.of, name)))

    def _add(self, service: Service) -> None:
        scope, protocols = service.signing_name, service.protocols
        self._by_scope.setdefault(scope, []).append(service)
        if prefix := service.metadata.get("targetPrefix"):
            self._by_prefix[prefix] = service
        if "query" in protocols:
            self._by_version[service.metadata["apiVersion"]] = service
        if "rest-json" in protocols:
            uris = sorted(service.uris.items(), key=lambda item: item[1][1].count("{"))
            self._rest.setdefault(scope, []).extend(
                (method, path_pattern(uri.partition("?")[0]), service, name)
                for name, (method, uri) in uris
            )

    def route(self, request: Request, scope: str | None) -> Route:
        """Where a request goes whose signature is for the service ``scope`` (None: unsigned)."""
        target = request.headers.get("x-amz-target")
        if target is not None:
            prefix, _, name = target.rpartition(".")
            service = self._by_prefix.get(prefix)
            return Route("json", service, name if service else target)
        if rpc := _RPC.fullmatch(request.path) if "smithy-protocol" in request.headers else None:
            service = self._by_prefix.get(rpc[1])
            return Route("smithy-rpc-v2-cbor", service, rpc[2] if service else f"{rpc[1]}.{rpc[2]}")
        if scope not in _S3_SCOPES:
            if _is_query(request):
                return Route("query", None, None)
            if scope is not None:
                return self._rest_route(request, scope)
        return Route(S3, None, None)

    def _rest_route(self, request: Request, scope: str) -> Route:
        for method, pattern, service, name in self._rest.get(scope, ()):
            if method == request.method and pattern.fullmatch(request.path):
                return Route("rest-json", service, name)
        return Route("rest-json", None, f"{request.method} {request.path} ({scope})")

    def action(self, form: Mapping[str, str], scope: str | None) -> Route:
        """Where a query request with these parameters goes."""
        version = form.get("Version", "")
        named = [s for s in self._by_scope.get(scope or "", ()) if "query" in s.protocols]
        service = named[0] if named else self._by_version.get(version)
        name = form.get("Action")
        if service is None or name is None:
            return Route("query", None, f"Action={name} (Version={version})")
        return Route("query", service, name)


def _is_query(request: Request) -> bool:
    if request.path != "/":
        return False
    if request.method == "POST":
        return request.headers.get("content-type", "").startswith(FORM)
    return request.method == "GET" and "Action=" in request.query
