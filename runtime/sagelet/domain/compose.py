"""A job's plan as a docker compose document that needs nothing of ours to run.

One service a host, as the Docker backend would start it; before them ``prepare`` makes their
folders, after them ``collect`` puts what they wrote together, and ``job`` succeeds if all did.
Where the files come from is decided by ``engine.project``; this is a pure function.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagelet.domain import opt_ml
from sagelet.domain.compose_scripts import (
    LEFT,
    OWN,
    collect_script,
    overlays_of,
    part_of,
    prepare_script,
)
from sagelet.domain.hosts import Access, HostPlan, JobPlan, Mount
from sagelet.domain.yamltext import Anchored, Commented, Inline, Like, dump

#: The first line of each document, by which we know our own.
HEADER = "# Made by `sagelet compose`: a training job as SageMaker runs it, for docker compose."

_DONE = Inline({"condition": "service_completed_successfully"})
_ENDED = Inline({"condition": "service_completed_successfully", "required": False})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project lies and what it runs on.

    ``folder`` is absolute; ``image`` what the engine knows the image by; ``cpus`` and ``memory``
    (bytes) are the machine's. ``overlays``: channels are writable copies; else they are read-only.
    ``files``: further files of every host, path in the host -> path relative to the project.
    """

    folder: str
    image: str
    cpus: float
    memory: int
    overlays: bool = True
    files: Mapping[str, str] = field(default_factory=dict)


class _Variable(str):
    """Text with a variable that compose replaces."""

    __slots__ = ()


def compose_text(plan: JobPlan, place: Place) -> str:
    """The document, with an explanation of how to use it."""
    hosts = " ".join(host.name for host in plan.hosts)
    return f"""{HEADER}
#
#   docker compose up                                  exits with 0, or with 1 if a host failed
#   docker compose up --abort-on-container-failure     a host that fails ends the others, too
#   docker compose up --abort-on-container-failure {hosts} collect
#                                                      exits with the code of the host that failed
#   docker compose down -v                             leaves nothing but the files
#
# The model comes to ./model, other output to ./output, the rest of what hosts write to ./{OWN}.

""" + dump(_escaped(document(plan, place)))


def project_name(job: str, folder: str) -> str:
    """The job's name as compose takes it for a project, and a mark of the folder.

    Compose takes two projects of one name for one and the same, whatever their folders.
    """
    name = re.sub(r"[^a-z0-9_-]", "-", job.lower()).lstrip("-_") or "job"
    return f"{name}-{hashlib.sha256(folder.encode('utf-8', 'surrogateescape')).hexdigest()[:4]}"


def document(plan: JobPlan, place: Place) -> dict[str, Any]:
    """The document as values; a ``$`` in them is only a dollar sign, variables apart."""
    name = project_name(plan.job, place.folder)
    hosts = {host.name: _host(plan, host, place, name) for host in plan.hosts}
    common = _common(list(hosts.values()))
    made: dict[str, Any] = {"name": name}
    services: dict[str, Any] = {}
    if common:
        made["x-host"] = Commented("What all hosts have in common.", Anchored("host", common))
    for host, service in hosts.items():
        own = {key: value for key, value in service.items() if key not in common}
        services[host] = Commented("", Like("host", own) if common else own)
    volumes = _volumes(plan, place)
    made["x-helper"] = Anchored("helper", _helper(place, scratch=bool(volumes)))
    made["services"] = {
        "prepare": Commented(
            "Makes the hosts' folders. A start is a fresh one: what the last left is removed.",
            Like("helper", {"command": [prepare_script(plan, scratch=bool(volumes))]}),
        ),
        **services,
        "collect": Commented(
            "Puts together what the hosts wrote, and makes it yours; the first host's file wins.",
            Like(
                "helper",
                {
                    "depends_on": dict.fromkeys(hosts, _ENDED),
                    "command": [collect_script(plan, scratch=bool(volumes))],
                },
            ),
        ),
        "job": Commented(
            "Fails if a host did, and `docker compose up` with it.",
            {
                "image": place.image,
                "entrypoint": Inline(["/bin/sh", "-c", "exit 0"]),
                "network_mode": "none",
                "depends_on": dict.fromkeys((*hosts, "collect"), _DONE),
            },
        ),
    }
    made["configs"] = Commented(
        "/opt/ml/input/config, byte for byte as SageMaker writes it.", _configs(plan)
    )
    if len(plan.hosts) > 1 or not plan.isolated:
        made["networks"] = {"hosts": _network(plan, name)}
    if volumes:
        made["volumes"] = Commented(
            "Channels and code: yours below, what a host writes above, so yours stay as they are.",
            volumes,
        )
    return made


