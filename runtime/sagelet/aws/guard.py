"""Who may speak to us at all: known names, and no web pages of others.

A page that a browser shows can send requests to this machine: under a name of its own that it
points here (the Host tells), or from its own address (Origin and Sec-Fetch-Site tell). What a
request may do once it is in is decided by its signature, not here.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from sagelet.aws.request import Request
from sagelet.domain.errors import Refusal

#: Where the SageMaker SDK counts its calls; it is answered here, with nothing.
_TELEMETRY = "sm-pysdk-t-"

_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "host.docker.internal"})
_PORT = re.compile(r":\d{1,5}", re.ASCII)


def check(request: Request, allowed: Collection[str]) -> None:
    """Refuse a request under a name that is not ours, or from the web page of another.

    ``allowed`` are further names, without a port; ``*.name`` means all below one. Through the
    control socket every name will do: no browser opens it.

    Raises:
        Refusal: AccessDenied, with the reason.
    """
    headers = request.headers
    host = headers.get("host", "")
    if request.door != "local" and not _is_ours(host, request.scheme, request.door):
        _check_name(host, allowed)
    if "origin" in headers or "sec-fetch-site" in headers:
        _check_page(request, host)


def is_telemetry(request: Request) -> bool:
    """Whether this is the SageMaker SDK reporting its use to AWS: answer 200 and forget it."""
    return request.headers.get("host", "").startswith(_TELEMETRY)


@lru_cache(maxsize=256)
def _is_ours(host: str, scheme: str, door: str) -> bool:
    name = _name(host)
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return True
    if scheme == "https":  # behind a certificate of ours: only who was told to trusts it
        return name.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    # A name can be pointed here by anybody, an address cannot: elsewhere than on loopback we are
    # reached under any that this machine has.
    return address.is_loopback or door != "loopback"


def _name(host: str) -> str:
    """The host without its port; empty when it is none."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or port.endswith("]"):
        return host.lower().removesuffix(".")
    return name.removesuffix(".") if _PORT.fullmatch(f":{port}") else ""


def _check_name(host: str, allowed: Collection[str]) -> None:
    name = _name(host)
    for known in allowed if name else ():
        if name == known.lower() or (known[:2] == "*." and name.endswith(known[1:].lower())):
            return
    raise Refusal(
        "AccessDenied",
        f"This control plane is not known as '{host}'. Use 127.0.0.1 or localhost, or name it in "
        f"SAGELET_ALLOWED_HOSTS.",
        403,
    )


def _check_page(request: Request, host: str) -> None:
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        raise Refusal(
            "AccessDenied",
            f"A web page of '{origin}' may not call this control plane ('{host}'): only its own "
            f"pages may. Open them under the address you call; a further name for it goes into "
            f"SAGELET_ALLOWED_HOSTS.",
            403,
        )
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _opens_a_page(request):
        raise Refusal(
            "AccessDenied",
            f"The web page of another site may not call this control plane ('{host}'): only its "
            f"own pages may. A further name for it goes into SAGELET_ALLOWED_HOSTS.",
            403,
        )


def _opens_a_page(request: Request) -> bool:
    """A link to one of our pages was followed, in a window of its own: reading, by a person."""
    headers = request.headers
    return (
        request.method == "GET"
        and request.path.startswith("/_")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
