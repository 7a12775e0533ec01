"""The HTTP server: one ASGI application behind several sockets.

Which socket a request came through is its door: ``scope["state"]["door"]``.
"""

import asyncio
import functools
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import uvicorn

from sagelet.domain.errors import ValidationException
from sagelet.server.protocol import Connection
from sagelet.server.sockets import BACKLOG, bind_tcp, bind_unix, is_loopback
from sagelet.server.tunnel import Tunnels
from sagelet.server.upstream import Upstream

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

#: local: the control socket, whose owner alone can open it. loopback: this machine. containers:
#: the address that jobs reach. network: any other, from elsewhere.
Door = Literal["local", "loopback", "containers", "network"]

#: How long a connection is kept without a request, in seconds.
KEEP_ALIVE = 75
#: How long requests in flight may go on when the server stops, in seconds.
GRACE = 5


def door_of(scope: dict[str, Any]) -> Door:
    """By which door a request came."""
    door: Door = scope["state"]["door"]
    return door


class Server:
    """Serves ``asgi`` until it is stopped.

    ``demands_credentials``: it verifies who calls, so it may listen beyond this machine.
    ``context`` makes the TLS context for clients that insist on AWS's own addresses, at the first
    of them. ``secret_of`` gives the secret of an access key, for tunnels from elsewhere.
    ``leaving`` is called when no more requests are taken: what never ends by itself ends then.
    """

    def __init__(
        self,
        asgi: Callable[..., Awaitable[None]],
        *,
        demands_credentials: bool = False,
        context: Callable[[], ssl.SSLContext] | None = None,
        upstream: Upstream | None = None,
        secret_of: Callable[[str], str | None] = lambda _key: None,
        leaving: Callable[[], None] = lambda: None,
        uvloop: bool = True,
    ) -> None:
        self._demands_credentials = demands_credentials
        self._tunnels = Tunnels(context, upstream or Upstream(), secret_of)
        self._uvloop = uvloop
        self._paths: list[Path] = []
        config = uvicorn.Config(
            cast("ASGI3Application", asgi),
            interface="asgi3",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
        )
        self._uvicorn = _Uvicorn(config, self._tunnels, leaving)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._uvicorn.server_state.connections)

    def open(self, host: str, port: int) -> int:
        """Listen on an address and give its port (0 takes a free one).

        Raises:
            ValidationException: not an address of this machine; or others reach it and nobody
                is asked for credentials.
            PortTaken: another program has it.
        """
        near = is_loopback(host)
        if not near and not self._demands_credentials:
            raise ValidationException(
                f"Others can reach {host}, and no credentials are demanded: set "
                f"SAGELET_ACCESS_KEY_ID and SAGELET_SECRET_ACCESS_KEY, or listen on 127.0.0.1."
            )
        return self._listen(bind_tcp(host, port), "loopback" if near else "network")

    def add(self, host: str, port: int) -> int:
        """Listen for containers too, on the address they reach; also while running.

        What comes by this door must be signed with a job's credentials.

        Raises:
            ValidationException, PortTaken: as for ``open``.
        """
        return self._listen(bind_tcp(host, port), "containers")

    def open_unix(self, path: Path) -> None:
        """Listen on the control socket; a stale one is replaced."""
        self._paths.append(path)
        self._listen(bind_unix(path), "local")

    def _listen(self, sock: socket.socket, door: Door) -> int:
        port = int(sock.getsockname()[1]) if sock.family != socket.AF_UNIX else 0
        if port:
            self._tunnels.ports.add(port)
        self._uvicorn.listen(sock, door)
        return port

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop``. ``ready`` is called once requests are answered."""
        factory = None
        if self._uvloop:
            import uvloop

            factory = uvloop.new_event_loop
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(self._uvicorn.serve_until_stopped(ready))
        finally:
            self.close()

    def stop(self) -> None:
        """Take no more requests, finish those in flight, return from ``run``; from any thread."""
        self._uvicorn.stop()

    def close(self) -> None:
        """Close the sockets of a server that does not run."""
        self._uvicorn.close_sockets()
        for path in self._paths:
            path.unlink(missing_ok=True)


def _matters(record: logging.LogRecord) -> bool:
    """Not that a request was cut off when the server stopped: that is as it should be."""
    cut = record.exc_info is not None and record.exc_info[0] is asyncio.CancelledError
    return not (cut or record.getMessage().startswith("Cancel "))


class _Uvicorn(uvicorn.Server):
    """uvicorn's server on sockets of ours, without its signals and its ten wake-ups a second."""

    def __init__(
        self, config: uvicorn.Config, tunnels: Tunnels, leaving: Callable[[], None]
    ) -> None:
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_matters)
        self.servers: list[asyncio.base_events.Server] = []
        self._tunnels = tunnels
        self._leaving = leaving
        self._waiting: list[tuple[socket.socket, Door]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._ready: Callable[[], None] = lambda: None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command line's."""
        yield

    async def serve_until_stopped(self, ready: Callable[[], None]) -> None:
        """Run in the current loop."""
        self._ready = ready
        try:
            await self.serve()
        finally:
            for server in self.servers:
                server.close()

    def listen(self, sock: socket.socket, door: Door) -> None:
        """Accept on a socket that listens: now, or once there is a loop; from any thread."""
        self._waiting.append((sock, door))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._accept_soon)

    def _accept_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._accept())
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and not self.should_exit:
            sock, door = self._waiting.pop(0)
            make = functools.partial(
                Connection,
                config=self.config,
                server_state=self.server_state,
                app_state={"door": door},
                tunnels=self._tunnels,
                _loop=loop,
            )
            if sock.family == socket.AF_UNIX:
                server = await loop.create_unix_server(make, sock=sock, backlog=BACKLOG)
            else:
                server = await loop.create_server(make, sock=sock, backlog=BACKLOG)
            self.servers.append(server)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Accept on all sockets."""
        await self.on_tick(0)  # the Date of the first answers
        self._loop = asyncio.get_running_loop()
        await self._accept()
        self.started = True
        self._ready()

    async def main_loop(self) -> None:
        """Wait for the end; each second the Date header goes on."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in flight; after the grace, cut off whoever does not end."""
        self._leaving()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # for the transports to be closed

    def stop(self) -> None:
        """End the main loop; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it is already over
                self._loop.call_soon_threadsafe(self._stopped.set)

    def close_sockets(self) -> None:
        """Close what was never accepted on."""
        while self._waiting:
            self._waiting.pop()[0].close()
