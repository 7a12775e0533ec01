"""Writes the reference pages that come from the code: `make docs`."""

from pathlib import Path

import click

from sagelet.aws.registry import Registry
from sagelet.cli.main import main
from sagelet.domain.frameworks import REPOSITORIES
from sagelet.domain.lifecycle import ENDING, MESSAGE, PRIMARY, TRANSITIONS
from sagelet.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
HEAD = "<!-- Written by docs/generate.py from the code; `make docs` writes it again. -->\n"


def cli() -> str:
    """Every command's help."""
    text = f"# The command line\n\n{HEAD}\n"
    text += (
        "Exit codes: 0 done (a job: Completed), 1 the job Failed or ran out of time, 2 bad input, "
        "130 interrupted or stopped.\n"
    )
    with click.Context(main, info_name="sagelet") as context:
        for path in ([], *([name] for name in main.list_commands(context)), ["images", "build"]):
            command: click.Command = main
            for name in path:
                assert isinstance(command, click.Group)
                found = command.get_command(context, name)
                assert found is not None
                command = found
            title = " ".join(["sagelet", *path])
            inner = click.Context(command, info_name=title, terminal_width=90, max_content_width=90)
            text += f"\n## {title}\n\n```text\n{command.get_help(inner)}\n```\n"
    return text


def lifecycle() -> str:
    """The transition table, as a table and as a diagram."""
    text = f"# The life of a training job\n\n{HEAD}\n"
    text += "| SecondaryStatus | TrainingJobStatus | StatusMessage |\n|---|---|---|\n"
    for status, primary in PRIMARY.items():
        text += f"| {status} | {primary} | {MESSAGE[status]} |\n"
    text += "\n| in | when | goes to | and does |\n|---|---|---|---|\n"
    arrows = []
    for (status, event), (target, effects) in TRANSITIONS.items():
        ending = ENDING.get((status, event))
        goal = str(target) if target else "the ending decided before"
        if ending and target and ending is not target:
            goal += f" (ending: {ending})"
        text += f"| {status} | {event} | {goal} | {', '.join(effects) or '-'} |\n"
        if target and target is not status:
            arrows.append(f"    {status} --> {target}: {event}")
        elif target is None:
            arrows += [
                f"    {status} --> {end}: {event}"
                for end in dict.fromkeys(ENDING.values())
                if not (status == "Stopping" and end != "Stopped")
            ]
    text += "\n```mermaid\nstateDiagram-v2\n    [*] --> Starting\n"
    return text + "\n".join(dict.fromkeys(arrows)) + "\n```\n"


def settings() -> str:
    """The environment variables."""
    text = f"# Settings\n\n{HEAD}\nAll come from the environment; there is no settings file.\n\n"
    text += "| variable | meaning |\n|---|---|\n"
    described = (Settings.__doc__ or "").split("\n\n", 1)[1]
    for line in described.strip().splitlines():
        name, _, meaning = line.strip().partition(": ")
        text += f"| `{name}` | {meaning[:1].upper()}{meaning[1:]} |\n"
    return text


def images() -> str:
    """The image table."""
    text = f"# Which image names are frameworks\n\n{HEAD}\n"
    text += (
        "A registry prefix `<account>.dkr.ecr.<region>.amazonaws.com/` is ignored. The first "
        "pattern that matches the repository decides; TensorFlow tags below 2.16 run with "
        "`TF_USE_LEGACY_KERAS=1`, scikit-learn tags below 0.23 with `SAGELET_SKLEARN=0.20`. An "
        "image that the engine has under the requested name is used as it is; every other "
        "name is somebody's own image.\n\n"
        "| repository | framework |\n|---|---|\n"
    )
    for pattern, name in REPOSITORIES:
        escaped = pattern.replace("|", "\\|")
        text += f"| `{escaped}` | {name} |\n"
    return text


def operations() -> str:
    """The operations of AWS's API that are served."""
    text = f"# Which operations of AWS are served\n\n{HEAD}\n"
    text += (
        "Every other operation is answered with HTTP 501, code `NotImplemented` and its name. "
        "Requests are read and checked by botocore's service models: members of these operations "
        "that are not served are refused by name.\n\n"
        "S3 is served beside these: buckets, objects, listings, multipart uploads, ranges, "
        "conditions, presigned URLs and tags.\n"
    )
    registry = Registry()
    for service in registry.services:
        text += f"\n## {service}\n\n| operation | what it does |\n|---|---|\n"
        for name, found in sorted(registry.of(service).items()):
            meaning = (found.handler.__doc__ or "").strip().partition("\n")[0].replace("|", "\\|")
            text += f"| {name} | {meaning} |\n"
    return text


PAGES = {
    "cli.md": cli,
    "lifecycle.md": lifecycle,
    "settings.md": settings,
    "images.md": images,
    "operations.md": operations,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
