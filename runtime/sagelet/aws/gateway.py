"""The ASGI application: HTTP to an operation's function, and what it returns or raises to HTTP.

Paths that begin with ``/_`` belong to people (health here, the rest in ``sagelet.web``); all else
is AWS. S3 streams and is handed on as a whole, after the guard and the signature.
"""

import asyncio
import json
import logging
import re
import time
import uuid
import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelet import __version__
from sagelet.aws import guard
from sagelet.aws.model import Operation, Service
from sagelet.aws.operation import Context, Handler
from sagelet.aws.protocol import CODECS, Codec
from sagelet.aws.protocol.query import read_form
from sagelet.aws.protocol.response import Response
from sagelet.aws.protocol.xml import refuse_s3
from sagelet.aws.registry import S3, Registry
from sagelet.aws.request import LOCAL, LOOPBACK, Request, read_request
from sagelet.aws.routing import Route, Router
from sagelet.aws.signature import (
    ChunkVerifier,
    Signed,
    check_time,
    expired_token,
    read_signature,
    token_of,
    unknown_key,
    unsigned,
    verify,
    wrong_token,
)
from sagelet.aws.validation import validate
from sagelet.aws.witness import Answer, testify
from sagelet.domain.errors import DomainError, Refusal
from sagelet.store.calls import Call

if TYPE_CHECKING:
    from sagelet.engine.engine import Engine
    from sagelet.store import Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("sagelet.gateway")

#: The largest body of a request that is not S3's, in bytes.
MAX_BODY = 10 * 1024 * 1024

#: Requests that wait for a disk or a lock at the same time.
THREADS = 100

#: Larger bodies than this, in bytes, are not parsed on the event loop.
_SMALL = 64 * 1024

#: Regions name folders here.
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

#: URLs that hold their own signature and the time it ends.
_PRESIGNED = frozenset({"v4-query", "v2-query"})

_SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

_HINT = """\
This is sagelet {version}, an Amazon SageMaker endpoint on this machine.
Point AWS clients at it with: eval "$(sagelet env)"
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What belongs to an access key; a ``confined`` one is a job's.

    ``token`` and ``expired`` are for the temporary ones of a session.
    """

    secret: str
    confined: bool = False
    token: str | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gateway needs of the rest of the program.

    ``context_for`` gives a region's store and engine; ``key_of`` knows the access keys there are.
    ``anyone``: clients on this machine need no access key that is known. ``web`` makes the people's
    application, when it is first asked for; ``local`` serves the command line, by the control
    socket only. ``clock`` gives epoch seconds; ``witness`` hears of every call of
    AWS's that was answered.
    """

    account: str
    region: str
    cache: Path
    context_for: Callable[[str], tuple["Store", "Engine"]]
    key_of: Callable[[str], Key | None]
    anyone: bool
    web: Callable[[], Asgi]
    local: Asgi
    clock: Callable[[], float]
    relaxed: bool = False
    allowed_hosts: Collection[str] = ()
    witness: Callable[[Call], None] = lambda _call: None


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a call calls."""

    service: Service
    operation: Operation
    codec: Codec
    handler: Handler
    quick: bool


@dataclass(slots=True)
class _Call:
    """One request on its way; each step of the chain adds what it found out."""

    request: Request
    id: str
    signed: Signed | None = None
    route: Route | None = None
    body: bytes = b""
    heard: bool = False
    named: str = ""
    key: Key | None = None
    bound: _Bound | None = None


