"""What this machine can do, and the fix for what it cannot: tried, not guessed.

``sagelet doctor`` and the page of settings show it.
"""

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sagelet import __version__
from sagelet.domain.errors import DomainError
from sagelet.domain.frameworks import FRAMEWORKS
from sagelet.domain.options import size_in_words
from sagelet.execution.docker.ping import find_engine, why_silent
from sagelet.execution.environments import Environments
from sagelet.execution.machine import list_gpus
from sagelet.execution.networks import SLIRP, find_slirp
from sagelet.execution.probe import namespaces_refused, networks_refused
from sagelet.settings import Settings

if TYPE_CHECKING:
    from sagelet.execution.docker.backend import DockerBackend

#: Less free space than this is a warning: an image and a model should fit.
ROOM = 5e9

_SHARED = "several hosts of a job share this machine's, unless it is isolated"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. ``missing`` is needed for something; ``note`` is only good to know."""

    check: str
    state: Literal["ok", "missing", "note"]
    detail: str
    fix: str = ""


def runnable(findings: Iterable[Finding]) -> bool:
    """Whether a job could run here at all."""
    fine = {each.check for each in findings if each.state == "ok"}
    return bool(fine & {"Docker engine", "process backend"})


def examine(
    settings: Settings, docker: "Callable[[], DockerBackend]", made: Environments
) -> Iterator[Finding]:
    """Every check, in the order of what jobs need first; it takes up to some seconds.

    ``docker`` makes the backend that would run jobs, ``made`` are the environments of those that
    run without it. A control plane that serves examines what it has itself: its own settings, its
    own user's rights.
    """
    yield _versions()
    silent = why_silent(find_engine(settings.docker_host, settings.runtime_dir))
    if silent:
        yield Finding(
            "Docker engine",
            "note",
            f"{silent}; jobs run without it",
            "add this user to the docker group"
            if "may not be used" in silent
            else "install Docker and start its engine, or set DOCKER_HOST",
        )
    else:
        yield from _docker(docker)
    yield from _process(settings, made)
    gpus = list_gpus()
    if gpus:
        yield Finding("GPU", "ok", f"{len(gpus)}: {gpus[0]}")
    else:
        yield Finding(
            "GPU",
            "note",
            "none; jobs train on the CPU",
            "for an NVIDIA card, install its driver until `nvidia-smi` lists it",
        )
    yield from _disk(settings)


def _versions() -> Finding:
    parts = [f"{name} {metadata.version(name)}" for name in ("botocore", "docker", "isal")]
    python = platform.python_version()
    return Finding(
        "versions",
        "ok",
        f"sagelet {__version__}, Python {python}, {', '.join(parts)}, "
        f"{platform.system()} {platform.release()} {platform.machine()}",
    )


def _docker(make: "Callable[[], DockerBackend]") -> Iterator[Finding]:
    try:
        backend = make()
        yield Finding("Docker engine", "ok", backend.describe())
        for framework in FRAMEWORKS:
            image = backend.images.local(framework, gpu=False)
            if image.current:
                yield Finding(f"image {framework}", "ok", image.name)
            else:
                state = "out of date" if image.identifier else "not built yet"
                yield Finding(
                    f"image {framework}",
                    "note",
                    f"{image.name} is {state}; a job builds it",
                    f"sagelet images build {framework}",
                )
    except DomainError as error:
        yield Finding("Docker engine", "missing", str(error), "restart the engine")


def _process(settings: Settings, made: Environments) -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding(
            "process backend", "missing", f"needs Linux; this is {platform.system()}", "use Docker"
        )
        return
    yield Finding("process backend", "ok", "jobs can run as local processes")
    if not settings.namespaces:
        yield Finding("namespaces", "note", "switched off", "unset SAGELET_NAMESPACES")
    else:
        refused = _probe(settings, namespaces_refused)
        if refused:
            yield Finding(
                "namespaces",
                "note",
                refused,
                "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
                "kernel.apparmor_restrict_unprivileged_userns=0), or run as root",
            )
        else:
            yield Finding("namespaces", "ok", "each host gets a private /opt/ml and hostname")
            yield _networks(settings)
    for framework in FRAMEWORKS:
        if made.ready(framework):
            place = made.python(framework)
            yield Finding(f"environment {framework}", "ok", str(place))
        else:
            yield Finding(
                f"environment {framework}", "note", "not made yet; a job without Docker makes it"
            )


def _networks(settings: Settings) -> Finding:
    """Which network the hosts of a job with several have."""
    check = "network of hosts"
    slirp = find_slirp(settings.inherited) if settings.networks else None
    refused = _probe(settings, lambda place: networks_refused(place, slirp))
    if slirp is not None and not refused:
        return Finding(check, "ok", f"several hosts of a job have one of their own ({slirp})")
    if slirp is not None and not _probe(settings, lambda place: networks_refused(place, None)):
        fix = "make /dev/net/tun usable by this user" if "tun" in str(refused) else ""
        return Finding(check, "note", f"{_SHARED}: {refused}", fix)
    if refused:
        isolated = "; EnableNetworkIsolation over several hosts fails"
        return Finding(check, "note", f"{_SHARED}: {refused}{isolated}")
    if not settings.networks:
        return Finding(check, "note", f"{_SHARED}: switched off", "unset SAGELET_NETWORKS")
    return Finding(check, "note", _SHARED, f"install {SLIRP} and each job has one of its own")


def _probe(settings: Settings, probe: Callable[[Path], str | None]) -> str | None:
    try:
        return probe(settings.cache / "probe")
    except (OSError, DomainError) as error:
        return f"cannot be tried: {error}"


def _disk(settings: Settings) -> Iterator[Finding]:
    for name, path in (("SAGELET_HOME", settings.home), ("SAGELET_CACHE", settings.cache)):
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
            free = shutil.disk_usage(path).free
        except OSError as error:
            yield Finding(
                name,
                "missing",
                f"{path} cannot be written: {error.strerror}",
                f"set {name} to a folder of yours",
            )
            continue
        low = free < ROOM
        yield Finding(
            name,
            "note" if low else "ok",
            f"{path}, {size_in_words(free)} free",
            f"free some space, or set {name} to a larger disk" if low else "",
        )
