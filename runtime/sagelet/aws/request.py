"""One HTTP request's head, as every part of the wire sees it. The body is not here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: The control socket: only its owner can open it, so what comes through it is trusted.
LOCAL = "local"
#: A TCP address that only this machine reaches.
LOOPBACK = "loopback"
#: Who does not say where it comes from.
ELSEWHERE = "network"

#: ASGI's extension, and the type of its message: part of a file as part of a response's body.
ZERO_COPY = "http.response.zerocopysend"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request's head.

    Header names are in lower case, repeated ones joined with commas; ``path`` and ``query`` are
    as sent (raw, percent-encoded).
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    scheme: str  # http or https
    door: str  # "local" (control.sock), "loopback", "containers", "network"
    zero_copy: bool = False  # whether the server can send parts of files


def read_request(scope: Mapping[str, Any]) -> Request:
    """The head out of an ASGI scope; the server's state tells the door."""
    raw = scope.get("raw_path")
    return Request(
        scope["method"],
        raw.decode("latin-1") if raw else scope["path"],
        scope["query_string"].decode("latin-1"),
        _headers(scope["headers"]),
        scope["scheme"],
        scope.get("state", {}).get("door", ELSEWHERE),
        ZERO_COPY in scope.get("extensions", {}),
    )


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
