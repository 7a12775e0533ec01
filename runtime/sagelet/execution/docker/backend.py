"""Containers on one engine: created, started, watched, stopped and removed by a plan."""

import dataclasses
import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from docker.types import DeviceRequest, DriverConfig, LogConfig, Mount
from requests.exceptions import RequestException

from sagelet.domain.errors import HostFault, Unavailable, ValidationException
from sagelet.domain.hosts import Access, HostPlan, JobPlan
from sagelet.domain.hosts import Mount as PlannedMount
from sagelet.domain.usage import Reading
from sagelet.execution import feeding
from sagelet.execution.backend import HostStarted, Progress, Sink
from sagelet.execution.docker.hands import give_back
from sagelet.execution.docker.images import Images
from sagelet.execution.docker.meters import Meters
from sagelet.execution.docker.network import JobNetwork, create_network, gateway
from sagelet.execution.docker.ping import why_silent
from sagelet.execution.docker.pump import Pump
from sagelet.execution.namespaces import catches_sigterm, covered, overlay_options
from sagelet.execution.wheels import Wheels

JOB_LABEL = "sagelet.job"
HOST_LABEL = "sagelet.host"
HOME_LABEL = "sagelet.home"
REGION_LABEL = "sagelet.region"

#: Requests that last as long as a job, in seconds (the SDK wants a number).
_FOREVER = 10**8

#: Containers of a job that are created or started at the same time: the engine has no more to
#: gain by then, and each of its answers must come in a minute.
AT_ONCE = 8

#: How long removing may take, in seconds.
PATIENCE = 30.0

#: How long a program may take to install a handler for SIGTERM, in seconds.
LISTEN = 10.0

#: Kept whole by the engine, so that a log can be replayed after a restart of sagelet.
_LOG = LogConfig(type="local", config={"max-size": "100g", "max-file": "1", "compress": "false"})


class _NoOverlay(Exception):
    """The engine cannot mount an overlay here."""


