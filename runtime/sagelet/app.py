"""The composition root: settings to store, backends, engine and wire. No logic."""

import functools
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelet.engine.dispatcher import Dispatcher
from sagelet.engine.engine import Engine
from sagelet.engine.supervisor import Observer, Supervisor
from sagelet.engine.talkback import LOOPBACK, TalkBack
from sagelet.execution import machine
from sagelet.execution.backend import ExecutionBackend
from sagelet.execution.docker.ping import find_engine, why_silent
from sagelet.execution.environments import Environments
from sagelet.execution.process import ProcessBackend
from sagelet.execution.registry import Backends, Choice
from sagelet.execution.wheels import Wheels
from sagelet.settings import Settings
from sagelet.store import Store, open_store
from sagelet.store.home import keep_secret

if TYPE_CHECKING:
    from sagelet.execution.docker.backend import DockerBackend


class Endpoints:
    """The control plane's URLs by the address of this machine; whoever listens fills it in."""

    def __init__(self) -> None:
        #: The URL on loopback; None while nobody listens.
        self.loopback: str | None = None
        #: Listens on another address and gives the URL there.
        self.listen: Callable[[str], str | None] = lambda _address: None
        self._known: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def at(self, address: str) -> str | None:
        """The URL at ``address``."""
        if address == LOOPBACK:
            return self.loopback
        with self._lock:
            if self._known.get(address) is None:
                self._known[address] = self.listen(address)
            return self._known[address]


@dataclass(frozen=True, slots=True)
class App:
    """Everything that is alive in one process."""

    settings: Settings
    store: Store
    backends: Backends
    dispatcher: Dispatcher
    talkback: TalkBack
    endpoints: Endpoints
    #: region -> the engine and the store as that region sees them
    in_region: Callable[[str], tuple[Store, Engine]]


def create_app(
    settings: Settings,
    *,
    simulate: bool = False,
    most: int | None = None,
    observers: Sequence[Observer] = (),
) -> App:
    """Build it.

    Args:
        settings: the settings.
        simulate: instance types set limits.
        most: how many jobs run at once at most.
        observers: hear of every new state of a job.
    """
    store = open_store(settings.home, settings.region)
    backends = _backends(settings)
    endpoints = Endpoints()
    talkback = TalkBack(
        store,
        keep_secret(settings.home / "secret", secrets.token_bytes),
        endpoints.at,
        settings.home / "tls" / "ca-bundle.pem",
        settings.s3_endpoint,
    )

    def supervisor(view: Store, name: str, choice: Choice | None) -> Supervisor:
        return Supervisor(view, backends, name, talkback, choice, observers)

    dispatcher = Dispatcher(
        store, machine.look(settings.inherited.get("CUDA_VISIBLE_DEVICES")), supervisor, most
    )

    @functools.lru_cache(maxsize=64)
    def in_region(region: str) -> tuple[Store, Engine]:
        view = store.in_region(region)
        engine = Engine(view, backends, dispatcher, settings.account, simulate=simulate)
        return view, engine

    return App(settings, store, backends, dispatcher, talkback, endpoints, in_region)


def _backends(settings: Settings) -> Backends:
    made = environments(settings)
    address = find_engine(settings.docker_host, settings.runtime_dir)
    makers: dict[str, Callable[[], ExecutionBackend]] = {
        "docker": lambda: docker_backend(settings),
        "process": lambda: ProcessBackend(made, settings.inherited, namespaces=settings.namespaces),
    }
    return Backends(makers, lambda: why_silent(address))


def docker_backend(settings: Settings) -> "DockerBackend":
    """The Docker backend; imported when needed, its SDK takes half a second."""
    from sagelet.execution.docker.backend import DockerBackend

    return DockerBackend(
        find_engine(settings.docker_host, settings.runtime_dir),
        settings.home,
        containers(),
        wheels(settings),
        dict(settings.build_args),
    )


def environments(settings: Settings) -> Environments:
    """The framework environments of jobs without Docker."""
    return Environments(containers(), settings.cache, wheels(settings))


def wheels(settings: Settings) -> Wheels:
    """The wheels that environments and images share."""
    return Wheels(containers(), settings.cache, settings.build_args.get("TORCH_INDEX_URL"))


def containers() -> Path:
    """The container sources: beside the package when installed, else in the repository."""
    packaged = Path(__file__).parent / "_containers"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "containers"