def _host(plan: JobPlan, host: HostPlan, place: Place, project: str) -> dict[str, Any]:
    service: dict[str, Any] = {"image": place.image}
    if host.entrypoint:
        service["entrypoint"] = Inline(list(host.entrypoint))
    service["command"] = Inline(list(host.command))
    service["hostname"] = host.name
    service["depends_on"] = {"prepare": _DONE}
    service["stop_signal"] = "SIGTERM"
    service["stop_grace_period"] = f"{round(plan.grace * 1000)}ms"
    if plan.grace == int(plan.grace):
        service["stop_grace_period"] = f"{int(plan.grace)}s"
    service["shm_size"] = _size(host.shm or (host.memory or place.memory) // 2)
    if host.cpus:
        service["cpus"] = min(host.cpus, place.cpus)
    if host.memory:
        service["mem_limit"] = _size(host.memory)
    if host.gpus:
        device = {"driver": "nvidia", "device_ids": list(host.gpus), "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [Inline(device)]}}}
    service |= _joined(plan, host, project)
    service["environment"] = {k: v for k, v in host.environment.items() if k != "HOSTNAME"}
    service["volumes"] = [
        *(_volume(plan, host, mount, place) for mount in host.mounts),
        *(
            Inline({"type": "bind", "source": source, "target": target, "read_only": True})
            for target, source in place.files.items()
        ),
    ]
    service["configs"] = [
        Inline({"source": _config(plan, host, name), "target": f"{_CONFIG}/{name}"})
        for name in host.files
    ]
    return service


_CONFIG = f"{opt_ml.ROOT}/input/config"


def _common(services: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first, *others = services
    if not others:
        return {}
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}


def _joined(plan: JobPlan, host: HostPlan, project: str) -> dict[str, Any]:
    """How a host finds the others: by /etc/hosts, which is there before anything starts.

    The engine's own names exist only while a container runs.
    """
    if len(plan.hosts) == 1 and plan.isolated:
        return {"network_mode": "none", "extra_hosts": [f"{host.name}=127.0.0.1"]}
    prefix = _prefix(project)
    addresses = {
        each.name: _Variable(f"{prefix}.{number}") for number, each in enumerate(plan.hosts, 2)
    }
    return {
        "networks": {"hosts": {"ipv4_address": addresses[host.name]}},
        "extra_hosts": [_Variable(f"{name}={address}") for name, address in addresses.items()],
    }


def _prefix(project: str) -> str:
    """Three numbers of the project's addresses, from its name, so that two rarely meet."""
    digest = hashlib.sha256(project.encode()).digest()
    return f"${{SUBNET:-10.{64 + digest[0] % 187}.{digest[1]}}}"


def _network(plan: JobPlan, project: str) -> Any:
    subnet = Inline({"subnet": _Variable(f"{_prefix(project)}.0/24")})
    network: dict[str, Any] = {"ipam": {"config": [subnet]}}
    if plan.isolated:  # without an address of the machine in it, which hosts could reach
        network["internal"] = True
        network["driver_opts"] = {"com.docker.network.bridge.inhibit_ipv4": "true"}
    return Commented("If these addresses are taken here: SUBNET=10.77.3 docker compose up", network)


def _volume(plan: JobPlan, host: HostPlan, mount: Mount, place: Place) -> Any:
    own = f"{host.folder}/ml/"
    if mount.source.startswith(own):
        part = mount.source.removeprefix(own)
        first = host.name == plan.hosts[0].name
        where = f"./{part}" if first and part in LEFT else f"./{OWN}/{host.name}/{part}"
        return f"{where}:{mount.target}"
    if mount.access is Access.COPY_ON_WRITE and place.overlays:
        source = _volume_name(host, mount)
        return Inline(
            {
                "type": "volume",
                "source": source,
                "target": mount.target,
                "volume": {"nocopy": True},
            }
        )
    bind = {"type": "bind", "source": mount.source, "target": mount.target}
    if mount.access is Access.READ_WRITE:
        return Inline({**bind, "bind": {"create_host_path": True}})
    return Inline({**bind, "read_only": True})


def _volumes(plan: JobPlan, place: Place) -> dict[str, Any]:
    """An overlay a host and channel."""
    made = {}
    for host, mount in overlays_of(plan) if place.overlays else ():
        scratch = f"{place.folder}/{OWN}/scratch/{host.name}/{part_of(mount)}"
        lower = [_overlay_path(path) for path in (mount.over, mount.source) if path]
        made[_volume_name(host, mount)] = {
            "driver_opts": {
                "type": "overlay",
                "device": "overlay",
                "o": f"lowerdir={':'.join(lower)},upperdir={_overlay_path(scratch)}/upper,"
                f"workdir={_overlay_path(scratch)}/work",
            }
        }
    return made


def _volume_name(host: HostPlan, mount: Mount) -> str:
    part = part_of(mount).removeprefix("input.data.")
    word = re.sub(r"[^A-Za-z0-9._-]", "-", part)
    if word != part or part == "code" != part_of(mount):
        word += "-" + hashlib.sha256(part_of(mount).encode()).hexdigest()[:6]
    return f"{host.name}-{word}"


def _overlay_path(path: str) -> str:
    """A path as overlay's option parser wants it."""
    return "".join("\\" + char if char in "\\,:" else char for char in path)


def _config(plan: JobPlan, host: HostPlan, name: str) -> str:
    """The name of a file of input/config: one for all hosts, or one a host where they differ."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", name.removesuffix(".json"))
    same = all(each.files.get(name) == host.files[name] for each in plan.hosts)
    return stem if same else f"{host.name}-{stem}"


def _configs(plan: JobPlan) -> dict[str, Any]:
    return {
        _config(plan, host, name): {"content": host.files[name].decode()}
        for name in dict.fromkeys(name for host in plan.hosts for name in host.files)
        for host in plan.hosts
        if name in host.files
    }


def _size(size: int) -> str:
    """Bytes as compose takes them, in the largest unit that says it exactly, at least in MiB."""
    for unit, letter in ((1 << 30, "g"), (1 << 20, "m")):
        if size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size >> 20}m" if size > 1 << 30 else f"{size}b"


def _helper(place: Place, *, scratch: bool) -> dict[str, Any]:
    """What ``prepare`` and ``collect`` have in common; /job is the hosts' folders."""
    volumes: list[Any] = [
        f"./{OWN}:/{OWN}",
        *(f"./{part}:/{OWN}/algo-1/{part}" for part in LEFT),
        ".:/project:ro",
    ]
    if scratch:
        # By its absolute path, like the overlays that lie in it.
        source = f"{place.folder}/{OWN}/scratch"
        bind = {"create_host_path": True}
        volumes.append(
            Inline({"type": "bind", "source": source, "target": "/scratch", "bind": bind})
        )
    return {
        "image": place.image,
        "user": "0:0",
        "entrypoint": Inline(["/bin/sh", "-euc"]),
        "working_dir": f"/{OWN}",
        "network_mode": "none",
        "volumes": volumes,
    }


def _escaped(value: Any) -> Any:
    """With every dollar sign doubled, but those of variables."""
    match value:
        case _Variable():
            return str(value)
        case str():
            return value.replace("$", "$$")
        case Mapping():
            return {key: _escaped(each) for key, each in value.items()}
        case list():
            return [_escaped(each) for each in value]
        case Inline(inner):
            return Inline(_escaped(inner))
        case Commented(comment, inner):
            return Commented(comment, _escaped(inner))
        case Anchored(anchor, inner):
            return Anchored(anchor, _escaped(inner))
        case Like(anchor, inner):
            return Like(anchor, _escaped(inner))
    return value
