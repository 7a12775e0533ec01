"""One client connection: HTTP by uvicorn, with bounds of its own, and a way out for CONNECT."""

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sagelet.server.connect import Connect
from sagelet.server.tunnel import Tunnels

#: The longest head of a request, or trailer of a body, in bytes.
LONGEST = 65_536

_CONNECT = b"CONNECT "
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come, by the door of its listener; from this machine it is a near one."""
        super().connection_made(transport)
        if self.app_state["door"] == "network" and self.client is not None:
            address = ip_address(self.client[0].partition("%")[0])
            if (getattr(address, "ipv4_mapped", None) or address).is_loopback:
                self.app_state = {"door": "loopback"}

    def data_received(self, data: bytes) -> None:
        """Parse it; a head without end is refused."""
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

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unread = 0
        super().on_body(body)

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
