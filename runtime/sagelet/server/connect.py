"""The client's end of a CONNECT: its head, the answer, and TLS with us where we are the host."""

import asyncio
import ssl
from collections.abc import Callable, Iterable, MutableSet
from typing import Any

from sagelet.domain.errors import DomainError
from sagelet.server.relay import ESTABLISHED, End
from sagelet.server.tunnel import PATIENCE, Refused, Target, Tunnels

#: The longest head of a CONNECT, in bytes.
LONGEST = 16_384
#: How long a client may take to say goodbye in TLS, in seconds; one that keeps its connection for
#: later does not look at it until then.
FAREWELL = 1.0

_REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    407: "Proxy Authentication Required",
    502: "Bad Gateway",
}


class Connect(End):
    """The client's end of a CONNECT, from its head on; it counts as an open connection.

    ``serve`` goes on with a TLS transport as with any connection of ours.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        tunnels: Tunnels,
        connections: MutableSet[Any],
        *,
        trusted: bool,
        serve: Callable[[asyncio.Transport, Iterable[bytes]], None],
    ) -> None:
        self.transport: asyncio.Transport = transport
        self._tunnels = tunnels
        self._connections = connections
        self._trusted = trusted
        self._serve = serve
        self._head = b""
        self._task: asyncio.Task[None] | None = None
        connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Read the head, then pass on."""
        if self._task is not None:
            super().data_received(data)
            return
        self._head += data
        head, end, early = self._head.partition(b"\r\n\r\n")
        if end:
            self.read(on=False)
            self._task = asyncio.get_running_loop().create_task(self._answer(head, early))
        elif len(self._head) > LONGEST:
            self._refuse(Refused(400, "the head is too long"))

    async def _answer(self, head: bytes, early: bytes) -> None:
        try:
            target = Target.parse(head)
            context = self._tunnels.context_for(target)
            if context is None:
                await self._tunnel(target, early)
            else:
                await self._speak_tls(context, early)
        except Refused as refused:
            self._refuse(refused)

    async def _tunnel(self, target: Target, early: bytes) -> None:
        if not self._trusted and not self._tunnels.admits(target.authorization):
            raise Refused(407, "tunnels from elsewhere take an access key and its secret")
        remote = await self._tunnels.dial(target, self, confined=not self._trusted)
        if early:
            remote.write(early)
        self.read(on=True)

    async def _speak_tls(self, make: Callable[[], ssl.SSLContext], early: bytes) -> None:
        """Go on with TLS as ourselves."""
        if early:
            raise Refused(400, "nothing may be sent before the answer to CONNECT")
        loop = asyncio.get_running_loop()
        try:
            context = await loop.run_in_executor(None, make)
        except (OSError, ValueError, DomainError) as error:
            raise Refused(502, f"cannot make a certificate: {error}") from error
        self.write(ESTABLISHED)
        first = _First()
        try:
            encrypted = await loop.start_tls(
                self.transport,
                first,
                context,
                server_side=True,
                ssl_handshake_timeout=PATIENCE,
                ssl_shutdown_timeout=FAREWELL,
            )
        except OSError:  # it does not trust us, or went away
            self.close(at_once=True)
            return
        except asyncio.CancelledError:
            self.close(at_once=True)
            raise
        finally:
            self._connections.discard(self)
        if encrypted is not None and not first.lost:
            self._serve(encrypted, first.received)

    def _refuse(self, refused: Refused) -> None:
        body = f"sagelet: {refused}\n".encode()
        lines = [
            f"HTTP/1.1 {refused.status} {_REASONS[refused.status]}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if refused.status == 407:
            lines.append('Proxy-Authenticate: Basic realm="sagelet"')
        self.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, and with it the tunnel."""
        self._connections.discard(self)
        super().connection_lost(exc)
        if self._task is not None:
            self._task.cancel()

    def shutdown(self) -> None:
        """The server stops, and the tunnel at once: a peer that takes nothing would keep it."""
        if self._task is not None:
            self._task.cancel()
        for end in (self, self.other):
            if end is not None:
                end.close(at_once=True)


class _First(asyncio.Protocol):
    """Keeps what comes between the end of the handshake and the connection's next protocol."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.lost = True
