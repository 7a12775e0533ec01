"""One client connection: HTTP by uvicorn, with bounds of its own, and a way out for CONNECT."""

import asyncio
import os
import threading
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from sagelet.server.connect import Connect
from sagelet.server.sendfile import EXTENSION, THREADS, send_file
from sagelet.server.tunnel import Tunnels

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

#: The longest head of a request, or trailer of a body, in bytes.
LONGEST = 65_536

#: How much of a body is taken in before the application asks for it, in bytes.
BODY = 1 << 19

#: How long a client that was answered early may go on sending, in seconds.
LINGER = 5.0

_CONNECT = b"CONNECT "
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class _Farewell:
    """A transport, closed only when the client has sent the rest of what was answered already.

    Closing it on bytes that nobody read resets the connection, and the answer is lost.
    """

    def __init__(self, connection: "Connection", cycle: RequestResponseCycle) -> None:
        self._connection = connection
        self._cycle = cycle
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        if self._cycle.more_body:
            self._connection.linger()
        else:
            self._connection.transport.close()


class Connection(HttpToolsProtocol):
    """What is asked on one connection goes to the ASGI application.

    Its first bytes decide: ``CONNECT`` is a matter of ``connect``.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        tunnels: Tunnels,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._tunnels = tunnels
        self._begun: bytes | None = b""  # what may become a CONNECT; None: it is none
        self._unread = 0  # bytes since something whole was made of them
        self._gone = threading.Event()
        self._lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come, by the door of its listener; from this machine it is a near one."""
        super().connection_made(transport)
        if self.app_state["door"] == "network" and self.client is not None:
            address = ip_address(self.client[0].partition("%")[0])
            if (getattr(address, "ipv4_mapped", None) or address).is_loopback:
                self.app_state = {"door": "loopback"}

    def data_received(self, data: bytes) -> None:
        """Parse it; a head without end is refused."""
        if self._lingers:
            return
        if self._begun is not None:
            data = self._begun + data
            if data[:8] == _CONNECT[: len(data)]:
                self._begun = data
                if len(data) >= len(_CONNECT):
                    self._connect(data)
                return
            self._begun = None
        self._unread += len(data)
        super().data_received(data)
        if self._unread > LONGEST and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._gone.set()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins; files can be sent on what is not encrypted."""
        super().on_message_begin()
        if self.scheme == "http":
            self.scope["extensions"] = {EXTENSION: {}}

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        async def with_files(scope: Any, receive: Any, send: Any) -> None:
            async def send_any(message: Any) -> None:
                if message["type"] == EXTENSION:
                    await self._send_file(cycle, message)
                else:
                    await send(message)

            await app(scope, receive, send_any)

        farewell: Any = _Farewell(self, cycle)
        cycle.transport = farewell
        super()._start_asgi_task(cycle, with_files)

    def linger(self) -> None:
        """The last answer was given: read on for a while, but listen to nothing."""
        if self._lingers or self.transport.is_closing():
            return
        self._lingers = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER, self.transport.close)

    async def _send_file(self, cycle: RequestResponseCycle, message: dict[str, Any]) -> None:
        """A part of a response's body, which has a length: ``count`` bytes of a file."""
        while self.transport.get_write_buffer_size() and not self._gone.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.001)  # what was written before goes first
        if self._gone.is_set():
            return
        count = message["count"]
        out = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            sent = await self.loop.run_in_executor(
                THREADS, send_file, out, message["file"], message["offset"], count, self._gone
            )
        finally:
            os.close(out)
        cycle.expected_content_length -= sent
        if sent < count:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        """A part of the body. More is taken in at once than uvicorn would."""
        self._unread = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > BODY:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The end of a request."""
        self._unread = 0
        super().on_message_complete()

    def _connect(self, begun: bytes) -> None:
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        trusted = self.app_state["door"] in ("local", "loopback")
        end = Connect(
            self.transport, self._tunnels, self.connections, trusted=trusted, serve=self._serve
        )
        self.transport.set_protocol(end)
        end.data_received(begun)

    def _serve(self, transport: asyncio.Transport, received: Iterable[bytes]) -> None:
        """Go on as an ordinary connection, encrypted."""
        inner = Connection(self.config, self.server_state, self.app_state, self._tunnels, self.loop)
        inner._begun = None
        transport.set_protocol(inner)
        inner.connection_made(transport)
        for data in received:
            inner.data_received(data)
