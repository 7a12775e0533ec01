"""The hub: makes the network of one job's hosts, and keeps it as long as a host lives.

Standard library only, like the shim. A network namespace holds a bridge, and each host has one of
its own, joined to the bridge by a pair of links. Shims open the namespaces through /proc and keep
them, too. The way out, if there is one, is slirp4netns: a TCP/IP stack that is a process, needs
no right and changes nothing on the machine; it is a port of the bridge.

Pipes tell what is when, so that nothing waits on a clock and nothing is left behind:

* ``ready`` ends as soon as ``hub.json`` stands, or the hub is gone;
* ``alive`` ends when the last shim has; then the hub and slirp4netns end.

It holds a lock on ``hub.lock`` as long as any part of it lives.
"""

from __future__ import annotations

import json
import os
import signal

from sagelet.execution import namespaces, netlink
from sagelet.execution.shim import write_json

TYPE_CHECKING = False  # typing itself takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Between hosts nothing is sent over a wire, so packets may be long; slirp4netns's limit.
MTU = 65520

#: How long making it may take, in seconds.
PATIENCE = 10

_BRIDGE = "hub"
_TAP = "tap0"


def main(spec_path: str, lock: int) -> None:
    """Make the network that ``spec_path`` (hub.spec.json) describes; end with its last host."""
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    if spec["slirp"]:
        made, making = os.pipe()
        joined, joining = os.pipe()
        keeper = os.fork()
        if keeper:
            os.close(spec["ready"])
            os.close(making)
            network = os.read(made, 16).decode()
            _become_slirp(spec, f"/proc/{keeper}", network, joining, lock)
        os.close(joining)
        _keep(spec, making, joined)
    else:
        _keep(spec, -1, -1)


def _become_slirp(
    spec: Mapping[str, Any], keeper: str, network: str, joining: int, lock: int
) -> None:
    """Turn into slirp4netns, which ends as ``alive`` does."""
    for descriptor in (spec["alive"], joining, lock):
        os.set_inheritable(descriptor, True)
    program = spec["slirp"]
    command = [
        *(program, f"--exit-fd={spec['alive']}", f"--ready-fd={joining}"),
        *(f"--cidr={spec['cidr']}", f"--mtu={MTU}", "--netns-type=path"),
        *([] if os.geteuid() == 0 else [f"--userns-path={keeper}/ns/user"]),
        *(f"{keeper}/fd/{network}", _TAP),
    ]
    try:
        os.execv(program, command)
    except OSError as error:
        os.write(2, f"{program}: {error.strerror}\n".encode())
        os._exit(127)


def _keep(spec: Mapping[str, Any], making: int, joined: int) -> None:
    """Make the namespaces, say how to open them, and wait for the last host's end."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE)
    record = os.path.join(spec["folder"], "hub.json.part")
    try:
        document = _make(spec, making, joined)
    except namespaces.Refused as error:
        write_json(record, {"error": str(error)})
        return
    except OSError as error:
        write_json(record, {"error": f"network: {error.strerror}"})
        return
    signal.alarm(0)
    write_json(record, {**document, "error": None, "pid": os.getpid()})
    os.close(spec["ready"])
    os.read(spec["alive"], 1)


def _make(spec: Mapping[str, Any], making: int, joined: int) -> dict[str, Any]:
    contained = os.geteuid() != 0
    namespaces.leave_as_root(namespaces.CLONE_NEWNET)
    hub = _own_network()
    if making >= 0:
        os.write(making, str(hub).encode())  # slirp4netns may come
        os.close(making)
    link = netlink.Netlink()
    link.ask([netlink.bridge(_BRIDGE, MTU), netlink.up(name=_BRIDGE)])
    bridge = netlink.index_of(_BRIDGE)
    hosts = {}
    for number, (name, address) in enumerate(spec["hosts"]):
        namespaces.leave(namespaces.CLONE_NEWNET)
        hosts[name] = _own_network()
        own = netlink.Netlink()
        requests = [
            netlink.up(netlink.LOOPBACK),
            netlink.veth("eth0", f"host{number}", hub, MTU),
            netlink.address(netlink.FIRST, address, int(spec["cidr"].partition("/")[2])),
            netlink.up(netlink.FIRST),
        ]
        own.ask(requests + ([netlink.default_route(spec["gateway"])] if spec["slirp"] else []))
        own.close()
    link.ask([netlink.up(name=f"host{number}", master=bridge) for number in range(len(hosts))])
    if joined >= 0:
        if not os.read(joined, 1):
            raise namespaces.Refused(_last_words(spec))
        link.ask([netlink.up(name=_TAP, master=bridge, mtu=MTU)])
    link.close()
    return {"contained": contained, "network": hub, "hosts": hosts}


def _last_words(spec: Mapping[str, Any]) -> str:
    """Why slirp4netns ended."""
    with open(os.path.join(spec["folder"], "hub.err"), encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    return "slirp4netns: " + (" ".join(line for line in lines if line) or "it ended")


def _own_network() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
