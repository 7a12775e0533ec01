"""The S3 service alone behind a real HTTP server: in a thread, or as a program that can be killed.

As a program: ``python s3.py <home> <file that gets the port>``.
"""

import asyncio
import re
import socket
import sys
import threading
import uuid
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from sagelet.aws.operation import Context
from sagelet.aws.request import read_request
from sagelet.aws.services import s3
from sagelet.store import open_store

ACCOUNT = "123456789012"


def application(store):
    async def asgi(scope, receive, send):
        request = read_request(scope)
        scoped = re.search(r"/\d{8}/([a-z0-9-]+)/s3/", request.headers.get("authorization", ""))
        region = scoped[1] if scoped else "us-east-1"
        context = Context(ACCOUNT, region, "AK", uuid.uuid4().hex, store, None)
        await s3.serve(context, request, receive, send, None)

    return asgi


class Server:
    def __init__(self, home: Path) -> None:
        self.store = open_store(home)
        self.store.objects.recover()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            application(self.store), http="httptools", loop="uvloop", log_level="warning",
            lifespan="off",
        )  # fmt: skip
        self.server = uvicorn.Server(config)

    def run(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.socket]))


@contextmanager
def running(home: Path):
    server = Server(home)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.server.should_exit = True
        thread.join()
        server.socket.close()
        server.store.database.close()


def main() -> None:
    server = Server(Path(sys.argv[1]))
    place = Path(sys.argv[2])
    part = place.with_suffix(".part")
    part.write_text(str(server.port))
    part.replace(place)
    server.run()


if __name__ == "__main__":
    main()
