"""The network of a job: one host needs none of its own, several get one with fixed addresses.

Addresses stand in every container's /etc/hosts before it starts. The engine's own names exist
only while a container runs, and hosts that look each other up at the wrong moment wait for ever.
"""

import fcntl
import hashlib
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from docker import APIClient
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from sagelet.domain.hosts import JobPlan

_TRIES = 32

#: An internal network still reaches this machine's own addresses through its gateway.
_NO_GATEWAY = {"com.docker.network.bridge.inhibit_ipv4": "true"}

_SIOCGIFADDR = 0x8915


@dataclass(frozen=True)
class JobNetwork:
    """How containers are joined: engine mode, names, and addresses by host."""

    mode: str
    extra_hosts: dict[str, str] | None = None
    name: str | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    def endpoint(self, api: APIClient, host: str) -> Any:
        """The container's place in the job's own network, if it has one."""
        if self.name is None:
            return None
        config = api.create_endpoint_config(ipv4_address=self.addresses[host])
        return {"EndpointsConfig": {self.name: config}}


def create_network(api: APIClient, plan: JobPlan, labels: dict[str, str]) -> JobNetwork:
    """Make what the job's hosts need to find each other.

    Raises:
        APIError: the engine refuses every address range tried.
    """
    names = [host.name for host in plan.hosts]
    if len(names) == 1:
        if plan.isolated:
            return JobNetwork("none", {names[0]: "127.0.0.1"})
        return JobNetwork("bridge")
    # Names need not differ for the engine, but it then cannot start what is joined by one of them.
    key = hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:6]
    for attempt in range(_TRIES):
        prefix = f"10.{random.randint(64, 250)}.{random.randint(0, 255)}"  # noqa: S311
        pool = IPAMPool(subnet=f"{prefix}.0/24", gateway=f"{prefix}.1")
        name = f"sagelet-{plan.known_as}-{key}"
        try:
            identifier = api.create_network(
                name,
                driver="bridge",
                internal=plan.isolated,
                options=_NO_GATEWAY if plan.isolated else None,
                labels=labels,
                check_duplicate=False,
                ipam=IPAMConfig(pool_configs=[pool]),
            )["Id"]
        except APIError as error:
            if "overlap" not in str(error).lower() or attempt == _TRIES - 1:
                raise
            continue
        addresses = {host: f"{prefix}.{number}" for number, host in enumerate(names, start=2)}
        return JobNetwork(identifier, addresses, identifier, addresses)
    raise AssertionError("unreachable")


def gateway(network: dict[str, Any]) -> str | None:
    """This machine's address in a bridge network, from what the engine says of it.

    Until it is restarted for the first time, an engine does not name the gateway of its own
    bridge; the interface has it.
    """
    for config in network["IPAM"]["Config"] or []:
        if config.get("Gateway"):
            return str(config["Gateway"])
    name = (network["Options"] or {}).get("com.docker.network.bridge.name", "")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16s240x", name.encode()[:15])
        try:
            answer = fcntl.ioctl(handle, _SIOCGIFADDR, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])
