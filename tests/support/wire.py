"""A gateway behind a real server, in a thread; its operations are the test's own."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from sagelet.aws.gateway import Gateway, Key, Surroundings
from sagelet.aws.operation import Registered
from sagelet.aws.registry import FixedRegistry
from sagelet.server.listen import Server


class Plane:
    """Where it listens, and clients for it."""

    def __init__(self, port: int, containers: int, path: Path) -> None:
        self.port, self.containers, self.path = port, containers, path
        self.url = f"http://127.0.0.1:{port}"

    @contextmanager
    def client(
        self,
        service: str,
        key: tuple[str, ...] = ("test", "test"),
        region: str = "us-east-1",
        url: str | None = None,
        **config: Any,
    ) -> Iterator[Any]:
        """A stock boto3 client that tries once."""
        session = boto3.Session(*key, region_name=region)
        options = Config(retries={"total_max_attempts": 1}, **config)
        made = session.client(service, endpoint_url=url or self.url, config=options)
        yield made
        made.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        headers: dict[str, str] | None = None,
        *,
        local: bool = False,
    ) -> tuple[int, dict[str, str], bytes]:
        """A request as it stands: status, headers in lower case, body."""
        connection = (
            _Local(self.path) if local else http.client.HTTPConnection("127.0.0.1", self.port)
        )
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def call(
        self, target: str, document: Any, *, local: bool = True, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """A JSON 1.1 call without a signature."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        known = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", **headers}
        status, found, answer = self.ask("POST", "/", body, known, local=local)
        return status, found, json.loads(answer) if answer else None


class _Local(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


@contextmanager
def plane(
    cache: Path,
    folder: Path,
    operations: Iterable[Registered],
    *,
    keys: dict[str, Key] | None = None,
    clock: Callable[[], float] = time.time,
    **surroundings: Any,
) -> Iterator[Plane]:
    """Serve these operations on loopback, on an address for containers, on a control socket."""
    gateway = Gateway(
        Surroundings(
            account="123456789012",
            region="eu-central-1",
            cache=cache,
            context_for=lambda region: (None, None),
            key_of=(keys or {}).get,
            clock=clock,
            **{"anyone": True, "web": _no_web, "local": _no_web, **surroundings},
        ),
        FixedRegistry(operations),
    )
    server = Server(gateway)
    made = Plane(server.open("127.0.0.1", 0), server.add("127.0.0.2", 0), folder / "control.sock")
    server.open_unix(made.path)
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=[ready.set])
    thread.start()
    try:
        assert ready.wait(30)
        yield made
    finally:
        server.stop()
        thread.join()
        gateway.close()


def _no_web() -> Any:
    raise AssertionError("nobody asked for pages")
