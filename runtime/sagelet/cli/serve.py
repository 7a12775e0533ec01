"""``sagelet serve``: one control plane in this process, until it is stopped.

With ``--for-call`` it serves the commands of the moment: other commands start it, it tells them how
its start went through a pipe they gave it, and it ends once nobody is connected and no job lives.
"""

import dataclasses
import errno
import ipaddress
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from sagelet import __version__
from sagelet.cli.errors import words
from sagelet.cli.plane import PATIENCE, answers, fingerprint
from sagelet.domain.errors import ResourceInUse, Unavailable, ValidationException
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
        asked = port is not None
        settings = dataclasses.replace(
            settings,
            host="127.0.0.1" if for_call else host or settings.host,
            port=0 if for_call else settings.port if port is None else port,
            simulate_instances=simulate_instances,
            max_jobs=max_jobs,
            test_mode=test_mode,
        )
        _refuse_strangers(settings)
        with _locked(settings, patient=for_call) as lock:
            _serve(settings, lock, starter, asked=asked, for_call=for_call)
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


def _refuse_strangers(settings: Settings) -> None:
    """Everybody who reaches the port may run programs here: only with credentials."""
    if settings.credentials is not None or settings.host == "localhost":
        return
    with suppress(ValueError):
        if ipaddress.ip_address(settings.host).is_loopback:
            return
    raise ValidationException(
        f"--host {settings.host}: other machines could run programs here. Set "
        "SAGELET_ACCESS_KEY_ID and SAGELET_SECRET_ACCESS_KEY, which clients must then sign with, "
        "or listen on 127.0.0.1."
    )


@contextmanager
def _locked(settings: Settings, *, patient: bool) -> Iterator[ControlLock]:
    """The home's lock. A ``patient`` one waits while the holder is on its way out."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            lock = take(settings.home)
            break
        except ResourceInUse:
            if not patient or time.monotonic() > deadline:
                raise
            if answers(settings.home):
                raise _OtherServesError from None
            time.sleep(0.01)
    try:
        yield lock
    finally:
        lock.release()


def _serve(
    settings: Settings, lock: ControlLock, starter: _Starter, *, asked: bool, for_call: bool
) -> None:
    from sagelet.app import create_app

    app = create_app(settings)
    try:
        threading.Thread(target=app.certificates.prepare, name="certificates", daemon=True).start()
        server = app.server()
        leaving = _leave_on_signals(server)
        url = _open(server, settings, asked=asked)
        app.about.update(_about(settings, url, for_call=for_call))
        app.endpoints.loopback = url
        lock.announce(url)
        app.dispatcher.start()
        if for_call:
            heard = starter.tell(state="ready")
            os.chdir("/")
            _end_when_idle(server, app, WELCOME if heard else LINGER)
        else:
            _announce(url, settings)
        if not leaving():
            server.run()
        if not for_call and not app.dispatcher.idle():
            click.echo("Jobs that run go on; the next control plane takes them up again.")
    finally:
        app.close()


def _leave_on_signals(server: "Server") -> Callable[[], bool]:
    """The first SIGTERM or SIGINT ends the server in good order, a second one at once."""
    count = 0

    def leave(_number: int, _frame: object) -> None:
        nonlocal count
        count += 1
        if count > 1:
            os._exit(1)
        server.stop()

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    return lambda: count > 0


def _open(server: "Server", settings: Settings, *, asked: bool) -> str:
    """Listen on the control socket and on the port; the URL."""
    server.open_unix(settings.home / "control.sock")
    default = Settings.from_environ({}).port
    try:
        port = server.open(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        if error.errno != errno.EADDRINUSE:
            reason = error.strerror or str(error)
            raise Unavailable(f"Cannot listen on {where}: {reason}.") from error
        if asked or settings.port != default:
            raise Unavailable(
                f"Port {settings.port} is taken by another program; give another one with --port."
            ) from error
        port = server.open(settings.host, 0)
        click.echo(f"Port {settings.port} is taken; a free one is used: {port}.")
    host = settings.host
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = "::1" if address.version == 6 else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _about(settings: Settings, url: str, *, for_call: bool) -> dict[str, Any]:
    return {
        "Version": __version__,
        "ProcessId": os.getpid(),
        "Url": url,
        "ForCall": for_call,
        "Account": settings.account,
        "Region": settings.region,
        "Credentials": settings.credentials,
        "S3Endpoint": settings.s3_endpoint,
        "Settings": fingerprint(settings),
    }


def _announce(url: str, settings: Settings) -> None:
    click.echo(
        f"sagelet {__version__} serves {click.style(url, bold=True)} (home {settings.home})\n"
        f"  health   {url}/_health\n"
        '  clients  eval "$(sagelet env)"\n'
        "  stop     Ctrl-C; jobs that run then go on"
    )
    sys.stdout.flush()


def _end_when_idle(server: "Server", app: "App", patience: float) -> None:
    """Stop the server once nobody has been connected and no job has lived for a while."""

    def watch() -> None:
        left = patience
        while left > 0:
            time.sleep(LINGER / 6)
            if server.connections or not app.dispatcher.idle():
                left = LINGER
            else:
                left -= LINGER / 6
        server.stop()

    threading.Thread(target=watch, name="for-call", daemon=True).start()
