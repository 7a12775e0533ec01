"""The networks of jobs without Docker: starting one for a job's hosts, and waiting for its end.

Several hosts get a network of their own where the machine can make one (``hub``) and where that
takes nothing from them: an isolated job has no way out, another one needs slirp4netns for it. All
others share this machine's network, each job with addresses and ports of its own.
"""

import errno
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelet.domain import addresses
from sagelet.domain.errors import HostFault
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.execution import detached

#: The program that gives a network a way out.
SLIRP = "slirp4netns"

#: How long a hub may take to end after the last host, in seconds.
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Network:
    """A job's network, as its shims are told of it.

    ``block`` is the job's share of this machine's network, if it may use that. ``held`` are
    descriptors that every shim holds to its end, ``ready`` is one that ends when ``record`` tells
    how to join.
    """

    names: tuple[str, ...]
    block: int | None
    held: tuple[int, ...]
    ready: int | None = None
    record: str = ""
    way_out: bool = False

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What shims inherit."""
        return self.held if self.ready is None else (*self.held, self.ready)

    def describe(self, environment: Mapping[str, str]) -> dict[str, Any]:
        """The part of a shim's specification that depends on the network."""
        environment = {**environment, "SAGELET_SHARED_MACHINE": "1"}
        shared = dict(environment)
        if self.block is not None:
            shared["SAGELET_PORTS_FROM"] = str(addresses.first_port(self.block))
        hub = None
        if self.ready is not None:
            hub = {
                "ready": self.ready,
                "record": self.record,
                "hosts": addresses.own_addresses(self.names),
                "environment": addresses.through_gateway(environment)
                if self.way_out
                else environment,
                "nameserver": addresses.NAMESERVER if self.way_out else None,
            }
        return {
            "hosts": addresses.shared_addresses(self.block or 1, self.names),
            "environment": shared,
            "held": self.held,
            "hub": hub,
        }


def find_slirp(environ: Mapping[str, str]) -> str | None:
    """Where slirp4netns is, if it is on the PATH."""
    return shutil.which(SLIRP, path=environ.get("PATH"))


def seen_by(host: HostPlan) -> Mapping[str, str]:
    """The environment as a host that runs already has to be told it."""
    folder = Path(host.folder)
    try:
        joined = json.loads((folder / "started.json").read_bytes())["joined"]
        hub = json.loads((folder / "host.json").read_bytes())["hub"]
    except FileNotFoundError:  # it does not run, so nobody is told
        return host.environment
    if joined and hub["nameserver"]:
        return addresses.through_gateway(host.environment)
    return host.environment


def folder_of(plan: JobPlan) -> Path:
    """Where what is known of a job's network lies."""
    return Path(plan.hosts[0].folder).parent / "network"


@contextmanager
def started(
    folder: Path, names: tuple[str, ...], *, isolated: bool, hub: bool, slirp: str | None
) -> Iterator[Network]:
    """Start a network for hosts; the shims are to be started inside of the block.

    Args:
        folder: where to keep what is known of it.
        names: the hosts.
        isolated: whether it has no way out, and so no share of this machine's network.
        hub: whether hosts may have a network of their own.
        slirp: where slirp4netns is, if it is here.

    Raises:
        OSError: it cannot be started.
        HostFault: too many jobs share this machine's network.
    """
    held: list[int] = []
    ready = None
    try:
        block = None
        if not isolated:
            block, reserved = _reserve(1 + 2 * len(names))
            held.append(reserved)
        own = hub and len(names) > 1 and (isolated or slirp is not None)
        if own:
            ready, alive = _start_hub(folder, names, None if isolated else slirp)
            held.append(alive)
        record = str(folder / "hub.json")
        yield Network(names, block, tuple(held), ready, record, way_out=own and not isolated)
    finally:
        for descriptor in (*held, *(() if ready is None else (ready,))):
            os.close(descriptor)


def end(folder: Path) -> None:
    """Wait until nothing is left of a hub whose shims have ended; safe to repeat.

    Raises:
        HostFault: it does not end.
    """
    deadline = time.monotonic() + PATIENCE
    while detached.alive(folder / "hub.lock"):
        if time.monotonic() > deadline:
            raise HostFault(f"InternalServerError: the network in {folder} does not end.")
        time.sleep(0.005)


def _start_hub(folder: Path, names: tuple[str, ...], slirp: str | None) -> tuple[int, int]:
    """Start the hub; returns what ends when it is ready, and what it lives as long as."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hub.json").unlink(missing_ok=True)
    ready, making = os.pipe()
    living, alive = os.pipe()
    spec = {
        "folder": str(folder),
        "hosts": addresses.own_addresses(names),
        "cidr": addresses.CIDR,
        "gateway": addresses.GATEWAY,
        "slirp": slirp,
        "ready": making,
        "alive": living,
    }
    try:
        (folder / "hub.spec.json").write_text(json.dumps(spec))
        hub = detached.start(
            "sagelet.execution.hub", folder / "hub.spec.json", "hub", (making, living)
        )
    except BaseException:
        os.close(ready)
        os.close(alive)
        raise
    finally:
        for descriptor in (making, living):
            os.close(descriptor)
    threading.Thread(target=hub.wait, name="reap-hub", daemon=True).start()
    return ready, alive


def _reserve(ports: int) -> tuple[int, int]:
    """Take a block of addresses and ports until the last copy of the descriptor is closed.

    Names of sockets are known to all of this machine's network and end with their sockets, so
    blocks are told apart among users and homes, and none is left taken.

    Raises:
        HostFault: all are taken.
    """
    for block in range(1, addresses.BLOCKS + 1):
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            taken.bind(f"\0sagelet/network/{block}")
        except OSError as error:
            taken.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        first = addresses.first_port(block)
        if all(_is_free(port) for port in range(first, first + ports)):
            return block, taken.detach()
        taken.close()
    raise HostFault(
        f"InternalServerError: {addresses.BLOCKS} jobs share this machine's network; "
        "no addresses are left for another."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("", port))
        except OSError:
            return False
        return True
