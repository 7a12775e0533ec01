"""Links, addresses and routes of the network namespace one is in, made through rtnetlink.

Standard library only and quick to load: it runs in the hub. Each function below is one request;
``Netlink.ask`` sends several at once.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

TYPE_CHECKING = False  # typing itself takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence

_NEWLINK, _SETLINK, _NEWADDR, _NEWROUTE = 16, 19, 20, 24
_REQUEST, _ACK, _EXCL, _CREATE = 0x1, 0x4, 0x200, 0x400
_ERROR = 2

_IFNAME, _MTU, _MASTER, _LINKINFO, _AF_SPEC, _NET_NS_FD = 3, 4, 10, 18, 26, 28
_INFO_KIND, _INFO_DATA = 1, 2
_VETH_PEER = 1
_INET6_ADDR_GEN_MODE, _GEN_MODE_NONE = 8, b"\1"
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_GATEWAY = 5
_UP = 1

#: The index of ``lo``, and of the first link that is made in a namespace.
LOOPBACK, FIRST = 1, 2

Request = tuple[int, int, bytes]


class Netlink:
    """A socket in the namespace in which it was opened, wherever its owner goes."""

    def __init__(self) -> None:
        self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, 0)
        self._socket.bind((0, 0))

    def ask(self, requests: Sequence[Request]) -> None:
        """Have all requests done, in their order.

        Raises:
            OSError: what the kernel said to the first that failed.
        """
        message = b"".join(
            struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, number, 0) + body
            for number, (kind, flags, body) in enumerate(requests)
        )
        self._socket.send(message)
        left = len(requests)
        while left:
            answer = self._socket.recv(1 << 16)
            while len(answer) >= 16:
                size, kind = struct.unpack_from("=IH", answer)
                if kind == _ERROR:
                    left -= 1
                    code = struct.unpack_from("=i", answer, 16)[0]
                    if code:
                        raise OSError(-code, os.strerror(-code))
                answer = answer[(size + 3) & ~3 :]

    def close(self) -> None:
        """The socket alone would keep its namespace."""
        self._socket.close()


def bridge(name: str, mtu: int) -> Request:
    """Make a bridge."""
    info = _attribute(_INFO_KIND, b"bridge")
    return _new_link(_text(_IFNAME, name) + _number(_MTU, mtu) + _attribute(_LINKINFO, info))


def veth(name: str, peer: str, peer_namespace: int, mtu: int) -> Request:
    """Make the first link of this namespace, whose other end ``peer`` is in another one."""
    other = (
        _link() + _text(_IFNAME, peer) + _number(_MTU, mtu) + _number(_NET_NS_FD, peer_namespace)
    )
    info = _attribute(_INFO_KIND, b"veth")
    info += _attribute(_INFO_DATA, _attribute(_VETH_PEER, other))
    attributes = _text(_IFNAME, name) + _number(_MTU, mtu) + _attribute(_LINKINFO, info)
    return _new_link(attributes, FIRST)


def up(index: int = 0, name: str = "", master: int = 0, mtu: int = 0) -> Request:
    """Bring a link up, by index or by name, as a port of the bridge ``master`` if one is given.

    It gets no IPv6 address of itself: hosts have none.
    """
    attributes = _text(_IFNAME, name) if name else b""
    attributes += _number(_MASTER, master) if master else b""
    attributes += _number(_MTU, mtu) if mtu else b""
    if index != LOOPBACK and os.path.exists("/proc/net/if_inet6"):
        mode = _attribute(_INET6_ADDR_GEN_MODE, _GEN_MODE_NONE)
        attributes += _attribute(_AF_SPEC, _attribute(_socket.AF_INET6, mode))
    return _SETLINK, 0, _link(index, _UP) + attributes


def address(index: int, text: str, prefix: int) -> Request:
    """Give a link an IPv4 address."""
    packed = _socket.inet_aton(text)
    body = struct.pack("=BBBBI", _socket.AF_INET, prefix, 0, 0, index)
    body += _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    return _NEWADDR, _CREATE | _EXCL, body


def default_route(gateway: str) -> Request:
    """Send what is for nobody in the network to ``gateway``."""
    # The main table, made by an administrator, for everywhere, unicast.
    body = struct.pack("=BBBBBBBBI", _socket.AF_INET, 0, 0, 0, 254, 4, 0, 1, 0)
    return _NEWROUTE, _CREATE | _EXCL, body + _attribute(_RTA_GATEWAY, _socket.inet_aton(gateway))


def index_of(name: str) -> int:
    """A link's index in the namespace one is in.

    Raises:
        OSError: there is none.
    """
    try:
        return _socket.if_nametoindex(name)
    except OSError:
        raise OSError(errno.ENODEV, f"there is no {name}") from None


def _new_link(attributes: bytes, index: int = 0) -> Request:
    return _NEWLINK, _CREATE | _EXCL, _link(index) + attributes


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BBHiII", 0, 0, 0, index, flags, flags)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)
