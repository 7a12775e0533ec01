"""The composition root: settings to store, backends and engine. No logic."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelet.engine.engine import Engine
from sagelet.execution.backend import ExecutionBackend
from sagelet.execution.docker.ping import find_engine, why_silent
from sagelet.execution.environments import Environments
from sagelet.execution.process import ProcessBackend
from sagelet.execution.registry import Backends
from sagelet.execution.wheels import Wheels
from sagelet.settings import Settings
from sagelet.store import Store, open_store

if TYPE_CHECKING:
    from sagelet.execution.docker.backend import DockerBackend

#: Where the sources are, unless this is an installed package.
_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class App:
    """Everything that is alive in one process."""

    settings: Settings
    store: Store
    backends: Backends
    engine: Engine


def create_app(settings: Settings) -> App:
    """Build it."""
    store = open_store(settings.home)
    made = environments(settings)
    engine_address = find_engine(settings.docker_host, settings.runtime_dir)
    makers: dict[str, Callable[[], ExecutionBackend]] = {
        "docker": lambda: docker_backend(settings),
        "process": lambda: ProcessBackend(made, settings.inherited, namespaces=settings.namespaces),
    }
    backends = Backends(makers, lambda: why_silent(engine_address))
    engine = Engine(store, backends, settings.account, settings.region)
    return App(settings, store, backends, engine)


def docker_backend(settings: Settings) -> "DockerBackend":
    """The Docker backend; imported when needed, its SDK takes half a second."""
    from sagelet.execution.docker.backend import DockerBackend

    return DockerBackend(
        find_engine(settings.docker_host, settings.runtime_dir),
        settings.home,
        containers(),
        wheels(settings),
        dict(settings.build_args),
        settings.inherited.get("CUDA_VISIBLE_DEVICES"),
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
    return packaged if packaged.is_dir() else _REPOSITORY / "containers"


def samples() -> Path:
    """The digits that the sample data is made of, likewise."""
    packaged = Path(__file__).parent / "_samples" / "mnist.npz"
    return packaged if packaged.is_file() else _REPOSITORY / "examples/mnist/mnist_10k.npz"
