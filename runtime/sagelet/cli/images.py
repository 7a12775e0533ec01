"""``sagelet images``."""

import json

import click

from sagelet.app import docker_backend
from sagelet.cli.render import Screen, Unstoppable
from sagelet.domain.frameworks import FRAMEWORKS
from sagelet.settings import Settings


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def images(ctx: click.Context, *, as_json: bool) -> int:
    """List the framework images (or `build` them)."""
    if ctx.invoked_subcommand:
        return 0
    backend = docker_backend(Settings.from_environ())
    rows = [backend.images.local(name, gpu=gpu) for name in FRAMEWORKS for gpu in (False, True)]
    if as_json:
        click.echo(
            json.dumps(
                [{"Image": i.name, "Id": i.identifier, "Current": i.current} for i in rows],
                indent=2,
            )
        )
        return 0
    for image in rows:
        state = "ready" if image.current else "out of date" if image.identifier else "not built"
        click.echo(f"{image.name:<32} {state}")
    return 0


@images.command()
@click.argument("frameworks", nargs=-1, type=click.Choice(FRAMEWORKS))
@click.option("--gpu", is_flag=True, help="The CUDA build.")
@click.option("--force", is_flag=True, help="Build even when it is current.")
def build(frameworks: tuple[str, ...], *, gpu: bool, force: bool) -> int:
    """Build the images of FRAMEWORKS (all by default)."""
    screen = Screen()
    backend = docker_backend(Settings.from_environ())
    for name in frameworks or FRAMEWORKS:
        image = backend.images.local(name, gpu=gpu)
        if image.current and not force:
            screen.say(f"{image.name} is current")
            continue
        backend.images.build(image, Unstoppable(screen))
        screen.say(f"{image.name} is built")
    return 0