class Gateway:
    """The application. Close it when the server has stopped."""

    def __init__(self, surroundings: Surroundings, registry: Registry | None = None) -> None:
        self._about = surroundings
        self._registry = registry or Registry()
        self._router: Router | None = None
        self._bounds: dict[tuple[str, str | None, str | None], _Bound] = {}
        self._web: asyncio.Future[Asgi] | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sagelet-call")

    def close(self) -> None:
        """End the threads that have nothing to do; calls that run go on to their end."""
        self._pool.shutdown(wait=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _Call(read_request(scope), str(uuid.uuid4()))
        sent, began = Answer(send), time.perf_counter()
        try:
            response = await self._answer(call, scope, receive, sent)
        except DomainError as error:
            response = self._refuse(call, error)
            sent.error = error.code
        except Exception:
            LOG.exception("%s %s (%s)", call.request.method, call.request.path, call.id)
            if sent.started:
                raise
            response = self._refuse(call, _internal(call.id))
            sent.error = "InternalFailure"
        if response is not None:
            await _send(sent, response)
        if call.route is not None and sent.started:
            self._testify(call, call.route, sent, time.perf_counter() - began)

    def _testify(self, call: _Call, route: Route, sent: Answer, took: float) -> None:
        self._about.witness(
            testify(
                call.request,
                sent,
                began=self._about.clock() - took,
                took=took,
                id=call.id,
                service=route.service.name if route.service else route.protocol,
                operation=call.named or route.operation or "",
                region=call.signed.region if call.signed else self._about.region,
                body=call.body,
            )
        )

    async def _answer(
        self, call: _Call, scope: Scope, receive: Receive, send: Answer
    ) -> Response | None:
        """The chain. None: the call was answered on its way, or its client has gone."""
        self._guard(call)
        if guard.is_telemetry(call.request):
            return Response(200, [], b"")
        if call.request.path.startswith("/_"):
            return await self._people(call, scope, receive, send)
        self._read_signature(call)
        if _is_curious(call):
            return self._welcome(call.request)
        route = self._route(call)
        if route.protocol == S3:
            if _is_form(call.request):
                raise _not_served("s3 PostObject")
            self._authenticate(call, route)
            await self._s3(call, receive, send)
            return None
        if not await self._read_body(call, receive):
            return None
        bound = self._bind(call, route)
        self._authenticate(call, route)
        self._unpack(call, route)
        if bound.quick and len(call.body) <= _SMALL:
            return self._perform(call, bound)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._perform, call, bound)

    # The steps, in their order.

    def _guard(self, call: _Call) -> None:
        guard.check(call.request, self._about.allowed_hosts)

    def _read_signature(self, call: _Call) -> None:
        call.signed = read_signature(call.request)

    def _route(self, call: _Call) -> Route:
        scope = call.signed.service if call.signed else None
        call.route = self._find_router().route(call.request, scope)
        return call.route

    def _find_router(self) -> Router:
        if self._router is None:
            self._router = Router(self._registry, self._about.cache)
        return self._router

    async def _read_body(self, call: _Call, receive: Receive) -> bool:
        """Whether the whole body has come."""
        if int(call.request.headers.get("content-length") or 0) > MAX_BODY:
            raise _too_large()
        call.heard = True
        parts, size = [], 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            size += len(part)
            if size > MAX_BODY:
                raise _too_large()
            parts.append(part)
            more = message.get("more_body", False)
        call.body = parts[0] if len(parts) == 1 else b"".join(parts)
        return True

    def _bind(self, call: _Call, route: Route) -> _Bound:
        """Find the function; what a client calls for the first time is looked for once."""
        if route.protocol == "query":
            scope = call.signed.service if call.signed else None
            form = read_form(call.request, call.body)
            route = call.route = self._find_router().action(form, scope)
        key = (route.protocol, route.service.name if route.service else None, route.operation)
        bound = call.bound = self._bounds.get(key) or self._find(route)
        self._bounds[key] = bound
        return bound

    def _find(self, route: Route) -> _Bound:
        service, name = route.service, route.operation or ""
        if service is None:
            raise _not_served(name)
        registered = self._registry.of(service.name).get(name)
        if registered is None:
            raise _not_served(f"{service.name} {name}")
        codec = CODECS[route.protocol]
        operation = service.operation(name)
        return _Bound(service, operation, codec, registered.handler, registered.quick)

    def _authenticate(self, call: _Call, route: Route) -> None:
        """Know who calls; without a known key, whether that is good enough here."""
        request, signed, now = call.request, call.signed, self._about.clock()
        if request.door == LOCAL:
            return
        if signed is None:
            raise unsigned(request)
        call.key = self._about.key_of(signed.access_key)
        if call.key is None:
            if not self._about.anyone or request.door != LOOPBACK:
                raise unknown_key(request, signed)
            if signed.form in _PRESIGNED:
                check_time(signed, now)
            return
        digest = None if route.protocol == S3 else sha256(call.body).hexdigest()
        verify(request, signed, call.key.secret, now, digest)
        if token_of(request, signed) != call.key.token:
            raise wrong_token(request, signed)
        if call.key.expired:
            raise expired_token(request, signed)

    def _unpack(self, call: _Call, route: Route) -> None:
        """Undo the compression of large bodies; REST bodies are their receiver's affair."""
        if call.request.headers.get("content-encoding") != "gzip" or route.protocol == "rest-json":
            return
        unpacker = zlib.decompressobj(wbits=31)
        try:
            call.body = unpacker.decompress(call.body, MAX_BODY)
        except zlib.error as error:
            text = f"Content-Encoding is gzip, but the body is not: {error}"
            raise Refusal("SerializationException", text) from None
        if unpacker.unconsumed_tail:
            raise _too_large()

    def _perform(self, call: _Call, bound: _Bound) -> Response:
        """Parse, validate, call, serialise."""
        codec, operation = bound.codec, bound.operation
        try:
            document = codec.parse(bound.service, operation, call.request, call.body)
            validate(operation, document, wire=True, relaxed=self._about.relaxed)
        except RecursionError:
            raise Refusal("SerializationException", "The request is nested too deeply.") from None
        result = bound.handler(self._context(call, bound.operation.echo), document)
        return codec.serialise(bound.service, operation, result, call.id)

    def _context(
        self, call: _Call, echo: Callable[[dict[str, Any]], dict[str, Any]] = dict
    ) -> Context:
        signed = call.signed
        region = signed.region if signed else self._about.region
        if not _REGION.fullmatch(region):
            raise Refusal(
                "SignatureDoesNotMatch",
                f"Credential should be scoped to a valid region, not '{region[:40]}'.",
                403,
            )
        store, engine = self._about.context_for(region)
        return Context(
            self._about.account,
            region,
            signed.access_key if signed else "",
            call.id,
            store,
            engine,
            echo,
            call.key.confined if call.key else False,
        )

    # Those who answer in ways of their own.

    async def _s3(self, call: _Call, receive: Receive, send: Send) -> None:
        from sagelet.aws.services import s3

        chunks = None
        sent_hash = call.request.headers.get("x-amz-content-sha256", "")
        if call.signed and call.key and sent_hash.startswith(_SIGNED_CHUNKS):
            chunks = ChunkVerifier(call.signed, call.key.secret)

        def named(operation: str) -> None:
            call.named = operation

        await s3.serve(self._context(call), call.request, receive, send, chunks, named)

    def _welcome(self, request: Request) -> Response:
        """To a person, the page, where it may be seen; to a program, what this is."""
        html = "text/html" in request.headers.get("accept", "")
        if html and request.door == LOOPBACK and self._about.anyone:
            return Response(302, [(b"location", b"/_ui/"), (b"cache-control", b"no-store")], b"")
        return _hint()

    async def _people(
        self, call: _Call, scope: Scope, receive: Receive, send: Send
    ) -> Response | None:
        request = call.request
        if request.path == "/_health":
            return _json(200, {"status": "ok", "version": __version__})
        if request.door == LOCAL:
            await self._about.local(scope, receive, send)
            return None
        if not (request.door == LOOPBACK and self._about.anyone):
            text = "These pages are for users of this machine, where no credentials are demanded."
            raise Refusal("AccessDenied", text, 403)
        if self._web is None:
            loop = asyncio.get_running_loop()
            self._web = loop.run_in_executor(self._pool, self._about.web)
        application = await asyncio.shield(self._web)
        await application(scope, receive, send)
        return None

    def _refuse(self, call: _Call, error: DomainError) -> Response:
        request = call.request
        if request.path.startswith("/_"):
            return _json(error.status, {"code": error.code, "message": str(error)})
        route = call.route or self._route(call)  # refused at the door: what it would have been
        if route.protocol == S3:
            response = refuse_s3(error, request.path, call.id)
        else:
            operation = call.bound.operation if call.bound else None
            response = CODECS[route.protocol].refuse(route.service, operation, error, call.id)
        if error.status == _TOO_LARGE or ("expect" in request.headers and not call.heard):
            # A body that was held back, or not read to its end: what comes next is not a request.
            response.headers.append((b"connection", b"close"))
        return response


