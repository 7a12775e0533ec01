"""Where the hosts of a job without Docker are: in a network of their own, or on loopback. Pure.

Every network of its own has the same addresses, for none can see another. Jobs that share this
machine's network have a block each: addresses in 127/8, and ports that launchers may open on all
addresses at once.
"""

import re
from collections.abc import Mapping, Sequence

#: A job's network; seldom somebody else's, whom hosts could then not reach.
CIDR = "10.213.7.0/24"
_NETWORK = "10.213.7"

#: What slirp4netns is in that network: this machine's loopback, and its name server.
GATEWAY = f"{_NETWORK}.2"
NAMESERVER = f"{_NETWORK}.3"

#: The number of the first host's address; room for every host that a job may have.
_FIRST = 11

#: How many jobs can share this machine's network at once.
BLOCKS = 100

#: Below what Linux gives to outgoing connections; for each of 100 hosts two, and one for all.
_FIRST_PORT = 10240
PORTS = 204

#: Variables whose URLs mean this machine.
_URLS = re.compile(r"AWS_ENDPOINT_URL(_[A-Z0-9_]+)?|\w+_PROXY|PIP_\w+", re.IGNORECASE)
_HERE = re.compile(r"(?<=(?://|.@))(127\.0\.0\.1|localhost)(?=[:/]|$)")

Addresses = list[tuple[str, str]]


def own_addresses(names: Sequence[str]) -> Addresses:
    """(name, address) of each host in a network of the job's own."""
    return [(name, f"{_NETWORK}.{number}") for number, name in enumerate(names, start=_FIRST)]


def shared_addresses(block: int, names: Sequence[str]) -> Addresses:
    """(name, address) of each host of a job that shares this machine's network."""
    return [(name, f"127.77.{block}.{number}") for number, name in enumerate(names, start=1)]


def first_port(block: int) -> int:
    """The first of the ports that are the job's."""
    return _FIRST_PORT + (block - 1) * PORTS


def through_gateway(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as hosts in a network of their own need it to reach this machine's loopback.

    Only AWS endpoints, proxies and what pip is told are changed: other URLs may mean the host.
    """
    seen = {"NO_PROXY": GATEWAY}
    for name, value in environment.items():
        if name.upper() == "NO_PROXY":
            seen[name] = f"{value},{GATEWAY}" if value else GATEWAY
        elif _URLS.fullmatch(name):
            seen[name] = _HERE.sub(GATEWAY, value)
        else:
            seen[name] = value
    return seen
