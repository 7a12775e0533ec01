"""A server with a small application, in a thread of this process, and bare clients for it."""

import asyncio
import json
import socket
import threading
from contextlib import contextmanager

from sagelet.server.listen import Server

STS_ANSWER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult>"
    "<Arn>arn:aws:sts::123456789012:assumed-role/sagelet/session</Arn>"
    "<UserId>AROAEXAMPLE:session</UserId><Account>123456789012</Account>"
    "</GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)

ROLE_ANSWER = (
    '<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>'
    "<Path>/</Path><RoleName>sagelet</RoleName><RoleId>1</RoleId>"
    "<Arn>arn:aws:iam::123456789012:role/sagelet</Arn>"
    "<CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult></GetRoleResponse>"
)


async def application(scope, receive, send):
    """Says what it was asked; /sts answers as STS, /slow when told to, /echo with the body, /early
    before it has read that."""
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    body, more = b"", scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    kind = b"application/json"
    if headers.get("host", "").startswith("sm-pysdk-t-"):
        answer = b""
    elif b"Action=GetCallerIdentity" in body:
        kind, answer = b"text/xml", STS_ANSWER.encode()
    elif b"Action=GetRole" in body:
        kind, answer = b"text/xml", ROLE_ANSWER.encode()
    elif scope["path"] == "/echo":
        answer = body
    else:
        if scope["path"] == "/slow":
            SLOW.asked.set()
            await asyncio.to_thread(SLOW.go_on.wait)
        answer = json.dumps(
            {
                "door": scope["state"]["door"],
                "server": scope["server"],
                "scheme": scope["scheme"],
                "host": headers.get("host"),
                "length": len(body),
            }
        ).encode()
    length = str(len(answer)).encode()
    start = {"type": "http.response.start", "status": 200}
    await send({**start, "headers": [(b"content-type", kind), (b"content-length", length)]})
    await send({"type": "http.response.body", "body": answer})


class SLOW:
    """A request to /slow has come; it may be answered."""

    asked = threading.Event()
    go_on = threading.Event()


@contextmanager
def serving(server: Server):
    """Run it in a thread; it is stopped, and must end, when the block does."""
    ready = threading.Event()
    errors = []

    def run():
        try:
            server.run(ready.set)
        except BaseException as error:
            errors.append(error)
            ready.set()
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        assert errors == []
        yield server
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


def read_answer(file) -> tuple[int, dict[str, str], bytes]:
    """One HTTP answer off a socket's file: status, headers, body."""
    status = file.readline()
    assert status.startswith(b"HTTP/1.1 "), status
    headers = {}
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers.get("content-length", 0)))
    return int(status.split()[1]), headers, body


def get(sock: socket.socket, path: str = "/", host: str = "x") -> dict:
    """Ask, and what the application says."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    with sock.makefile("rb") as file:
        status, _, body = read_answer(file)
    assert status == 200
    return json.loads(body)


def connect(port: int, target: str, headers: str = "") -> tuple[socket.socket, int, bytes]:
    """Ask for a tunnel: the connection, the status, what was said with it."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, answer
        answer += byte
    status = int(answer.split()[1])
    said = b""
    if status != 200:
        while part := sock.recv(4096):
            said += part
    return sock, status, answer + said
