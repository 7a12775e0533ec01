"""The way to the control plane of a home: find the one that runs, else start one for the call.

Imported before everything else of the command line, so that a control plane that must be started
starts while the rest is loading. Starting is a race that several commands may run: whoever gets
the home's lock serves, the others are told so and connect.
"""

import json
import os
import select
import signal
import socket
import sys
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagelet import __version__
from sagelet.aws.client import Client, read_answer
from sagelet.domain.errors import Refusal, Unavailable
from sagelet.settings import Settings, without_ours

#: How long to look for a control plane, in seconds.
PATIENCE = 30.0

#: How long a control plane of another call with other settings may take to end, in seconds.
FAREWELL = 1.5

#: Longer names of a Unix socket are refused by the kernel.
_NAME_LIMIT = 100

_PASSED_OVER = ("LANG", "LC_", "TERM", "TMPDIR", "TZ")
_NAMES = {
    "account": "SAGELET_ACCOUNT",
    "cache": "SAGELET_CACHE",
    "docker_host": "DOCKER_HOST",
    "namespaces": "SAGELET_NAMESPACES",
    "relaxed": "SAGELET_VALIDATION",
    "s3_endpoint": "SAGELET_S3_ENDPOINT_URL",
}


class Plane:
    """A home's control plane, as the commands see it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: What the control plane said of itself when it was reached.
        self.about: dict[str, Any] = {}
        #: What differs between its settings and the caller's, where that matters and can't be had.
        self.foreign: tuple[str, ...] = ()
        self._dialled: socket.socket | None = None
        self._start: _Start | None = None

    def hasten(self) -> None:
        """Reach it, or begin to start one, without waiting for anything."""
        self._dialled = _dial(self.settings.home)
        if self._dialled is None:
            self._start = _Start(self.settings)

    def client(self, *, own: bool = False) -> Client:
        """A client of it. ``own``: one started for a call should have the caller's settings.

        Raises:
            Unavailable: none runs and none can be started; the message says why.
        """
        client = Client(lambda: self._connect(own=own), self.settings.region)
        client.connect()
        return client

    def running(self) -> Client | None:
        """A client of the one that runs, if any; none is started."""
        found = _dial(self.settings.home)
        if found is None:
            return None
        try:
            self.about = _greet(found)
        except ConnectionError:
            found.close()
            return None
        client = Client(lambda: found, self.settings.region)
        client.connect()
        return client

    def forsake(self) -> None:
        """Nobody will connect: what was begun may end again."""
        if self._start is not None:
            self._start.forget()
        if self._dialled is not None:
            self._dialled.close()

    def _connect(self, *, own: bool) -> socket.socket:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self._dialled or _dial(self.settings.home)
            self._dialled = None
            if found is None:
                start, self._start = self._start or _Start(self.settings), None
                start.wait(deadline)
                continue
            try:
                self.about = _greet(found)
            except ConnectionError:  # it is closing
                found.close()
                time.sleep(0.005)
                continue
            except BaseException:
                found.close()
                raise
            differs = self._differs() if own else ()
            if not differs or self.foreign:
                return found
            found.close()
            if not _ends(self.settings.home):
                self.foreign = differs
        raise Unavailable(
            f"The control plane of {self.settings.home} does not answer; "
            f"{_log(self.settings.home)} may say why."
        )

    def _differs(self) -> tuple[str, ...]:
        """What the settings of a control plane for another call have that the caller's have not."""
        if not self.about.get("ForCall"):
            return ()
        here, there = fingerprint(self.settings), self.about["Settings"]
        return tuple(sorted(k for k in {*here, *there} if here.get(k) != there.get(k)))


