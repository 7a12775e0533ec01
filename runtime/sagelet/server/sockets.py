"""Sockets that listen: TCP addresses and the control socket. What is spoken there is elsewhere."""

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from sagelet.domain.errors import DomainError, ValidationException

#: Connections that wait to be accepted.
BACKLOG = 2048

#: The longest path a socket's address holds, in bytes.
_LONGEST = 107


class PortTaken(DomainError):
    """Another program listens there."""

    code = "ResourceInUse"
    status = 400


def bind_tcp(host: str, port: int) -> socket.socket:
    """Listen on an address; port 0 takes a free one.

    Raises:
        PortTaken: with the program that has it, where that can be seen.
        ValidationException: it is no address of this machine, or may not be used.
    """
    family, address = _resolve(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} of {host} is taken{_by(port)}: stop that, or choose another "
                f"(SAGELET_PORT, --port)."
            ) from error
        raise ValidationException(
            f"Cannot listen on {host} port {port}: {error.strerror or error}. Choose an address "
            f"of this machine (SAGELET_HOST) and a port from 1024 on (SAGELET_PORT)."
        ) from error
    return sock


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    _, address = _resolve(host, 0)
    return ip_address(address[0].partition("%")[0]).is_loopback


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ValidationException(
            f"Cannot listen on '{host}': no such address. SAGELET_HOST takes an address of this "
            f"machine, such as 127.0.0.1."
        ) from error
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)  # localhost: what clients try first
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _by(port: int) -> str:
    """`` by NAME (pid N)``, or nothing when its process is not ours to see."""
    inode = _inode(port)
    if inode is None:
        return ""
    link = f"socket:[{inode}]"
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(file.readlink()) == link for file in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f" by {name} (pid {process.name})"
        except OSError:
            continue
    return ""


def _inode(port: int) -> str | None:
    listening = "0A"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                return fields[9]
    return None


def bind_unix(path: Path) -> socket.socket:
    """Listen on a socket that only its owner can open; what lay there before is replaced.

    It is made in a private folder and moved into place, so it is never open to others and never
    absent while a stale one is replaced.
    """
    with tempfile.TemporaryDirectory(prefix=".socket-", dir=path.parent) as private:
        made = Path(private) / "s"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _short(made) as address:
                sock.bind(address)
            made.chmod(0o600)
            sock.listen(BACKLOG)
            made.rename(path)
        except OSError:
            sock.close()
            raise
    return sock


def connect_unix(path: Path, timeout: float | None = None) -> socket.socket:
    """A connection to such a socket. ``timeout`` is in seconds.

    Raises:
        OSError: nobody listens there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        with _short(path) as address:
            sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path as a socket's address, which may not be long: then by its folder's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
