"""The command line: prints, and decides nothing.

Exit codes: 0 done (a job: Completed), 1 the job Failed, 2 bad input, 130 interrupted or stopped.
Each command lives in a module of its own, loaded when it is called.
"""

import difflib
import importlib
import os
import sqlite3
import sys
from typing import Any

import click

from sagelet import __version__
from sagelet.domain.errors import DomainError

#: command -> (module, what it does)
_COMMANDS = {
    "train": ("train", "Run a training job."),
    "jobs": ("jobs", "List training jobs."),
    "describe": ("jobs", "Show one job in full."),
    "logs": ("logs", "Print what a job's hosts printed."),
    "stop": ("jobs", "Stop a job."),
    "models": ("models", "List model versions."),
    "images": ("images", "List or build the framework images."),
    "doctor": ("doctor", "Check this machine, with the fix for what is missing."),
    "_supervise": ("supervise", ""),
}


class _Lazy(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [name for name in _COMMANDS if not name.startswith("_")]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"sagelet.cli.{_COMMANDS[name][0]}")
        command: click.Command = getattr(module, name.lstrip("_"))
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(n, t) for n, (_, t) in _COMMANDS.items() if t])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="sagelet %(version)s")
def main() -> None:
    """Run Amazon SageMaker training jobs on this machine."""


def run() -> None:
    """Run the command line and leave with its exit code."""
    _open_standard_streams()
    try:
        code: Any = main(standalone_mode=False)
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        code = 130
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except DomainError as error:
        _complain(_words(error))
        code = 2
    except sqlite3.Error as error:
        _complain(f"the database in SAGELET_HOME cannot be used: {error}")
        code = 2
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _complain(f"{error.strerror or error}{where}")
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _open_standard_streams() -> None:
    """Streams the caller closed: the next file opened would otherwise take their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))


def _words(error: DomainError) -> str:
    violations = getattr(error, "violations", None)
    if not violations:
        return str(error)
    lines = [f"{v.place}: {_constraint(v)} (it is {v.value!r:.100})" for v in violations]
    return "the request is not valid:\n  " + "\n  ".join(lines)


def _constraint(violation: Any) -> str:
    """The constraint; of a long list of values only those near the one given."""
    text, bracket, values = violation.constraint.partition("[")
    if "enum" not in text or not bracket or len(values) < 200:
        return str(violation.constraint)
    near = difflib.get_close_matches(str(violation.value), values.rstrip("]").split(", "), n=3)
    return str(text).rstrip(": ") + (f". Did you mean {', '.join(near)}?" if near else "")


def _complain(text: str) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {text}", err=True)
