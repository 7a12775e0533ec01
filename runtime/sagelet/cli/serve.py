"""``sagelet serve``: one control plane in this process, until it is stopped.

With ``--for-call`` it serves the commands of the moment: other commands start it, it tells them how
its start went through a pipe they gave it, and it ends once nobody is connected and no job lives.
"""

import dataclasses
import ipaddress
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sagelet import __version__
from sagelet.cli.env import export_lines
from sagelet.cli.errors import words
from sagelet.cli.plane import PATIENCE, answers, fingerprint, make_home
from sagelet.domain.errors import ResourceInUse
from sagelet.server.control import ControlLock, take
from sagelet.settings import Settings, without_ours

if TYPE_CHECKING:
    from sagelet.app import App
    from sagelet.server.listen import Server

#: How long a control plane for a call outlives its last caller and its last job, in seconds.
LINGER = 0.3

#: How long it waits for the command that started it to connect, in seconds.
WELCOME = 5.0


@click.command()
@click.option("--host", metavar="ADDRESS", help="Where to listen (SAGELET_HOST, else 127.0.0.1).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="The port (SAGELET_PORT, else 4580, else a free one; 0: a free one).",
)
@click.option(
    "--simulate-instances",
    is_flag=True,
    help="Hold jobs to the CPUs and the memory of their instance types.",
)
@click.option(
    "--max-jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N jobs at once; by default as many as the machine has room for.",
)
@click.option("--test-mode", is_flag=True, help="Let clients reset all state (POST /_api/reset).")
@click.option("--for-call", is_flag=True, hidden=True)
@click.option("--report", type=int, hidden=True)
def serve(
    *,
    host: str | None,
    port: int | None,
    simulate_instances: bool,
    max_jobs: int | None,
    test_mode: bool,
    for_call: bool,
    report: int | None,
) -> int:
    """Run the control plane: boto3, the AWS CLI and the SageMaker SDK train here.

    \b
    sagelet serve                 in one terminal
    eval "$(sagelet env)"         in another; then AWS clients there come here
    """  # noqa: D301
    starter = _Starter(report)
    try:
        before = without_ours(os.environ)
        os.environ.clear()
        os.environ.update(before)  # what this process starts or asks must not come back to it
        settings = Settings.from_environ()
        settings = dataclasses.replace(
            settings,
            host="127.0.0.1" if for_call else host or settings.host,
            port=0 if for_call else settings.port if port is None else port,
            simulate_instances=simulate_instances,
            max_jobs=max_jobs,
            test_mode=test_mode,
        )
        with _locked(settings.home, patient=for_call) as lock:
            serving = _Serving(settings, lock, for_call=for_call)
            serving.run(starter, insists=port is not None)
    except _OtherServesError:
        starter.tell(state="taken")
    except Exception as error:
        said = words(error)
        if said is not None:
            starter.tell(error=said)
        raise
    return 0


class _OtherServesError(Exception):
    """Another control plane for a call was quicker: whoever wanted this one can use that one."""


