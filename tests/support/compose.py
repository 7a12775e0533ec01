"""The real docker compose, as its user runs it."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

#: Where we look for it, and what it is to print without colours.
_ENVIRON = {"COMPOSE_ANSI": "never", "COMPOSE_PROGRESS": "quiet", "COMPOSE_MENU": "false"}


def missing() -> str | None:
    """Why there is no docker compose here; None when there is."""
    try:
        done = subprocess.run(
            ["docker", "compose", "version"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else "no docker compose"


def compose(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "compose", *arguments],
        cwd=folder,
        env={**os.environ, **_ENVIRON},
        text=True,
        check=False,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        **options,
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        ["docker", "compose", *arguments],
        cwd=folder,
        env={**os.environ, **_ENVIRON},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def interrupt(running: subprocess.Popen[str]) -> None:
    """Ctrl-C."""
    os.killpg(running.pid, signal.SIGINT)


def left(project: str) -> list[str]:
    """Containers, volumes and networks of a project."""
    found = []
    for what in (["container", "ls", "-a"], ["volume", "ls"], ["network", "ls"]):
        found += subprocess.run(
            [
                "docker",
                *what,
                "--filter",
                f"label=com.docker.compose.project={project}",
                "--format",
                f"{what[0]} {{{{.Name{'s' if what[0] == 'container' else ''}}}}}",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
    return found
