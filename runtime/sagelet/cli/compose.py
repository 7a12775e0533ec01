"""``sagelet compose``: a training job as a docker compose project."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from sagelet.app import create_app, docker_backend
from sagelet.cli import options
from sagelet.cli.render import Screen, Unstoppable
from sagelet.cli.request import base_of, check, job_options, request_of
from sagelet.domain.compose import HEADER, Place, compose_text
from sagelet.domain.errors import ValidationException
from sagelet.domain.hosts import JobPlan
from sagelet.settings import Settings

#: Options that a control plane keeps, or that mean less here.
_NOT_HERE = (
    "name",
    "model",
    "output",
    "checkpoints",
    "max_run",
    "spot",
    "max_wait",
    "keep_alive",
    "warm",
    "backend",
    "python",
    "input_modes",
    "experiment",
    "trial",
    "display_name",
)


@click.command()
@job_options(without=_NOT_HERE)
@click.option("--name", help="The job's name; by default the script's.")
@click.option("--checkpoints", metavar="DIR", help="A folder that lives on as /opt/ml/checkpoints.")
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    help="Write compose.yaml, and what it needs beside it, into this folder.",
)
@click.option(
    "--read-only",
    is_flag=True,
    help="Mount channels and code read-only: for engines that cannot mount an overlay.",
)
def compose(**given: Any) -> int:
    """Print a training job as a docker compose document: SCRIPT, --image, or a request (.json).

    \b
    sagelet compose job.json > compose.yaml && docker compose up
    sagelet compose train.py --framework pytorch --hosts 2 -o project
    """  # noqa: D301
    if given["script"] == "-" or str(given["script"]).endswith(".json"):
        if given["request_file"]:
            raise ValidationException(
                f"{given['script']} and --request {given['request_file']} are two requests; "
                "give one."
            )
        given["request_file"], given["script"] = given["script"], None
    if given["folder"] == "":
        raise ValidationException("--output: the folder's name is empty.")
    settings = Settings.from_environ()
    request = request_of(given, settings)
    # Without a time in it: the same job is the same project, however often it is written.
    request.setdefault("TrainingJobName", options.plain_name(base_of(given, request)))
    check(request, settings)
    screen = Screen(sys.stderr)
    progress = Unstoppable(screen)
    folder = Path(given["folder"] or ".").resolve()
    target = folder / "compose.yaml"
    if given["folder"]:
        _check_ours(target)
    app = create_app(settings)
    try:
        _, engine = app.in_region(settings.region)
        project, machine = engine.project(request, folder, progress if given["folder"] else None)
    finally:
        app.close()
    text = compose_text(
        project.plan,
        Place(
            folder=str(folder),
            image=_image(project.plan, settings, progress),
            cpus=machine.cpus,
            memory=machine.memory,
            overlays=not given["read_only"],
            files=project.files,
        ),
    )
    screen.clear()
    if not given["folder"]:
        click.echo(text, nl=False)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    _write(target, text)
    screen.say(f"wrote {target}; run it there: docker compose up")
    return 0


def _image(plan: JobPlan, settings: Settings, progress: Unstoppable) -> str:
    """What the engine knows the image by; one of ours is built if it is not there."""
    if plan.framework is None:
        return plan.image
    return docker_backend(settings).images.prepare(plan, progress)


def _check_ours(target: Path) -> None:
    """Refuse to write over what somebody else made."""
    if target.exists() and not target.read_text(errors="replace").startswith(HEADER):
        raise ValidationException(
            f"{target} is there already and was not made by sagelet compose: give another folder."
        )


def _write(target: Path, text: str) -> None:
    descriptor, part = tempfile.mkstemp(prefix=".compose-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(part).chmod(0o644)
        Path(part).replace(target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
