"""Images: which one serves a job, and how ours are built.

A job's image is used as it is when the engine has it; a framework's name is served by an image
built here from ``containers/``; anything else is pulled.
"""

import hashlib
import io
import queue
import re
import tarfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound

from sagelet.domain.errors import Unavailable
from sagelet.domain.frameworks import FRAMEWORKS
from sagelet.domain.hosts import JobPlan
from sagelet.domain.launchers import check_launchers
from sagelet.execution.backend import Cancelled, Progress
from sagelet.execution.wheels import IMAGE_PYTHON, Wheels

#: The base image made by containers/base/offline.sh; preferred where it exists.
OFFLINE_BASE = "sagelet/base:bookworm"
CONTEXT_LABEL = "sagelet.context"

#: Says that the image's `train` waits at a door where the host has one.
DOOR_LABEL = "sagelet.door"


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image of ours: its name, what it is built from, and whether the engine has it."""

    name: str
    framework: str
    gpu: bool
    context: str
    identifier: str | None
    current: bool


class Images:
    """Finds, pulls and builds images on one engine."""

    def __init__(
        self, api: APIClient, containers: Path, wheels: Wheels, build_args: dict[str, str]
    ) -> None:
        self._api = api
        self._containers = containers
        self._wheels = wheels
        self._build_args = build_args

    def check(self, plan: JobPlan) -> None:
        """Make sure the image is here, is ours to build, or is in its registry.

        It is not pulled yet: that may take longer than a client waits for an answer.

        Raises:
            Unavailable: it is none of these.
            ValidationException: the job asks for a launcher that our images do not have.
        """
        if plan.framework is not None and (_ours(plan.image) or self._inspect(plan.image) is None):
            name = plan.framework.name
            check_launchers(plan.launchers, name, len(plan.hosts), shared_machine=False)
        if plan.framework is None and self._inspect(plan.image) is None:
            self._look_up(plan.image)

    def prepare(self, plan: JobPlan, progress: Progress) -> str:
        """The reference to run: an image that is not here is pulled, a framework's built.

        Raises:
            Unavailable: it is not here and cannot be pulled or built.
        """
        if not _ours(plan.image) and self._inspect(plan.image) is not None:
            return plan.image
        if plan.framework is None:
            self._pull(plan.image, progress)
            return plan.image
        image = self.local(plan.framework.name, gpu=plan.gpu)
        if not image.current:
            self.build(image, progress)
        return image.name

    def with_door(self, reference: str) -> str | None:
        """The identifier of an image whose hosts can wait for their job; None: they cannot."""
        document = self._inspect(reference) or {}
        config = document.get("Config") or {}
        if (config.get("Labels") or {}).get(DOOR_LABEL) != "1" or config.get("Entrypoint"):
            return None
        return str(document["Id"])

    def local(self, framework: str, *, gpu: bool) -> LocalImage:
        """Our image for a framework and device."""
        name = f"sagelet/{framework}:{_version(self._containers, framework)}-{_device(gpu=gpu)}"
        context = self._digest(framework)
        document = self._inspect(name)
        labels = ((document or {}).get("Config") or {}).get("Labels") or {}
        return LocalImage(
            name=name,
            framework=framework,
            gpu=gpu,
            context=context,
            identifier=document["Id"] if document else None,
            current=labels.get(CONTEXT_LABEL) == context,
        )

    def build(self, image: LocalImage, progress: Progress) -> None:
        """Build an image of ours.

        Raises:
            Unavailable: no base image, or a step failed; the step's last words are in the message.
            Cancelled: told to stop.
        """
        base = (
            OFFLINE_BASE
            if self._inspect(OFFLINE_BASE)
            else _default_base(self._containers / image.framework)
        )
        if self._inspect(base) is None:
            self._pull(base, progress)
        if not image.gpu:
            self._wheels.fetch_cpu_build(image.framework, IMAGE_PYTHON, progress)
        progress(f"building {image.name} (once) from {base}")
        said: list[str] = []
        try:
            with io.BytesIO() as context:
                self._write_context(image, context)
                context.seek(0)
                messages = self._api.build(
                    fileobj=context,
                    custom_context=True,
                    tag=image.name,
                    rm=True,
                    forcerm=True,
                    decode=True,
                    labels={CONTEXT_LABEL: image.context},
                    buildargs={
                        "BASE_IMAGE": base,
                        "DEVICE": _device(gpu=image.gpu),
                        **self._build_args,
                    },
                )
                for message in _polled(messages, progress):
                    _follow(message, said, progress)
        except DockerException as error:
            raise Unavailable(f"{image.name} could not be built: {_text(error)}") from None
        if self._inspect(image.name) is None:
            tail = " | ".join(said[-6:])
            raise Unavailable(f"{image.name} could not be built: {tail}")
        if image.identifier is not None:
            with suppress(APIError):  # a container may still run the one before
                self._api.remove_image(image.identifier)

    def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = self._api.inspect_image(name)
        except ImageNotFound:
            return None
        except APIError as error:
            if error.status_code == 400:  # no valid reference
                return None
            raise
        return document

    def _look_up(self, name: str) -> None:
        try:
            self._api.inspect_distribution(name)
        except APIError as error:
            why = _text(error)
            # An engine that cannot ask (Podman) finds no such page: the pull will tell.
            if error.status_code != 404 or "unknown" in why:
                raise Unavailable(_cannot_pull(name, why)) from None
        except DockerException as error:
            raise Unavailable(_cannot_pull(name, _text(error))) from None

    def _pull(self, name: str, progress: Progress) -> None:
        progress(f"pulling {name}")
        repository, tag = _split(name)
        try:
            messages = self._api.pull(repository, tag=tag, stream=True, decode=True)
            for message in _polled(messages, progress):
                if "error" in message:
                    raise Unavailable(_cannot_pull(name, str(message["error"])))
        except DockerException as error:
            raise Unavailable(_cannot_pull(name, _text(error))) from None

    def _digest(self, framework: str) -> str:
        digest = hashlib.sha256()
        for name, path in _context_files(self._containers, framework):
            digest.update(f"{name}\0{path.stat().st_mode & 0o111}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def _write_context(self, image: LocalImage, target: io.BytesIO) -> None:
        with tarfile.open(fileobj=target, mode="w") as tar:
            keep = tarfile.TarInfo("wheels/.keep")
            tar.addfile(keep, io.BytesIO(b""))
            for name, path in _context_files(self._containers, image.framework):
                tar.add(path, name)
            for path in () if image.gpu else self._wheels.files(image.framework):
                tar.add(path, f"wheels/{path.name}")


def _context_files(containers: Path, framework: str) -> Iterator[tuple[str, Path]]:
    """What an image is made of: the framework's files and the toolkit; wheels only speed it up."""
    for path in sorted((containers / framework).iterdir()):
        if path.is_file():
            yield path.name, path
    toolkit = containers / "toolkit"
    for folder in ("bin", "sagelet_toolkit", "ssh"):
        for path in sorted((toolkit / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"toolkit/{path.relative_to(toolkit)}", path


def _polled(messages: Iterable[Any], progress: Progress) -> Iterator[Any]:
    """The messages, given up the moment ``progress`` is cancelled, however silent the engine is."""
    arrived: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def fetch() -> None:
        try:
            for message in messages:
                arrived.put(("message", message))
            arrived.put(("end", None))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            arrived.put(("error", error))

    threading.Thread(target=fetch, name="engine-messages", daemon=True).start()
    while True:
        if progress.cancelled():
            raise Cancelled
        try:
            kind, value = arrived.get(timeout=0.1)
        except queue.Empty:
            continue
        if kind == "end":
            return
        if kind == "error":
            raise value
        yield value


def _follow(message: dict[str, Any], said: list[str], progress: Progress) -> None:
    if "error" in message:
        raise Unavailable(
            f"the image could not be built: {message['error'].strip()} ({' | '.join(said[-4:])})"
        )
    for line in str(message.get("stream", "")).splitlines():
        text = line.strip()
        if text:
            said.append(text)
            if re.match(r"Step |Collecting|Downloading|Installing", text):
                progress(text[:100])


def _device(*, gpu: bool) -> str:
    return "gpu" if gpu else "cpu"


def _ours(name: str) -> bool:
    return name.partition(":")[0] in {f"sagelet/{framework}" for framework in FRAMEWORKS}


def _version(containers: Path, framework: str) -> str:
    """The framework's pinned version, from its requirements file."""
    text = (containers / framework / "requirements.txt").read_text()
    package = r"^(?:torch|tensorflow[a-z-]*|scikit-learn)(?:\[.*\])?==([^\s;]+)"
    match = re.search(package, text, re.MULTILINE)
    return match[1] if match else "local"


def _default_base(folder: Path) -> str:
    match = re.search(r"^ARG BASE_IMAGE=(\S+)", (folder / "Dockerfile").read_text(), re.MULTILINE)
    if match is None:
        raise Unavailable(f"{folder / 'Dockerfile'} names no default BASE_IMAGE.")
    return match[1]


def _split(name: str) -> tuple[str, str | None]:
    if "@" in name:
        return name, None
    head, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return head + slash + repository, tag or "latest"


def _cannot_pull(name: str, why: str) -> str:
    reason = why.strip().rstrip(".")
    return (
        f"The image '{name}' is not on this engine and cannot be pulled: {reason}. "
        "Build or pull it (docker build, docker pull), or name a framework (--framework)."
    )


def _text(error: DockerException) -> str:
    return str(getattr(error, "explanation", None) or error).strip()
