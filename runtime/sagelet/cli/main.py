"""The group of all commands, and how an error or an interrupt ends one."""

import importlib
import os
import sys
from typing import Any

import click

from sagelet import __version__
from sagelet.cli.errors import words
from sagelet.cli.plane import Plane

#: command -> (module, what it does)
_COMMANDS = {
    "train": ("train", "Run a training job."),
    "tune": ("tune", "Search for the best hyperparameters of a training job."),
    "process": ("process", "Run a processing job."),
    "compose": ("compose", "Write a training job as a docker compose project."),
    "jobs": ("jobs", "List jobs."),
    "describe": ("jobs", "Show one job in full."),
    "logs": ("logs", "Print what a job's hosts printed."),
    "stop": ("jobs", "Stop a job."),
    "interrupt": ("interrupt", "Take a managed spot job's hosts away."),
    "experiments": ("experiments", "List experiments, or the components of one, the best first."),
    "compare": ("compare", "Compare trials: what differs, and what came of it, the best first."),
    "export": ("export", "Write an experiment as CSV, Parquet, for MLflow or for TensorBoard."),
    "models": ("models", "List model versions."),
    "serve": ("serve", "Run the control plane: the AWS API on one port."),
    "env": ("env", "Point AWS clients at the control plane."),
    "images": ("images", "List or build the framework images."),
    "doctor": ("doctor", "Check this machine, with the fix for what is missing."),
}


class _Lazy(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"sagelet.cli.{_COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="sagelet %(version)s")
def main() -> None:
    """Run Amazon SageMaker jobs on this machine."""


def run(plane: Plane | None) -> None:
    """Run the command line and leave with its exit code; ``plane`` was hastened for it."""
    try:
        code: Any = main(standalone_mode=False, obj={"plane": plane})
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        said = words(error)
        if said is None:
            raise
        click.echo(f"{click.style('error:', fg='red', bold=True)} {said}", err=True)
        code = 2
    finally:
        if plane is not None:
            plane.forsake()
    sys.exit(code if isinstance(code, int) else 0)