async def _send(send: Send, response: Response) -> None:
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _is_curious(call: _Call) -> bool:
    """Whether somebody just looks what is here."""
    request = call.request
    return (
        call.signed is None
        and request.method in ("GET", "HEAD")
        and request.path == "/"
        and not request.query
    )


def _is_form(request: Request) -> bool:
    """Whether a web page's form uploads an object; its signature is inside the form."""
    kind = request.headers.get("content-type", "")
    return request.method == "POST" and kind.startswith("multipart/form-data")


def _hint() -> Response:
    text = _HINT.format(version=__version__)
    return Response(200, [(b"content-type", b"text/plain; charset=utf-8")], text.encode())


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, [(b"content-type", b"application/json")], json.dumps(document).encode())


_TOO_LARGE = 413


def _too_large() -> Refusal:
    return Refusal(
        "RequestEntityTooLarge",
        f"The request body is larger than {MAX_BODY:,} bytes.",
        _TOO_LARGE,
    )


def _not_served(what: str) -> Refusal:
    text = f"{what} is not served by sagelet {__version__}; docs/reference/operations.md lists what"
    return Refusal("NotImplemented", f"{text} is.", 501)


def _internal(request_id: str) -> Refusal:
    return Refusal(
        "InternalFailure",
        "The request failed because of an error in sagelet; the log of the control plane tells "
        f"more under {request_id}.",
        500,
    )
