"""The process behind ``--detach`` and behind every adopted job; people do not call it."""

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import click

from sagelet.app import create_app
from sagelet.settings import Settings


@click.command(hidden=True)
@click.argument("name")
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--lock", type=int, required=True, help="Inherited descriptor of the job's lock.")
@click.option("--new", is_flag=True, help="The job was only just submitted.")
def supervise(name: str, home: Path, lock: int, *, new: bool) -> int:
    """Supervise one job to its end."""
    os.set_inheritable(lock, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    app = create_app(dataclasses.replace(Settings.from_environ(), home=home))
    supervisor = app.engine.supervisor(name, _Diary())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: supervisor.stop())
    life = supervisor.run() if new else supervisor.adopt()
    return 0 if life.primary == "Completed" else 1


class _Diary:
    """Writes what happens to the job's supervisor.log."""

    def progress(self, text: str) -> None:
        self.note(text)

    def note(self, text: str) -> None:
        sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        sys.stderr.flush()