def _ends(home: Path) -> bool:
    """Whether the control plane ends, as one for a call does that has neither callers nor jobs."""
    deadline = time.monotonic() + FAREWELL
    while _socket(home).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class _Start:
    """A control plane that was started for this call, until it says how that went."""

    def __init__(self, settings: Settings) -> None:
        home = settings.home
        make_home(home)
        self._log = _log(home)
        self._seen = self._log.stat().st_size if self._log.exists() else 0
        self._reports, report = os.pipe()
        os.set_inheritable(report, True)
        environ = {
            **without_ours(os.environ),
            "SAGELET_HOME": str(home),
            "SAGELET_CACHE": str(settings.cache),
        }
        # -P: nothing from the folder the user happens to be in
        command = [sys.executable, "-P", "-m", "sagelet", "serve", "--for-call"]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            os.posix_spawn(
                sys.executable,
                [*command, "--report", str(report)],
                environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(self._log), append, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
            )
        except BaseException:
            os.close(self._reports)
            raise
        finally:
            os.close(report)

    def wait(self, deadline: float) -> None:
        """Until it serves, or another one does.

        Raises:
            Unavailable: it could not start.
        """
        told = b""
        try:
            while not told.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self._reports], [], [], left)[0]:
                    return  # the caller's patience is over
                more = os.read(self._reports, 65536)
                if not more:
                    break
                told += more
        finally:
            self.forget()
        if not told.endswith(b"\n"):
            raise Unavailable(f"The control plane ended while it started.{self._tail()}")
        words = json.loads(told)
        if words.get("error"):
            raise Unavailable(words["error"])

    def forget(self) -> None:
        """Listen no longer."""
        if self._reports >= 0:
            os.close(self._reports)
        self._reports = -1

    def _tail(self) -> str:
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(self._seen)
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
            if lines:
                return f" It said: {lines[-1]} (all of it: {self._log})"
        return ""


def make_home(home: Path) -> None:
    """Make the folder of a home, if it is not there."""
    if not home.exists():  # requests and environments may hold secrets
        home.mkdir(parents=True)
        home.chmod(0o700)


def answers(home: Path) -> dict[str, Any] | None:
    """What the control plane behind the control socket says of itself; None when none answers."""
    found = _dial(home)
    if found is None:
        return None
    try:
        return _greet(found)
    except ConnectionError:
        return None
    finally:
        found.close()


def fingerprint(settings: Settings) -> dict[str, str]:
    """What of the settings decides how a job runs, by variable; values only as check sums."""
    values: dict[str, object] = {
        "the version": __version__,
        **{name: getattr(settings, field) for field, name in _NAMES.items()},
        **settings.build_args,
        **settings.inherited,
    }
    return {
        name: f"{zlib.crc32(str(value).encode('utf-8', 'surrogateescape')):08x}"
        for name, value in values.items()
        if value is not None and not name.startswith(_PASSED_OVER)
    }


def begin(arguments: list[str]) -> Plane | None:
    """Hasten the control plane for a command that will need it."""
    needs = {
        *("train", "tune", "process", "jobs", "describe", "logs", "stop", "models"),
        *("experiments", "compare", "export"),
    }
    if not arguments or arguments[0] not in needs or {"--help", "-h", "--dry-run"} & {*arguments}:
        return None
    try:
        plane = Plane(Settings.from_environ())
        plane.hasten()
    except Exception:  # noqa: BLE001 - the command itself meets it again, and says so properly
        return None
    return plane


def reach(context: Mapping[str, Any] | None) -> Plane:
    """The plane that was hastened for this command, else a new one."""
    plane = (context or {}).get("plane")
    return plane if isinstance(plane, Plane) else Plane(Settings.from_environ())


def _socket(home: Path) -> Path:
    return home / "control.sock"


def _log(home: Path) -> Path:
    return home / "control.log"


def _dial(home: Path) -> socket.socket | None:
    """A connection to the control socket; None when nobody answers there."""
    path = str(_socket(home))
    folder = -1
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if len(os.fsencode(path)) > _NAME_LIMIT:
            folder = os.open(home, os.O_PATH | os.O_DIRECTORY)
            path = f"/proc/self/fd/{folder}/control.sock"
        connection.connect(path)
    except (FileNotFoundError, NotADirectoryError, ConnectionError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return connection


def _greet(connection: socket.socket) -> dict[str, Any]:
    """Ask who serves. One that answered does not end by itself while the connection is open."""
    connection.sendall(b"GET /_cli/about HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with connection.makefile("rb") as answers:
        status, body = read_answer(answers)
    if status != 200:
        text = body.decode("utf-8", "replace")
        raise Refusal("ServiceUnavailable", f"The control plane answered {status}: {text}")
    about: dict[str, Any] = json.loads(body)
    return about
