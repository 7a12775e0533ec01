"""CONNECT: who may tunnel where, and for which hosts we answer ourselves.

Who may tunnel: whoever is on this machine. From elsewhere (containers, a network) it takes
credentials in Proxy-Authorization, and what only this machine reaches stays out of reach. The
hosts that we answer for ourselves are open to all: what they ask is signed like any request.
"""

import asyncio
import binascii
import hmac
import re
import ssl
from base64 import b64decode
from collections.abc import Callable, MutableSet
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from sagelet.server.relay import End, Remote
from sagelet.server.upstream import Proxy, Upstream

#: How long reaching a host may take, in seconds, for each of its addresses.
PATIENCE = 10.0
_OURS = re.compile(
    r"(sts(-fips)?(\.[a-z0-9-]+)?|sm-pysdk-t-[a-z0-9-]+\.s3\.[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
)


class Refused(Exception):
    """No tunnel: an HTTP status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Target:
    """What a CONNECT asks for."""

    host: str
    port: int
    authorization: str | None

    @classmethod
    def parse(cls, head: bytes) -> "Target":
        """Read the head of a CONNECT.

        Raises:
            Refused: it is malformed.
        """
        first, *lines = head.decode("latin-1").split("\r\n")
        parts = first.split(" ")
        host, colon, port = parts[1].rpartition(":") if len(parts) == 3 else ("", "", "")
        host = host.removeprefix("[").removesuffix("]").removesuffix(".").lower()
        sound = re.fullmatch("[a-z0-9._:-]+", host) and re.fullmatch("[0-9]{1,5}", port)
        if not (colon and sound and 0 < int(port) < 65536):
            raise Refused(400, "CONNECT takes host:port")
        headers = (line.partition(":") for line in lines)
        given = {name.strip().lower(): value.strip() for name, _, value in headers}
        return cls(host, int(port), given.get("proxy-authorization"))


@dataclass(frozen=True, slots=True)
class Tunnels:
    """What tunnels need of the server."""

    #: Makes the TLS context for the hosts that we answer for; None: they are tunnelled too.
    context: Callable[[], ssl.SSLContext] | None = None
    upstream: Upstream = field(default_factory=Upstream)
    #: The secret that belongs to an access key, or None.
    secret_of: Callable[[str], str | None] = lambda _key: None
    #: Our own TCP ports.
    ports: MutableSet[int] = field(default_factory=set)

    def context_for(self, target: Target) -> Callable[[], ssl.SSLContext] | None:
        """What makes the TLS context for a host that we answer for; None: it is tunnelled."""
        ours = target.port == 443 and _OURS.fullmatch(target.host)
        return self.context if ours else None

    def admits(self, authorization: str | None) -> bool:
        """Whether ``Basic KEY:SECRET`` is someone's."""
        kind, _, text = (authorization or "").partition(" ")
        try:
            key, colon, secret = b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        known = self.secret_of(key) if kind.lower() == "basic" and colon else None
        return known is not None and hmac.compare_digest(known.encode(), secret.encode())

    async def dial(self, target: Target, client: End, *, confined: bool) -> Remote:
        """Reach a host, through a proxy if there is one for it; its answers go to ``client``.

        Raises:
            Refused: it may not be reached, or cannot be.
        """
        proxy = self.upstream.proxy_for(target.host, self.ports)
        if confined and _is_private(target.host):
            raise Refused(403, f"{target.host} is reached by its own machine only")
        host, port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
        where = f"the proxy {host}:{port}" if proxy else f"{host}:{port}"
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await loop.getaddrinfo(host, port, type=1)  # SOCK_STREAM
        except (OSError, UnicodeError) as error:
            raise Refused(502, f"cannot find {where}: {error or 'no answer in time'}") from error
        addresses = [str(entry[4][0]) for entry in found]
        if confined and proxy is None:
            addresses = [address for address in addresses if not _is_private(address)]
            if not addresses:
                raise Refused(403, f"{target.host} is reached by its own machine only")
        tls = ssl.create_default_context() if proxy and proxy.tls else None
        reason = ""
        for address in addresses:
            remote = Remote(client, _greeting(target, proxy) if proxy else None)
            try:
                async with asyncio.timeout(PATIENCE):
                    await loop.create_connection(
                        lambda end=remote: end,
                        address,
                        port,
                        ssl=tls,
                        server_hostname=host if tls else None,
                    )
                    await remote.opened
            except OSError as error:  # a TimeoutError is one
                reason = str(error) or "no answer in time"
            finally:
                if remote.other is None:
                    remote.close(at_once=True)
            if remote.other is not None:
                return remote
        raise Refused(502, f"cannot reach {where}: {reason}")


def _is_private(host: str) -> bool:
    """Whether a name or address means the machine that looks it up, or its link."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        # Forms such as 127.1 and 0x7f000001, which resolvers take for addresses.
        return re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", host) is not None
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )


def _greeting(target: Target, proxy: Proxy) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"CONNECT {host}:{target.port} HTTP/1.1", f"Host: {host}:{target.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
