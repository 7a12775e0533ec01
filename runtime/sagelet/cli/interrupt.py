"""``sagelet interrupt``: what a managed spot training job must live with."""

import click

from sagelet.cli import kinds
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen


@click.command()
@click.argument("job")
@click.option("--host", metavar="HOST", help="The host that is taken away; by default all are.")
@click.option(
    "--for",
    "away",
    type=click.IntRange(0, 10**6),
    default=0,
    metavar="SECONDS",
    help="How long no capacity is to be had; by default it comes back at once.",
)
def interrupt(job: str, *, host: str | None, away: int) -> int:
    """Interrupt a managed spot training JOB, as SageMaker may at any time.

    Its hosts get SIGTERM, the grace, SIGKILL; then it begins again from its checkpoints.
    """
    client = reach(click.get_current_context().obj).client()
    document = kinds.describe(client, job)
    query = {"away": away} | ({"host": host} if host else {})
    client.post(f"/_cli/jobs/{job}/interrupt", **query)
    screen = Screen()
    screen.say(f"{job}: {host or 'every host'} is taken away.")
    if not document.get("CheckpointConfig"):
        screen.note("it has no CheckpointConfig, so it begins from the start (--checkpoints DIR)")
    return 0