class _Starter:
    """The command that started this control plane, if one did."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is not None:
            os.set_inheritable(descriptor, False)

    def tell(self, **said: str) -> bool:
        """Say how the start went; whether somebody heard it."""
        if self._descriptor is None:
            return False
        descriptor, self._descriptor = self._descriptor, None
        try:
            os.write(descriptor, json.dumps(said).encode() + b"\n")
        except BrokenPipeError:
            return False
        finally:
            os.close(descriptor)
        return True


@contextmanager
def _locked(home: Path, *, patient: bool) -> Iterator[ControlLock]:
    """The home's lock. A ``patient`` one waits while the holder is on its way out.

    Another one relieves a holder that serves for a call: its callers and jobs come over.
    """
    make_home(home)
    deadline = time.monotonic() + PATIENCE
    relieved: set[int] = set()
    while True:
        try:
            lock = take(home)
            break
        except ResourceInUse:
            holder = answers(home)
            if time.monotonic() > deadline:
                raise
            if patient:
                if holder:
                    raise _OtherServesError from None
            elif holder and holder["ForCall"]:
                _relieve(holder["ProcessId"], relieved)
            elif holder or not relieved:
                raise
    try:
        yield lock
    finally:
        lock.release()


def _relieve(holder: int, relieved: set[int]) -> None:
    """Ask a control plane to leave in good order; once, for a second time would be at once."""
    if holder not in relieved:
        relieved.add(holder)
        with suppress(ProcessLookupError):
            os.kill(holder, signal.SIGTERM)


class _Serving:
    """What runs while this process is the home's control plane."""

    def __init__(self, settings: Settings, lock: ControlLock, *, for_call: bool) -> None:
        from sagelet.app import create_app

        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._settings = settings
        self._lock = lock
        self._for_call = for_call
        self._app = create_app(settings)
        self._server = self._app.server()
        self._app.about.update(
            {
                "Version": __version__,
                "ProcessId": os.getpid(),
                "ForCall": for_call,
                "Account": settings.account,
                "Region": settings.region,
                "Credentials": settings.credentials,
                "S3Endpoint": settings.s3_endpoint,
                "Settings": fingerprint(settings),
            }
        )
        self._left = 0

    def run(self, starter: _Starter, *, insists: bool) -> None:
        """Serve until a signal, or until nobody needs it. ``insists``: on the port asked for."""
        app, server = self._app, self._server
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._leave)
            server.open_unix(self._settings.home / "control.sock")
            url = self._open(insists=insists)
            app.about["Url"] = url
            app.endpoints.loopback = url
            app.start()
            if not self._left:
                server.run(lambda: self._ready(url, starter))
            app.dispatcher.settle()
            if not self._for_call and not app.idle():
                click.echo("Jobs that run go on; the next control plane takes them up again.")
        finally:
            server.close()
            app.close()

    def _ready(self, url: str, starter: _Starter) -> None:
        """Requests are answered from now on."""
        self._lock.announce(url)
        if self._for_call:
            heard = starter.tell(state="ready")
            os.chdir("/")
            _end_when_idle(self._server, self._app, WELCOME if heard else LINGER)
            return
        threading.Thread(target=self._make_bundle, name="certificates", daemon=True).start()
        exports = "\n".join(f"    {line}" for line in export_lines(self._app.about, self._settings))
        click.echo(
            f"sagelet {__version__} serves {click.style(url, bold=True)} "
            f"(home {self._settings.home})\n"
            f"  page     {url}/_ui\n"
            f"  health   {url}/_health\n"
            '  clients  eval "$(sagelet env)", which sets\n'
            f"{exports}\n"
            "  stop     Ctrl-C; jobs that run then go on"
        )
        sys.stdout.flush()

    def _make_bundle(self) -> None:
        """What clients need to trust us as AWS, before the first of them is started."""
        try:
            self._app.certificates.ensure()
        except OSError as error:
            logging.getLogger("sagelet").warning("no certificates: %s", error)

    def _leave(self, _number: int, _frame: object) -> None:
        """The first SIGTERM or SIGINT ends the server in good order, a second one at once."""
        self._left += 1
        if self._left > 1:
            os._exit(1)
        self._server.stop()

    def _open(self, *, insists: bool) -> str:
        """Listen on the port; the URL."""
        from sagelet.server.sockets import PortTaken

        host, port = self._settings.host, self._settings.port
        try:
            got = self._server.open(host, port or self._port_before())
        except PortTaken as error:
            if port == 0:
                got = self._server.open(host, 0)
            elif insists or port != Settings.from_environ({}).port:
                raise
            else:
                got = self._server.open(host, 0)
                click.echo(f"{str(error).partition(':')[0]}; a free one is used: {got}.")
        with suppress(ValueError):
            address = ipaddress.ip_address(host)
            if address.is_unspecified:
                host = "::1" if address.version == 6 else "127.0.0.1"
        return f"http://[{host}]:{got}" if ":" in host else f"http://{host}:{got}"

    def _port_before(self) -> int:
        """The port of a control plane that died: its jobs still look for it there."""
        found = re.search(r":(\d+)$", self._lock.before or "")
        return int(found[1]) if found else 0


def _end_when_idle(server: "Server", app: "App", patience: float) -> None:
    """Stop the server once nobody has been connected and no job has lived for a while."""

    def watch() -> None:
        left = patience
        while left > 0:
            time.sleep(LINGER / 6)
            if server.connections or not app.idle():
                left = LINGER
            else:
                left -= LINGER / 6
        server.stop()

    threading.Thread(target=watch, name="for-call", daemon=True).start()
