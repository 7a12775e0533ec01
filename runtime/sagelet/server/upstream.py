"""The proxies of the server's own environment: through which one a tunnel goes, if any."""

from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

#: The names of loopback: a proxy there is on this machine.
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. ``authorization`` is the value of Proxy-Authorization, when it wants one."""

    host: str
    port: int
    tls: bool
    authorization: str | None

    @classmethod
    def parse(cls, url: str) -> "Proxy | None":
        """A proxy's URL; None when it is none, or not an HTTP proxy."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        authorization = None
        if parts.username is not None:
            given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = f"Basic {b64encode(given.encode()).decode()}"
        tls = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if tls else 80), tls, authorization)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy for everything but ``direct``: names with all below them, networks, ``*``."""

    proxy: Proxy | None = None
    direct: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Upstream":
        """HTTPS_PROXY and NO_PROXY (or in lower case) of the environment handed in."""
        url = environ.get("https_proxy") or environ.get("HTTPS_PROXY") or ""
        direct = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        names = tuple(name.strip().lower() for name in direct.split(",") if name.strip())
        return cls(Proxy.parse(url) if url else None, names)

    def proxy_for(self, host: str, own_ports: Collection[int]) -> Proxy | None:
        """The proxy for a host, or None to go there directly.

        ``own_ports`` are ours: a shell made ready for our clients names us as its proxy.
        """
        proxy = self.proxy
        if proxy is None or (proxy.host in _HERE and proxy.port in own_ports):
            return None
        return None if any(_covers(name, host.lower()) for name in self.direct) else proxy


def _covers(name: str, host: str) -> bool:
    if name == "*":
        return True
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        bare = name.partition(":")[0].removeprefix("*").lstrip(".")
        return bool(bare) and (host == bare or host.endswith(f".{bare}"))
