"""The composition root: settings to store, backends, engine and wire. No logic."""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelet.aws.gateway import Asgi, Gateway, Key, Surroundings
from sagelet.aws.witness import changes_storage, changes_tracking
from sagelet.doctor import Finding, examine
from sagelet.domain.addresses import GATEWAY
from sagelet.domain.errors import DomainError
from sagelet.domain.jobs import Kind
from sagelet.engine.bus import Bus
from sagelet.engine.dispatcher import Dispatcher
from sagelet.engine.engine import Engine
from sagelet.engine.meter import Meter
from sagelet.engine.reset import reset
from sagelet.engine.samples import sample_provider
from sagelet.engine.supervisor import Observer, Supervisor
from sagelet.engine.talkback import LOOPBACK, TalkBack
from sagelet.engine.tuners import Tuners
from sagelet.engine.warm import WarmHosts
from sagelet.execution import machine
from sagelet.execution.backend import ExecutionBackend
from sagelet.execution.docker.ping import find_engine, why_silent
from sagelet.execution.environments import Environments
from sagelet.execution.process import ProcessBackend
from sagelet.execution.registry import Backends, Choice
from sagelet.execution.wheels import Wheels
from sagelet.server.certificates import Certificates
from sagelet.server.listen import Server
from sagelet.server.upstream import Upstream
from sagelet.settings import Settings
from sagelet.store import Store, open_store
from sagelet.store.cache import Cache
from sagelet.store.calls import Call, Calls
from sagelet.store.home import keep_secret
from sagelet.store.object_store import ObjectStore
from sagelet.store.remote import RemoteObjects
from sagelet.store.roles import SESSION_PREFIX
from sagelet.web.local import LocalDoors

_log = logging.getLogger("sagelet.app")

if TYPE_CHECKING:
    from sagelet.execution.docker.backend import DockerBackend

#: Where the sources are, unless this is an installed package.
_REPOSITORY = Path(__file__).parents[2]


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
    dispatcher: Dispatcher
    tuners: Tuners
    endpoints: Endpoints
    talkback: TalkBack
    gateway: Gateway
    bus: Bus
    certificates: Certificates
    #: What the control plane says of itself; whoever serves fills it in.
    about: dict[str, Any]
    #: region -> the store and the engine as that region sees them
    in_region: Callable[[str], tuple[Store, Engine]]

    def server(self) -> Server:
        """The HTTP server, with no socket yet."""
        inherited = self.settings.inherited

        def secret_of(access_key: str) -> str | None:
            key = _key_of(self.settings, self.store, self.talkback, access_key)
            return key.secret if key else None

        server = Server(
            self.gateway,
            demands_credentials=self.settings.credentials is not None,
            context=self.certificates.context,
            upstream=Upstream.from_environ(inherited),
            secret_of=secret_of,
            leaving=self.bus.close,
        )
        self.endpoints.listen = functools.partial(_listen, server, self.endpoints)
        return server

    def start(self) -> None:
        """Go on with what an earlier process left; only the holder of the home's lock may."""
        self.store.objects.recover()
        self.store.uploads.recover()
        self.dispatcher.start()
        self.tuners.start()

    def idle(self) -> bool:
        """Whether no job of any kind lives."""
        return self.tuners.idle() and self.dispatcher.idle()

    def close(self) -> None:
        """End what is idle; jobs go on without us."""
        self.gateway.close()
        self.store.database.close()


def create_app(settings: Settings, observers: Sequence[Observer] = ()) -> App:
    """Build it; ``observers`` hear of every new state of a job."""
    store = open_store(settings.home, settings.region)
    store.objects.provider = sample_provider(store.objects, digits(), settings.home / "samples")
    backends = _backends(settings)
    endpoints = Endpoints()
    certificates = Certificates(settings.home, trusted=_trusted(settings))
    talkback = TalkBack(
        store,
        keep_secret(settings.home / "secret", lambda: os.urandom(32)),
        endpoints.at,
        certificates.ensure,
        settings.s3_endpoint,
    )

    cache = Cache(settings.cache / "objects", settings.s3_cache_size)

    @functools.lru_cache(maxsize=64)  # a client of boto3 takes a while to make
    def remote(endpoint: str, region: str) -> RemoteObjects:
        return RemoteObjects(endpoint, region, cache)

    def objects(view: Store) -> ObjectStore:
        if settings.s3_endpoint is None:
            return view.objects
        return remote(settings.s3_endpoint, view.region)

    # A page goes on behind the last call that it has: older processes numbered lower.
    bus, calls = Bus(), Calls(int(time.time()) * 1000)
    warm = WarmHosts(store, backends, talkback)
    meter = Meter(store, bus)

    def supervisor(view: Store, kind: Kind, name: str, choice: Choice | None) -> Supervisor:
        return Supervisor(
            view,
            backends,
            kind,
            name,
            objects(view),
            talkback,
            warm,
            meter,
            choice,
            (tuners.hear, *observers),
            bus,
        )

    dispatcher = Dispatcher(
        store,
        machine.look(settings.inherited.get("CUDA_VISIBLE_DEVICES")),
        supervisor,
        settings.max_jobs,
        warm,
    )

    @functools.lru_cache(maxsize=64)
    def in_region(region: str) -> tuple[Store, Engine]:
        view = store.in_region(region)
        simulate = settings.simulate_instances
        return view, Engine(
            view,
            backends,
            dispatcher,
            objects(view),
            settings.account,
            tuners,
            simulate=simulate,
            bus=bus,
        )

    tuners = Tuners(store, in_region, bus)

    def witness(call: Call) -> None:
        calls.add(call)
        bus.tell("calls")
        if changes_tracking(call):
            bus.tell("tracked", call.region)
        if changes_storage(call):
            bus.tell("storage")

    def web() -> Asgi:
        return _web(settings, store, dispatcher, tuners, in_region, bus, calls, about)

    about: dict[str, Any] = {}
    gateway = Gateway(
        Surroundings(
            account=settings.account,
            region=settings.region,
            cache=settings.cache,
            context_for=in_region,
            key_of=functools.partial(_key_of, settings, store, talkback),
            anyone=settings.credentials is None,
            web=web,
            local=LocalDoors(in_region, about),
            clock=time.time,
            relaxed=settings.relaxed,
            allowed_hosts=(*settings.allowed_hosts, settings.host, GATEWAY),
            witness=witness,
        )
    )
    return App(
        settings,
        store,
        dispatcher,
        tuners,
        endpoints,
        talkback,
        gateway,
        bus,
        certificates,
        about,
        in_region,
    )


