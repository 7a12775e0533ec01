"""The two ends of a tunnel: bytes both ways, back-pressure, each direction ending for itself."""

import asyncio
import re

#: The longest answer of a proxy to CONNECT, in bytes.
LONGEST = 16_384

#: What tells a client that its tunnel is open.
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class End(asyncio.Protocol):
    """One end of a tunnel: what comes in goes out at the other, no faster than that takes it."""

    transport: asyncio.Transport | None = None
    other: "End | None" = None
    finished = False  # it will send no more

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is not None:
            self.other.write(data)

    def write(self, data: bytes) -> None:
        """Send, unless it is closed."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        """This end takes no more for now: let the other stop reading."""
        if self.other is not None:
            self.other.read(on=False)

    def resume_writing(self) -> None:
        """This end takes more again."""
        if self.other is not None:
            self.other.read(on=True)

    def read(self, *, on: bool) -> None:
        """Start or stop reading."""
        if self.transport is not None and not (self.finished or self.transport.is_closing()):
            (self.transport.resume_reading if on else self.transport.pause_reading)()

    def eof_received(self) -> bool:
        """One direction ends; the other goes on until it ends too (TLS ends both)."""
        self.finished = True
        end, other = self.transport, self.other.transport if self.other else None
        if self.other is None or end is None or other is None or other.is_closing():
            return False
        if self.other.finished:
            self.other.close()
            return False
        if other.can_write_eof():
            other.write_eof()
        return end.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """With one end the tunnel is gone."""
        if self.other is not None:
            self.other.close(at_once=exc is not None)

    def close(self, *, at_once: bool = False) -> None:
        """Close this end, when what is under way has been sent."""
        if self.transport is not None:
            (self.transport.abort if at_once else self.transport.close)()


class Remote(End):
    """The far end. ``greeting`` is what a proxy must be asked first."""

    def __init__(self, client: End, greeting: bytes | None) -> None:
        self._greeting = greeting
        self._head = b""
        self._client = client
        #: Done when the tunnel is open.
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Reached: tell the client, before anything that comes from there."""
        self.transport = transport  # type: ignore[assignment]
        if self._greeting is None:
            self._open(b"")
        else:
            self.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        """Pass it on; what a proxy answers first is for us."""
        if self.other is not None:
            self.other.write(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end:
            status = head.split(b"\r\n", 1)[0].decode("latin-1")
            if re.match(r"HTTP/1\.\d 2\d\d", status):
                self._open(rest)
            else:
                self._fail(f"it answered '{status}'")
        elif len(self._head) > LONGEST:
            self._fail("it answers without end")

    def _open(self, rest: bytes) -> None:
        if self.opened.done():
            return
        self.other, self._client.other = self._client, self
        self._client.write(ESTABLISHED + rest)
        self.opened.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(reason))
        self.close(at_once=True)

    def eof_received(self) -> bool:
        """The end of what comes from there."""
        if self.other is None:
            self._fail("it hung up")
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(str(exc or "it hung up")))
            self.opened.exception()  # whoever has given up waiting need not hear of it
        super().connection_lost(exc)
