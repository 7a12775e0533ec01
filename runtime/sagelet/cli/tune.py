"""``sagelet tune``: build the request, submit it, show the runs and the best of them so far."""

import json
import sys
from typing import Any

import click

from sagelet.cli.foreground import Interrupts, take_back
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen
from sagelet.cli.request import base_of, check, job_options
from sagelet.cli.tuning_request import (
    JOBS,
    PARALLEL,
    STRATEGIES,
    WITHOUT,
    stamped,
    tuning_request,
)
from sagelet.cli.tuning_view import follow
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.tuning import TUNING

_CREATE = "CreateHyperParameterTuningJob"


@click.command()
@job_options(without=(*WITHOUT, "request_file"))
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="NAME=RANGE",
    help="What to try for a hyperparameter: LOW:HIGH, LOW:HIGH:log or VALUE,VALUE,...",
)
@click.option(
    "--objective",
    metavar="METRIC",
    help="The metric that decides; without a --metric of that name, METRIC=VALUE is looked for.",
)
@click.option("--minimize", is_flag=True, help="The lowest is the best.")
@click.option(
    "--maximize",
    is_flag=True,
    help="The highest is; by default it is unless the metric's name says loss or error.",
)
@click.option(
    "--strategy",
    type=click.Choice(sorted(STRATEGIES)),
    default="bayesian",
    show_default=True,
    help="How combinations are chosen; grid tries all of them.",
)
@click.option(
    "--max-jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"How many training jobs; {JOBS} by default, with grid all combinations.",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"How many at a time; {PARALLEL} by default.",
)
@click.option(
    "--max-time",
    type=click.IntRange(min=120),
    metavar="SECONDS",
    help="End after this long, with what was found by then.",
)
@click.option("--early-stopping", is_flag=True, help="Stop jobs that are worse than the median.")
@click.option("--target", type=float, metavar="VALUE", help="End when a job is as good as this.")
@click.option(
    "--patience",
    type=click.IntRange(min=3),
    metavar="N",
    help="End when so many jobs in a row found nothing better.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Choose the same again.")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="With hyperband: the most values of the objective that a job prints.",
)
@click.option(
    "--warm-start",
    "parents",
    multiple=True,
    metavar="NAME",
    help="Go on from an earlier tuning job's results.",
)
@click.option(
    "--transfer", is_flag=True, help="With --warm-start: its data or code was another one's."
)
@click.option(
    "--request",
    "request_file",
    metavar="FILE",
    help="A CreateHyperParameterTuningJob request document (JSON).",
)
@click.option("--name", help="The tuning job's name; by default the script's, with the time.")
@click.option("--detach", is_flag=True, help="Return at once; the tuning job goes on by itself.")
@click.option("--dry-run", is_flag=True, help=f"Print the {_CREATE} request and stop.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with the description of the tuning job on stdout."
)
def tune(**given: Any) -> int:
    """Search for the best hyperparameters of a SCRIPT: many training jobs, a few at a time.

    Instead of the options that make one, --request gives a CreateHyperParameterTuningJob document.

    \b
    sagelet tune train.py --framework pytorch --channel training=./data \\
        --range lr=0.001:0.1:log --range hidden=2,5,10 \\
        --objective test:accuracy --max-jobs 20 --parallel 2
    """  # noqa: D301
    plane = reach(click.get_current_context().obj)
    request = tuning_request(given, plane.settings)
    named = "HyperParameterTuningJobName" in request
    base = "" if named else base_of(given, request["TrainingJobDefinition"])
    if given["dry_run"]:
        request.setdefault("HyperParameterTuningJobName", stamped(base))
        check(request, plane.settings, _CREATE)
        click.echo(json.dumps(request, indent=2))
        return 0
    if given["request_file"]:  # of members that it does not know, the wire says nothing
        check(request, plane.settings, _CREATE)
    screen = Screen(sys.stderr if given["as_json"] else None)
    client = plane.client(own=True)
    while True:
        if not named:
            request["HyperParameterTuningJobName"] = stamped(base)
        name = request["HyperParameterTuningJobName"]
        try:
            answer = client.call("sagemaker", _CREATE, request, repeatable=False)
            break
        except KeyboardInterrupt:
            take_back(client, screen, name, TUNING)
            raise
        except ResourceInUse:
            if named:
                raise
        except ValidationException as error:
            if "validation error" in str(error):
                check(request, plane.settings, _CREATE)  # names members as this request writes them
            raise
    interrupts = Interrupts()
    if given["detach"]:
        click.echo(json.dumps(answer) if given["as_json"] else name)
        return 0
    return follow(client, screen, name, interrupts, as_json=given["as_json"])
