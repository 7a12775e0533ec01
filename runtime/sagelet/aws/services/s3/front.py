"""S3's HTTP: from a request's head to its operation, bodies in and out, errors in S3's form."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from sagelet.aws.chunked import Verifier
from sagelet.aws.operation import OPERATIONS, Context, Document
from sagelet.aws.request import ZERO_COPY, Request
from sagelet.aws.services.s3 import documents, xml
from sagelet.aws.services.s3.address import Address, find_address
from sagelet.aws.services.s3.body import Body, ClientGone, Digests, Intake, Receive
from sagelet.aws.services.s3.model import Operation, load
from sagelet.aws.services.s3.reply import Bytes
from sagelet.domain.errors import DomainError, Refusal
from sagelet.store.blobs import PIECE

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Check = Callable[[Context, Document], tuple[str, ...]]
T = TypeVar("T")

#: Largest XML body, in bytes: a completion of 10,000 parts with checksums.
MAX_DOCUMENT = 8 << 20
#: How long a completion may take without a sign of life, in seconds: clients give up after 60.
PATIENCE = 15.0
#: Requests that wait for disks at the same time.
THREADS = 16

_POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="sagelet-s3")

#: What is asked before a body is read, by operation; says which checksums to compute besides.
CHECKS: dict[str, Check] = {}

#: Headers of presigned URLs that travel in the query string; the checksums among them are of the
#: empty body that was there when they were signed.
_HOISTED = ("x-amz-", "content-type", "content-md5")
_NOT_HOISTED = ("x-amz-checksum-", "x-amz-sdk-checksum-")


async def serve(
    context: Context,
    request: Request,
    receive: Receive,
    send: Send,
    chunks: Verifier | None,
    named: Callable[[str], None] = lambda _operation: None,
) -> None:
    """Answer one request, errors included.

    Who asks and whether he may has been settled before. ``chunks`` checks the signatures of an
    aws-chunked body; ``named`` is told which operation it is. A bucket is served in every region:
    which one it is in is remembered, and told to those who ask.

    Raises:
        Exception: a fault of ours; the response has not begun.
    """
    exchange = _Exchange(context, request, receive, send, chunks, named)
    try:
        await exchange.answer()
    except ClientGone:
        return
    except DomainError as error:
        if exchange.started:
            raise
        await exchange.refuse(error)
    except OSError as error:
        if exchange.started:
            raise
        text = f"We encountered an internal error. Please try again. ({error})"
        await exchange.refuse(Refusal("InternalError", text, 500))


@dataclass(slots=True)
class _Exchange:
    """One request and its response."""

    context: Context
    request: Request
    receive: Receive
    sender: Send
    chunks: Verifier | None
    named: Callable[[str], None]
    started: bool = False
    heard: bool = False
    address: Address = field(init=False)

    async def answer(self) -> None:
        """From the head to the last byte."""
        self.address = find_address(self.request)
        query = _query(self.request.query)
        headers = _with_hoisted(self.request.headers, query)
        operation = self._choose(query, headers)
        self.named(operation.name)
        registered = OPERATIONS.get(("s3", operation.name))
        if registered is None:
            raise Refusal("NotImplemented", f"{operation.name} is not implemented by this S3.", 501)
        document = documents.read_head(operation, self.address, query, headers)
        _check_owner(self.context, document)
        work = partial(registered.handler, self.context, document)
        body = Body(headers, self._hear, self.chunks)
        if not documents.streams(operation):
            await self._read_document(operation, headers, body, document)
            if operation.name == "CompleteMultipartUpload":
                await self._send_late(operation, asyncio.ensure_future(_run(work)))
            else:
                await self._send(operation, await _run(work))
            return
        also = await _run(CHECKS[operation.name], self.context, document)
        digests = Digests(headers, also)
        intake = Intake(self.context.store.objects.blobs, body, digests)
        document["Body"] = intake
        try:
            await _take_in(body, intake)
            await self._send(operation, await _run(work))
        finally:
            intake.discard()

    def _choose(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Operation:
        model = load()
        known = {name for service, name in OPERATIONS if service == "s3"}
        method = self.request.method
        found = model.choose(method, self.address.labels, query, headers, known)
        if found is None:
            raise Refusal(
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                405,
                Method=method,
            )
        return found

    async def _read_document(
        self, operation: Operation, headers: Mapping[str, str], body: Body, document: Document
    ) -> None:
        if body.size is not None and body.size > MAX_DOCUMENT:
            raise Refusal("MaxMessageLengthExceeded", "Your request was too big.")
        digests = Digests(headers, checksummed=operation.checksummed)
        data = bytearray()
        async for piece in body.pieces():
            data += piece
            if len(data) > MAX_DOCUMENT:
                raise Refusal("MaxMessageLengthExceeded", "Your request was too big.")
        digests.update(bytes(data))
        digests.check(body.trailers)
        documents.read_body(operation, document, bytes(data))

    async def _send(self, operation: Operation, document: Document) -> None:
        source = document.get("Body")
        if not isinstance(source, Bytes):
            status, headers, body = documents.write(operation, document)
            await self._start(status, headers, len(body))
            await self.sender({"type": "http.response.body", "body": body})
            return
        try:
            status, headers, _ = documents.write(operation, document)
            await self._start(status, headers, None)
            await self._stream(source)
        finally:
            source.close()

    async def _send_late(self, operation: Operation, working: "asyncio.Future[Document]") -> None:
        """Answer as S3 does what may take minutes: 200 at once, spaces meanwhile, then the body.

        A refusal comes in that body too.
        """
        await asyncio.wait([working], timeout=PATIENCE)
        if working.done():
            await self._send(operation, await working)
            return
        await self._start(200, [(b"content-type", b"application/xml")], None)
        piece = xml.DECLARATION.encode()
        while not working.done():
            await self.sender({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.wait([working], timeout=PATIENCE)
            piece = b" "
        try:
            _, _, body = documents.write(operation, await working)
        except DomainError as error:
            body = self._said(error)
        body = body.removeprefix(xml.DECLARATION.encode())
        await self.sender({"type": "http.response.body", "body": body})

    async def _stream(self, source: Bytes) -> None:
        """Send the pieces, reading one ahead; stop when the client has gone."""
        piece, offset = source.first, len(source.first)
        if offset == source.length:
            await self.sender({"type": "http.response.body", "body": piece})
            return
        if self.request.zero_copy:
            await self._stream_file(source)
            return
        gone = asyncio.ensure_future(self._wait_until_gone())
        try:
            while piece and not gone.done():
                left = source.length - offset
                ahead = asyncio.ensure_future(_run(source.read, offset, min(PIECE, left)))
                try:
                    more = left > 0
                    await self.sender(
                        {"type": "http.response.body", "body": piece, "more_body": more}
                    )
                finally:
                    piece = await ahead
                offset += len(piece)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _stream_file(self, source: Bytes) -> None:
        """The first piece, which is read; the kernel sends the others."""
        done = len(source.first)
        await self.sender({"type": "http.response.body", "body": source.first, "more_body": True})
        await self.sender(
            {
                "type": ZERO_COPY,
                "file": source.descriptor,
                "offset": source.start + done,
                "count": source.length - done,
            }
        )
        await self.sender({"type": "http.response.body", "body": b""})

    async def _hear(self) -> MutableMapping[str, Any]:
        self.heard = True
        return await self.receive()

    async def _wait_until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _start(self, status: int, headers: documents.Headers, length: int | None) -> None:
        self.started = True
        request_id = self.context.request_id.encode()
        headers += [(b"x-amz-request-id", request_id), (b"x-amz-id-2", request_id)]
        if length is not None and status not in (204, 304) and not _has_length(headers):
            headers.append((b"content-length", b"%d" % length))
        await self.sender({"type": "http.response.start", "status": status, "headers": headers})

    async def refuse(self, error: DomainError) -> None:
        """The error as S3 says it; a HEAD has no body to say it in."""
        members: dict[str, str] = dict(getattr(error, "members", {}))
        headers: documents.Headers = []
        if "ETag" in members and error.status == 304:
            headers.append((b"etag", members["ETag"].encode("latin-1")))
        if "expect" in self.request.headers and not self.heard:
            # The client holds its body back, and the server would take what comes next for it.
            headers.append((b"connection", b"close"))
        body = b""
        if self.request.method != "HEAD" and error.status != 304:
            headers.append((b"content-type", b"application/xml"))
            body = self._said(error)
        await self._start(error.status, headers, len(body))
        await self.sender({"type": "http.response.body", "body": body})

    def _said(self, error: DomainError) -> bytes:
        said = {
            "Code": error.code,
            "Message": str(error),
            **getattr(error, "members", {}),
            "Resource": self.request.path,
            "RequestId": self.context.request_id,
            "HostId": self.context.request_id,
        }
        content = "".join(xml.element(name, xml.text(value)) for name, value in said.items())
        return (xml.DECLARATION + xml.element("Error", content)).encode()


async def _run(function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_POOL, function, *arguments)


async def _take_in(body: Body, intake: Intake) -> None:
    """Read the body; while one batch is written and hashed, the next one comes in."""
    batch: list[bytes] = []
    size = 0
    writing: asyncio.Future[None] | None = None
    try:
        async for piece in body.pieces():
            batch.append(piece)
            size += len(piece)
            if size >= PIECE:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(_run(intake.take, batch))
                batch, size = [], 0
    finally:
        if writing is not None:
            await asyncio.wait([writing])
    if writing is not None:
        writing.result()
    intake.leave(batch)


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except ValueError:
        raise Refusal("InvalidURI", "Couldn't parse the specified URI.") from None


def _with_hoisted(headers: Mapping[str, str], query: Mapping[str, str]) -> Mapping[str, str]:
    if "Signature" not in query and "X-Amz-Signature" not in query:
        return headers
    hoisted = {
        name: value.encode().decode("latin-1")
        for name, value in query.items()
        if name.startswith(_HOISTED) and not name.startswith(_NOT_HOISTED)
    }
    return {**hoisted, **headers}


def _check_owner(context: Context, document: Document) -> None:
    for member in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner"):
        if document.get(member, context.account) != context.account:
            raise Refusal("AccessDenied", "Access Denied", 403)


def _has_length(headers: documents.Headers) -> bool:
    return any(name == b"content-length" for name, _ in headers)