class DockerBackend:
    """Runs hosts as containers. ``home`` keeps the jobs of two homes on one engine apart."""

    name = "docker"

    def __init__(
        self,
        host: str,
        home: Path,
        containers: Path,
        wheels: Wheels,
        build_args: dict[str, str],
    ) -> None:
        self._host = host
        self._home = str(home)
        silent = why_silent(host)
        if silent:
            raise Unavailable(f"{silent}. Start one, or run without Docker: --backend process.")
        try:
            self._api = APIClient(base_url=host, version="auto", timeout=60)
        except DockerException as error:
            raise Unavailable(f"No Docker engine answers at {host}: {error}") from None
        self._references: dict[tuple[str, str], str] = {}
        self._meters = Meters(host, self._api.api_version)
        self.images = Images(self._api, containers, wheels, build_args)

    def describe(self) -> str:
        """The engine in one line."""
        info: dict[str, Any] = self._api.info()
        return (
            f"{info['ServerVersion']} at {self._host}, {info['Driver']}, {info['NCPU']} CPUs, "
            f"{info['MemTotal'] / 1e9:.1f} GB"
        )

    def check(self, plan: JobPlan) -> None:
        """The image must be there, or to be had."""
        if plan.python is not None:
            raise ValidationException("--python chooses an interpreter for --backend process only.")
        self.images.check(plan)

    def prepare(self, plan: JobPlan, progress: Progress) -> None:
        """Pull or build the image, once."""
        self._references[plan.region, plan.job] = self.images.prepare(plan, progress)

    def address(self) -> str | None:
        """The gateway of the engine's default bridge; None for an engine on another machine."""
        if not self._host.startswith("unix://"):
            return None
        try:
            return gateway(self._api.inspect_network("bridge"))
        except (DockerException, RequestException) as error:
            raise HostFault(
                f"InternalServerError: the Docker engine does not tell its network: {error}"
            ) from None

    def launch(self, plan: JobPlan, sink: Sink) -> None:
        """Create all containers and attach to them, then start all; many at the same time."""
        image = self._references.pop((plan.region, plan.job))
        try:
            try:
                self._launch(plan, image, sink, protect=True)
            except _NoOverlay:
                self.remove(plan)
                self._launch(plan, image, sink, protect=False)
        except (DockerException, RequestException) as error:
            with suppress(HostFault):
                self.remove(plan)
            raise HostFault(_launch_failure(plan, error)) from None
        except OSError as error:
            with suppress(HostFault):
                self.remove(plan)
            raise HostFault(f"InternalServerError: a host could not be started: {error}") from None

    def made_of(self, plan: JobPlan) -> str | None:
        """The image, by its content."""
        return self.images.with_door(self._references[plan.region, plan.job])

    def keep(self, plan: JobPlan) -> None:
        """Create and start all containers; what they print stays in the engine's record."""
        image = self._references.pop((plan.region, plan.job))
        try:
            network = create_network(self._api, plan, self._labels(plan))
            created = [self._create(plan, h, image, network, protect=True) for h in plan.hosts]
            for container in created:
                self._api.start(container)
        except (DockerException, RequestException, OSError) as error:
            with suppress(HostFault):
                self.remove(plan)
            raise HostFault(_launch_failure(plan, error)) from None

    def seen_from_inside(self, plan: JobPlan) -> JobPlan:
        """The plan as it is: ``address`` is the same for all containers."""
        return plan

    def _launch(self, plan: JobPlan, image: str, sink: Sink, *, protect: bool) -> None:
        network = create_network(self._api, plan, self._labels(plan))
        sink = feeding.guarded(plan, sink)

        def create(host: HostPlan) -> Pump:
            container = self._create(plan, host, image, network, protect=protect)
            pump = Pump(self._connect, container, host.name, Path(host.folder) / "log", sink)
            pump.attach()
            until = {"engine": self._host, "container": container}
            feeding.start(host, "sagelet.execution.docker.feeder", until)
            return pump

        def start(host: HostPlan, pump: Pump) -> None:
            self._api.start(pump.container)
            sink(HostStarted(host.name, () if protect else _read_only_notes(host)))
            pump.start()

        # Left only when all is done: nothing may still be made of what is removed after a failure.
        with ThreadPoolExecutor(min(len(plan.hosts), AT_ONCE), "launch") as pool:
            created = [pool.submit(create, host) for host in plan.hosts]
            pumps = [step.result() for step in created]
            started = [pool.submit(start, *pair) for pair in zip(plan.hosts, pumps, strict=True)]
        errors = [error for error in (step.exception() for step in started) if error]
        if errors:
            none_began = len(errors) == len(started)
            if protect and none_began and "failed to mount local volume" in str(errors[0]):
                raise _NoOverlay from None
            raise errors[0]
        feeding.watch(plan, self._kill)

    def adopt(self, plan: JobPlan, sink: Sink) -> None:
        """Watch containers an earlier process started; one that is gone is a host lost."""
        try:
            there = {
                container["Labels"][HOST_LABEL]: container["Id"]
                for container in self._containers(plan)
                if HOST_LABEL in container["Labels"] and container["State"] != "created"
            }
        except (DockerException, RequestException) as error:
            raise HostFault(f"the Docker engine does not answer: {error}") from None
        self._references.pop((plan.region, plan.job), None)  # they have one already
        sink = feeding.guarded(plan, sink)
        for host in plan.hosts:
            pump = Pump(
                self._connect,
                there.get(host.name, "missing"),
                host.name,
                Path(host.folder) / "log",
                sink,
            )
            pump.adopt()
            if plan.spare and host.name in there:
                with suppress(DockerException, RequestException):  # for people's eyes
                    self._api.rename(there[host.name], self._name(plan.job, plan, host))
        feeding.watch(plan, self._kill)

    def look(self, plan: JobPlan) -> list[Reading]:
        """What the engine says of each container that runs."""
        names = tuple(host.name for host in plan.hosts)
        cores = {host.name: host.cpus for host in plan.hosts if host.cpus}
        labels = tuple(_label_filter(self._labels(plan)))
        return self._meters.look(labels, HOST_LABEL, names, cores)

    def _kill(self, plan: JobPlan) -> None:
        self.stop(plan, grace=0.0)

    def stop(self, plan: JobPlan, *, grace: float) -> None:
        """Threads do it. Hosts that an earlier call told to end are not told twice."""
        threading.Thread(
            target=self._stop_all, args=(plan, grace), name="stop", daemon=True
        ).start()

    def _stop_all(self, plan: JobPlan, grace: float) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                containers = self._containers(plan)
                break
            except (DockerException, RequestException):  # a hiccup must not lose the request
                if time.monotonic() > deadline:
                    return
                time.sleep(0.5)
        wanted = {host.name for host in plan.hosts}
        for container in containers:
            if container["Labels"].get(HOST_LABEL) not in wanted:
                continue
            threading.Thread(
                target=self._stop, args=(container["Id"], grace), name="stop", daemon=True
            ).start()

    def _stop(self, container: str, grace: float) -> None:
        api = self._connect()
        with suppress(DockerException, RequestException):
            if grace > 0:
                told = _told_at(api, container)
                if told is None:
                    told = time.time()
                    _wait_until_it_listens(api, container, min(grace, LISTEN))
                    api.kill(container, "SIGTERM")
                time.sleep(min(max(0.0, told + grace - time.time()), grace))
            api.kill(container)

    def reclaim(self, plan: JobPlan) -> None:
        """Make the caller the owner of what the containers wrote."""
        folders = [
            Path(path)
            for host in plan.hosts
            for mount in host.mounts
            if mount.access is not Access.READ_ONLY
            for path in (
                [mount.scratch or ""] if mount.access is Access.COPY_ON_WRITE else [mount.source]
            )
        ]
        give_back(self._api, dict.fromkeys(folders), self._labels(plan))

    def remove(self, plan: JobPlan) -> None:
        """Remove the job's containers, volumes and network; what is being removed is waited for.

        Raises:
            HostFault: something is still there after a while.
        """
        filters = {"label": _label_filter(self._labels(plan))}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                there = self._remove_once(plan, filters)
            except (DockerException, RequestException) as error:
                there, reason = True, str(error)
            else:
                reason = "the engine does not let go of it"
            if not there:
                self._meters.forget(tuple(_label_filter(self._labels(plan))))
                feeding.end(plan)
                return
            if time.monotonic() > deadline:
                raise HostFault(f"InternalServerError: {plan.job} could not be removed: {reason}")
            time.sleep(0.1)

    def _remove_once(self, plan: JobPlan, filters: dict[str, list[str]]) -> bool:
        """Try to remove all; whether something was there."""
        containers = self._containers(plan)
        for container in containers:
            self._api.remove_container(container["Id"], force=True, v=True)
        volumes = self._api.volumes(filters=filters)["Volumes"] or []
        for volume in volumes:
            self._api.remove_volume(volume["Name"], force=True)
        networks = self._api.networks(filters=filters) if len(plan.hosts) > 1 else []
        for network in networks:
            self._api.remove_network(network["Id"])
        return bool(containers or volumes or networks)

    def _connect(self) -> APIClient:
        """A client of its own for a thread; waits as long as it takes."""
        return APIClient(base_url=self._host, version=self._api.api_version, timeout=_FOREVER)

    def _containers(self, plan: JobPlan) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.containers(
            all=True, filters={"label": _label_filter(self._labels(plan))}
        )
        return found

    def _labels(self, plan: JobPlan) -> dict[str, str]:
        return {JOB_LABEL: plan.known_as, REGION_LABEL: plan.region, HOME_LABEL: self._home}

    def _create(
        self,
        plan: JobPlan,
        host: HostPlan,
        image: str,
        network: JobNetwork,
        *,
        protect: bool,
    ) -> str:
        cpus = min(host.cpus, os.cpu_count() or 1) if host.cpus else None
        config = self._api.create_host_config(
            mounts=[self._mount(plan, m, protect=protect) for m in host.mounts],
            network_mode=network.mode,
            extra_hosts=network.extra_hosts,
            nano_cpus=int(cpus * 1e9) if cpus else None,
            mem_limit=host.memory,
            shm_size=host.shm or (host.memory or _physical_memory()) // 2,
            device_requests=[DeviceRequest(device_ids=list(host.gpus), capabilities=[["gpu"]])]
            if host.gpus
            else None,
            log_config=_LOG,
        )
        created: dict[str, Any] = self._api.create_container(
            image,
            name=self._name(plan.known_as, plan, host),
            hostname=host.name,
            entrypoint=list(host.entrypoint) if host.entrypoint else None,
            command=list(host.command),
            environment={k: v for k, v in host.environment.items() if k != "HOSTNAME"},
            labels={**self._labels(plan), HOST_LABEL: host.name},
            host_config=config,
            networking_config=network.endpoint(self._api, host.name),
        )
        return str(created["Id"])

    def _name(self, hosts: str, plan: JobPlan, host: HostPlan) -> str:
        """What a container is called; names are the engine's, not the home's or the region's."""
        key = hashlib.sha256(f"{self._home} {plan.region}".encode()).hexdigest()[:6]
        return f"{hosts}-{host.name}-{key}"

    def _mount(self, plan: JobPlan, mount: PlannedMount, *, protect: bool) -> Mount:
        if mount.access is Access.READ_WRITE:
            return Mount(mount.target, mount.source, type="bind")
        if not protect or (mount.access is Access.READ_ONLY and not covered(mount.over)):
            return Mount(mount.target, mount.source, type="bind", read_only=True)
        options = overlay_options(dataclasses.asdict(mount), user=False)
        return Mount(
            mount.target,
            None,
            type="volume",
            no_copy=True,
            labels=self._labels(plan),
            driver_config=DriverConfig(
                "local", {"type": "overlay", "device": "overlay", "o": options}
            ),
        )


