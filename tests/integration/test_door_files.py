"""Files that the kernel sends: whole, in parts, to clients that read slowly, vanish, ask again."""

import hashlib
import os
import socket

import pytest

from sagelet.server.listen import Server
from sagelet.server.sendfile import EXTENSION
from support.door import serving

SIZE = 12 << 20


@pytest.fixture(params=["uvloop", "asyncio"])
def files(request, tmp_path):
    """A server that sends /OFFSET/COUNT of a file, and the file's content."""
    path = tmp_path / "file"
    content = os.urandom(SIZE)
    path.write_bytes(content)

    async def application(scope, receive, send):
        offset, count = map(int, scope["path"].split("/")[1:])
        length = [(b"content-length", str(count + 4).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"head", "more_body": True})
        assert EXTENSION in scope["extensions"]
        descriptor = os.open(path, os.O_RDONLY)
        try:
            await send({"type": EXTENSION, "file": descriptor, "offset": offset, "count": count})
        finally:
            os.close(descriptor)
        await send({"type": "http.response.body", "body": b""})

    server = Server(application, uvloop=request.param == "uvloop")
    port = server.open("127.0.0.1", 0)
    with serving(server):
        yield content, lambda: socket.create_connection(("127.0.0.1", port), timeout=30)


def ask(client, offset, count):
    client.sendall(f"GET /{offset}/{count} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def read(client, count):
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(1)
    found = b""
    while len(found) < count + 4:
        piece = client.recv(1 << 20)
        if not piece:
            return None
        found += piece
    assert found[:4] == b"head"
    return found[4:]


def test_parts_of_a_file_come_whole_on_one_connection(files):
    content, connect = files
    with connect() as client:
        for offset, count in ((0, SIZE), (5, 3), (SIZE - 1, 1), (1 << 20, 4 << 20)):
            ask(client, offset, count)
            assert read(client, count) == content[offset : offset + count]


def test_clients_at_once_get_what_is_theirs(files):
    content, connect = files
    clients = [connect() for _ in range(8)]
    for client in clients:
        ask(client, 0, SIZE)
    wanted = hashlib.sha256(content).digest()
    for client in clients:
        with client:
            assert hashlib.sha256(read(client, SIZE)).digest() == wanted


def test_who_vanishes_ends_the_sending(files):
    content, connect = files
    for _ in range(5):
        with connect() as client:
            ask(client, 0, SIZE)
            client.recv(100)
    with connect() as client:
        ask(client, 0, SIZE)
        assert read(client, SIZE) == content


def test_a_file_that_is_shorter_than_said_breaks_the_connection(files):
    _, connect = files
    with connect() as client:
        ask(client, SIZE - 10, 100)
        assert read(client, 100) is None
