"""A load generator that costs little: bytes made beforehand, sockets kept open, one event loop.

Usage: python benchmarks/load.py < plan.json. The plan has ``host``, ``port``, ``clients``,
``seconds`` and ``requests`` (base64); every client sends them in turn, from a place of its own in
the row, and waits for each answer. Printed: {"requests", "seconds", "p50", "p99", "failures"},
times in milliseconds.
"""

import asyncio
import base64
import gc
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import cast

#: How long outstanding answers are waited for after the time is over, in seconds.
PATIENCE = 20.0

LENGTH = re.compile(rb"content-length:[ ]*([0-9]+)", re.IGNORECASE)
CLOSES = re.compile(rb"connection:[ ]*close", re.IGNORECASE)


class Client:
    """One connection at a time, one request at a time."""

    def __init__(
        self,
        address: tuple[str, int],
        requests: Iterator[bytes],
        latencies: list[float],
        until: float,
    ) -> None:
        self.address, self.requests = address, requests
        self.latencies, self.until = latencies, until
        self.failures = 0
        self.over = asyncio.get_running_loop().create_future()
        self.connection: Connection | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def ask(self) -> None:
        """The next request, over this connection or a new one, whose making is part of its time."""
        self.asked = time.perf_counter()
        if self.asked >= self.until:
            if self.connection is not None:
                self.connection.transport.abort()
            self.over.set_result(None)
        elif self.connection is not None:
            self.connection.ask(next(self.requests))
        else:
            task = asyncio.get_running_loop().create_task(self.connect())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def connect(self) -> None:
        """A new connection and its first request; a refused one is a failure, and tried again."""
        loop = asyncio.get_running_loop()
        try:
            _, self.connection = await loop.create_connection(
                lambda: Connection(self), *self.address
            )
        except OSError:
            self.failures += 1
            loop.call_later(0.05, self.ask)
        else:
            self.connection.ask(next(self.requests))

    def answered(self, status: bytes, *, stays: bool) -> None:
        """An answer is whole."""
        self.latencies.append(time.perf_counter() - self.asked)
        self.failures += status not in (b"200", b"206")
        if not stays:
            self.connection = None
        self.ask()

    def failed(self) -> None:
        """The connection ended before the answer."""
        self.connection = None
        self.failures += 1
        if not self.over.done():
            self.ask()


class Connection(asyncio.Protocol):
    """One connection of a client: where an answer ends."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def ask(self, request: bytes) -> None:
        """Send a request."""
        self.head: bytes | None = None
        self.received = bytearray()
        self.missing = -1  # until the connection closes
        self.waiting = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        if self.head is None:
            self.received += data
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head = bytes(self.received[:end])
            length = LENGTH.search(self.head)
            if length:
                self.missing = int(length[1]) - (len(self.received) - end - 4)
        elif self.missing >= 0:
            self.missing -= len(data)
        if self.missing == 0:
            self.answered(stays=not (CLOSES.search(self.head) or self.head[:8] == b"HTTP/1.0"))

    def answered(self, *, stays: bool) -> None:
        """The answer is whole; a connection that will close is closed first."""
        assert self.head is not None
        self.waiting = False
        if not stays:
            self.transport.abort()
        self.client.answered(self.head[9:12], stays=stays)

    def connection_lost(self, _error: Exception | None) -> None:
        """The end of an answer without a length, or a failure."""
        if self.waiting and self.head is not None and self.missing < 0:
            self.answered(stays=False)
        elif self.waiting:
            self.waiting = False
            self.client.failed()


async def load(
    address: tuple[str, int], requests: Sequence[bytes], clients: int, seconds: float
) -> dict[str, float]:
    """Let ``clients`` send for ``seconds``."""
    latencies: list[float] = []
    started = time.perf_counter()
    all_of_them = []
    for number in range(clients):
        first = number * len(requests) // clients
        row = itertools.cycle([*requests[first:], *requests[:first]])
        client = Client(address, row, latencies, started + seconds)
        client.ask()
        all_of_them.append(client)
    await asyncio.wait([client.over for client in all_of_them], timeout=seconds + PATIENCE)
    if not latencies:  # a server that needs longer than that for its first answer gets the time
        await asyncio.wait(
            [client.over for client in all_of_them],
            timeout=10 * PATIENCE,
            return_when=asyncio.FIRST_COMPLETED,
        )
    took = time.perf_counter() - started
    answered = len(latencies)
    # Whoever still waits has waited that long at least.
    latencies += [time.perf_counter() - c.asked for c in all_of_them if not c.over.done()]
    latencies.sort()
    if not answered:
        raise SystemExit("no request was answered")
    return {
        "requests": answered,
        "seconds": took,
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[int(len(latencies) * 0.99)] * 1e3,
        "failures": sum(client.failures for client in all_of_them),
    }


def main() -> None:
    """Read the plan, carry it out, print what was measured."""
    plan = json.load(sys.stdin)
    requests = [base64.b64decode(text) for text in plan["requests"]]
    gc.disable()
    import uvloop

    work = load((plan["host"], plan["port"]), requests, plan["clients"], plan["seconds"])
    print(json.dumps(uvloop.run(work)))


if __name__ == "__main__":
    main()