def _wait_until_it_listens(api: APIClient, container: str, patience: float) -> None:
    """Give a program that only just starts the time to install its handler for SIGTERM.

    Only an engine on this machine can be looked at. A program that never listens is killed after
    the grace in any case, of which this is a part.
    """
    deadline = time.monotonic() + patience
    pid = api.inspect_container(container)["State"]["Pid"]
    while time.monotonic() < deadline and not catches_sigterm(pid):
        time.sleep(0.01)


def _told_at(api: APIClient, container: str) -> float | None:
    """When the engine last passed SIGTERM on to a container, in epoch seconds; None: it did not.

    The engine knows what a sagelet that was killed could no longer note.
    """
    now: Any = f"{time.time():.9f}"  # with a fraction: whole seconds would wait or miss some
    past = api.events(
        since=1, until=now, filters={"container": container, "event": "kill"}, decode=True
    )
    told = [e["timeNano"] / 1e9 for e in past if e["Actor"]["Attributes"].get("signal") == "15"]
    return max(told, default=None)


def _label_filter(labels: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in labels.items()]


def _read_only_notes(host: HostPlan) -> tuple[str, ...]:
    return tuple(
        f"{mount.target} is read-only here: the engine cannot lay an overlay over {mount.source}"
        for mount in host.mounts
        if mount.access is Access.COPY_ON_WRITE
    )


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _launch_failure(plan: JobPlan, error: Exception) -> str:
    text = str(getattr(error, "explanation", None) or error).strip()
    if "executable file not found" in text or "no such file or directory: unknown" in text:
        return (
            f"ClientError: the image '{plan.image}' cannot run its training command: {text} "
            "A training image has a `train` program on its PATH, or an ENTRYPOINT that takes it."
        )
    if "could not select device driver" in text:
        return (
            "ClientError: the engine cannot give GPUs to containers: install the NVIDIA container "
            f"toolkit and restart the engine. ({text})"
        )
    status = getattr(error, "status_code", None) or 500
    fault = "ClientError" if 400 <= status < 500 else "InternalServerError"
    return f"{fault}: the Docker engine could not start the job: {text}"