def _listen(server: Server, endpoints: Endpoints, address: str) -> str | None:
    """Listen on a further address: on the same port as on loopback, where that is free.

    So jobs that outlive a control plane find the next one.
    """
    port = int((endpoints.loopback or ":0").rpartition(":")[2])
    for choice in (port, 0):
        try:
            return f"http://{address}:{server.add(address, choice)}"
        except DomainError as error:
            _log.info("no listener for containers on %s:%d: %s", address, choice, error)
    return None


def _key_of(settings: Settings, store: Store, talkback: TalkBack, access_key: str) -> Key | None:
    """The key of a live job, of a session STS gave away, or the one that was configured."""
    of_job = talkback.key_of(access_key)
    if of_job is not None:
        return Key(*of_job)
    if access_key.startswith(SESSION_PREFIX):
        session = store.roles.session(access_key)
        if session is not None:
            # What a job was given ends with the job.
            opener = _key_of(settings, store, talkback, session.opened_by)
            if opener is not None or not session.confined:
                expired = session.expires <= time.time()
                return Key(session.secret, session.confined, session.token, expired=expired)
    if settings.credentials is not None and access_key == settings.credentials[0]:
        return Key(settings.credentials[1])
    return None


def _web(
    settings: Settings,
    store: Store,
    dispatcher: Dispatcher,
    tuners: Tuners,
    in_region: Callable[[str], tuple[Store, Engine]],
    bus: Bus,
    calls: Calls,
    about: Mapping[str, Any],
) -> Asgi:
    """The people's application; imported when needed, its framework takes half a second."""
    from sagelet.web.routes import create_web
    from sagelet.web.sources import Sources

    return create_web(
        Sources(
            account=settings.account,
            region=settings.region,
            home=settings.home,
            context_for=in_region,
            bus=bus,
            calls=calls,
            about=about,
            settings=settings.shown,
            findings=lambda: [asdict(each) for each in findings(settings)],
            backend=lambda: _usual(settings),
            storage=settings.s3_endpoint is None,
            reset=functools.partial(reset, store, dispatcher, tuners)
            if settings.test_mode
            else None,
        )
    )


def _trusted(settings: Settings) -> list[Path]:
    """Bundles that clients trust already."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return [Path(settings.inherited[name]) for name in names if settings.inherited.get(name)]


def _backends(settings: Settings) -> Backends:
    made = environments(settings)
    makers: dict[str, Callable[[], ExecutionBackend]] = {
        "docker": lambda: docker_backend(settings),
        "process": lambda: ProcessBackend(
            made,
            settings.inherited,
            namespaces=settings.namespaces,
            networks=settings.networks,
        ),
    }
    return Backends(makers, lambda: why_silent(_engine(settings)), settings.backend)


def _usual(settings: Settings) -> tuple[str, str | None]:
    """What jobs run on that do not say it; why it does not answer, if it does not."""
    if settings.backend == "process":
        return "process", None
    silent = why_silent(_engine(settings))
    return ("docker", silent) if settings.backend == "docker" or not silent else ("process", None)


def _engine(settings: Settings) -> str:
    """Where the Docker engine is, looked for now: it may have been started a moment ago."""
    return find_engine(settings.docker_host, settings.runtime_dir)


def findings(settings: Settings) -> list[Finding]:
    """What this machine can do, tried now."""
    return list(examine(settings, lambda: docker_backend(settings), environments(settings)))


def docker_backend(settings: Settings) -> "DockerBackend":
    """The Docker backend; imported when needed, its SDK takes half a second."""
    from sagelet.execution.docker.backend import DockerBackend

    return DockerBackend(
        _engine(settings),
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
    return packaged if packaged.is_dir() else _REPOSITORY / "containers"


def digits() -> Path:
    """The digits that the sample data set is made from."""
    packaged = Path(__file__).parent / "_samples" / "mnist.npz"
    return packaged if packaged.is_file() else _REPOSITORY / "examples/mnist/mnist_10k.npz"
