"""A place to run jobs and their peers in: a home of its own, the data, the images."""

import dataclasses
import io
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelet.app import App, create_app, docker_backend
from sagelet.cli import options
from sagelet.domain.hosts import Access, HostPlan
from sagelet.domain.lifecycle import begin
from sagelet.domain.training import TrainingJob
from sagelet.engine import staging
from sagelet.execution.docker.ping import find_engine, why_silent
from sagelet.execution.namespaces import overlay_options
from sagelet.settings import Settings

if TYPE_CHECKING:
    from docker import APIClient

PYTHON = sys.executable

#: The line that tells when the script began, whatever else stands in the output.
FIRST_LINE = "import time\nprint('first line', time.time_ns(), flush=True)\n"

OFFLINE_BASE = "sagelet/base:bookworm"
MINIMAL_IMAGE = "sagelet-benchmark/minimal"


class NoProgress:
    """A step that nobody watches."""

    def __call__(self, text: str) -> None:
        """Say it to nobody."""

    def cancelled(self) -> bool:
        """Never."""
        return False


@dataclasses.dataclass(frozen=True)
class Ran:
    """A job or a peer that ended: seconds from its start to its first line and to its end.

    Of several hosts it is the first line of the last one.
    """

    first: float
    wall: float
    log: Path | None = None


class Workshop:
    """Jobs in a temporary home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = dataclasses.replace(
            Settings.from_environ(), home=folder / "home", cache=folder / "cache", backend="auto"
        )
        self.app: App = create_app(settings)
        self.environ = {
            # Interpreter switches of whoever measures (no bytecode, no buffer) are left out.
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            "SAGELET_HOME": str(settings.home),
            "SAGELET_CACHE": str(settings.cache),
        }
        self.engine_address = find_engine(settings.docker_host, settings.runtime_dir)
        self.no_docker = why_silent(self.engine_address)
        self._number = 0

    def script(self, name: str, text: str) -> Path:
        """A script."""
        path = self.folder / name
        path.write_text(text)
        return path

    def channel(self, name: str, size: int, files: int = 1) -> Path:
        """A folder with ``files`` sparse files, ``size`` bytes together."""
        folder = self.folder / "data" / name
        folder.mkdir(parents=True)
        for number in range(files):
            path = folder / f"{number:06}.bin"
            path.touch()
            os.truncate(path, size // files)
        return folder

    def request(
        self,
        backend: str,
        channel: Path | None,
        script: Path | None,
        image: str | None = None,
        hosts: int = 1,
    ) -> dict[str, Any]:
        """A CreateTrainingJob request as ``sagelet train`` would make it."""
        self._number += 1
        python = PYTHON if image is None else None
        return {
            "TrainingJobName": f"benchmark-{os.getpid()}-{self._number}",
            "AlgorithmSpecification": {
                "TrainingImage": image or "python",
                "TrainingInputMode": "File",
            },
            "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
            "OutputDataConfig": {"S3OutputPath": options.file_uri(self.folder / "output")},
            "ResourceConfig": {"InstanceCount": hosts, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            "HyperParameters": options.script_hyperparameters(str(script), None) if script else {},
            "InputDataConfig": options.channels([f"training={channel}"] if channel else []),
            "Tags": options.tags({"backend": backend, "python": python}),
        }

    def job(self, request: dict[str, Any]) -> Ran:
        """Submit a job and wait for it, in this process."""
        store, engine = self.app.in_region(self.app.settings.region)
        started = time.time_ns()
        name = engine.submit(request).name
        while not self.app.dispatcher.idle():
            time.sleep(0.002)
        wall = time.time_ns() - started
        job = store.training_jobs.get(name)
        if job.life.primary != "Completed":
            raise SystemExit(f"{name} {job.life.primary}: {job.life.failure_reason}")
        logs = [store.home.log(name, f"algo-{n + 1}") for n in range(job.host_count)]
        last = max(first_line(log.read_bytes()) for log in logs)
        return Ran((last - started) / 1e9, wall / 1e9, logs[0])

    @cached_property
    def docker(self) -> "APIClient":
        """A client of the engine, for peers."""
        from docker import APIClient

        return APIClient(base_url=self.engine_address, version="auto", timeout=3600)

    def prepared(self, request: dict[str, Any]) -> tuple[HostPlan, ...]:
        """The hosts of a job, their files staged, for a peer to start by hand."""
        now = time.time()
        settings, store = self.app.settings, self.app.store
        job = TrainingJob(request, settings.account, settings.region, now, begin(now))
        plan = staging.plan_job(job, store)
        staging.stage(job, plan, store, store.objects, NoProgress())
        return plan.hosts

    def resolve(self, request: dict[str, Any]) -> str:
        """The image the engine would run for a request."""
        now = time.time()
        settings = self.app.settings
        job = TrainingJob(request, settings.account, settings.region, now, begin(now))
        images = docker_backend(settings).images
        return images.prepare(staging.plan_job(job, self.app.store), NoProgress())


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A workshop that leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="sagelet-", ignore_cleanup_errors=True) as folder:
        yield Workshop(Path(folder))


def engine_start(api: "APIClient", host: HostPlan, image: str) -> Ran:
    """What any client of the engine must do for this host: create the container and start it."""
    from docker.types import DriverConfig, Mount

    mounts = []
    for mount in host.mounts:
        if mount.access is Access.READ_WRITE:
            mounts.append(Mount(mount.target, mount.source, type="bind"))
            continue
        overlay = overlay_options(asdict(mount), user=False)
        driver = DriverConfig("local", {"type": "overlay", "device": "overlay", "o": overlay})
        mounts.append(Mount(mount.target, None, type="volume", no_copy=True, driver_config=driver))
    started = time.time_ns()
    container = api.create_container(
        image,
        command=list(host.command),
        hostname=host.name,
        environment=dict(host.environment),
        host_config=api.create_host_config(mounts=mounts, shm_size=1 << 30),
    )
    api.start(container)
    code = api.wait(container)["StatusCode"]
    wall = time.time_ns() - started
    output = api.logs(container)
    api.remove_container(container, v=True, force=True)
    if code != 0:
        raise SystemExit(f"the container ended with {code}: {output[-2000:]!r}")
    return Ran((first_line(output) - started) / 1e9, wall / 1e9)


def minimal_image(api: "APIClient", fallback: str) -> str:
    """An image without a toolkit: its ``train`` is the script itself."""
    bases = [image["RepoTags"] or () for image in api.images()]
    base = OFFLINE_BASE if any(OFFLINE_BASE in tags for tags in bases) else fallback
    files = {
        "Dockerfile": f"FROM {base}\nENV PATH=/opt/program:$PATH\nCOPY train /opt/program/train\n",
        "train": "#!/usr/bin/env python3\n" + FIRST_LINE,
    }
    with io.BytesIO() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text), 0o755
                tar.addfile(member, io.BytesIO(text.encode()))
        context.seek(0)
        said = list(
            api.build(fileobj=context, custom_context=True, tag=MINIMAL_IMAGE, rm=True, decode=True)
        )
    if "error" in said[-1]:
        raise SystemExit(said[-1]["error"])
    return MINIMAL_IMAGE


def first_line(output: bytes) -> int:
    """When the script began, in its own words."""
    for line in output.splitlines():
        _, found, stamp = line.partition(b"first line ")
        if found:
            return int(stamp)
    raise SystemExit(f"the script did not say when it began: {output[-2000:]!r}")
