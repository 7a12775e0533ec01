"""Plain questions to a Docker engine, asked without loading the SDK (which takes half a second)."""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

DEFAULT_HOST = "unix:///var/run/docker.sock"


def find_engine(configured: str | None, runtime_dir: str | None) -> str:
    """The engine's address: DOCKER_HOST, else the system's socket, else a rootless one."""
    if configured:
        return configured
    if runtime_dir and not Path("/var/run/docker.sock").exists():
        rootless = Path(runtime_dir) / "docker.sock"
        if rootless.exists():
            return f"unix://{rootless}"
    return DEFAULT_HOST


def why_silent(host: str, timeout: float = 3.0) -> str | None:
    """None when an engine answers at ``host``; else why not, in one line."""
    kind, _, rest = host.partition("://")
    if kind not in ("unix", "tcp"):
        return None  # ssh and the like: only the SDK can tell
    try:
        with _connect(kind, rest, timeout) as connection:
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            answer = connection.recv(64)
    except FileNotFoundError:
        return f"no Docker engine runs here ({rest} does not exist)"
    except PermissionError:
        return f"{rest} may not be used by this user (add them to the docker group)"
    except (OSError, ValueError) as error:
        return f"no Docker engine answers at {host} ({error})"
    if b" 200 " not in answer:
        return f"what answers at {host} is no Docker engine (TLS is not supported)"
    return None


def ask(host: str, method: str, path: str, timeout: float) -> tuple[int, bytes]:
    """Ask the engine at ``host`` for ``path``; returns status and body of its answer.

    Raises:
        OSError: it does not answer.
        ValueError: it is no HTTP that answers.
    """
    with _asked(host, method, path, timeout) as connection:
        return _answer(connection)


def ask_for_all(host: str, paths: Sequence[str], timeout: float) -> list[tuple[int, bytes]]:
    """The same of several paths, which are all asked for before any answer is waited for.

    Raises:
        OSError: it does not answer all of them in the time that one has.
        ValueError: it is no HTTP that answers.
    """
    deadline = time.monotonic() + timeout
    with ExitStack() as stack:
        asked = [stack.enter_context(_asked(host, "GET", path, timeout)) for path in paths]
        answers = []
        for connection in asked:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            answers.append(_answer(connection))
        return answers


def _asked(host: str, method: str, path: str, timeout: float) -> socket.socket:
    """A connection whose question is sent."""
    kind, _, rest = host.partition("://")
    connection = _connect(kind, rest, timeout)
    question = f"{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
    try:
        connection.sendall(question.encode())
    except OSError:
        connection.close()
        raise
    return connection


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    answer = b""
    while piece := connection.recv(1 << 16):
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(b"".join(head.split(b" ", 2)[1:2])), body


def _connect(kind: str, address: str, timeout: float) -> socket.socket:
    if kind == "tcp":
        name, _, port = address.rstrip("/").partition(":")
        return socket.create_connection((name, int(port or 2375)), timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection
