"""``sagelet env``: the variables that bring AWS clients to the control plane of this home."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import click

from sagelet.cli.plane import Plane
from sagelet.domain.errors import Unavailable
from sagelet.settings import SAVED, Settings, without_ours

#: What clients sign with where nobody checks it.
_THROW_AWAY = ("AKIASAGELETLOCALONLY", "sagelet-throw-away-key-that-opens-nothing")

#: Other ways to say who one is and where AWS is; botocore prefers some of them.
_RIVALS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
)

_HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Group:
    """Variables that belong together, and why they are set; None as a value takes one away."""

    why: str
    values: Mapping[str, str | None]


@click.command()
@click.option("--unset", is_flag=True, help="Print the lines that undo it.")
@click.option(
    "--no-proxy",
    is_flag=True,
    help="No proxy for the SDK's STS calls; an SDK configuration file that spares most of them.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["sh", "fish", "dotenv", "json"]),
    default="sh",
    show_default=True,
    help="How to write it.",
)
def env(*, unset: bool, no_proxy: bool, form: str) -> int:
    """Print what points AWS clients at the control plane that runs: eval "$(sagelet env)"."""
    write = {"sh": _posix, "fish": _fish, "dotenv": _dotenv, "json": _json}[form]
    if unset:
        click.echo(write([_undo(os.environ)]), nl=False)
        return 0
    settings = Settings.from_environ()
    before = without_ours(os.environ)
    about = _who_serves(settings)
    groups = _groups(about, settings, before, proxy=not no_proxy)
    if not no_proxy:
        _await(settings.home / "tls" / "ca-bundle.pem")
    if form in ("sh", "fish"):
        groups.append(_kept(groups, os.environ))
    click.echo(write(groups), nl=False)
    return 0


def export_lines(about: Mapping[str, Any], settings: Settings) -> list[str]:
    """What a shell sets, line by line; a secret that was configured is not shown."""
    shown = {**about, "Credentials": None}
    hidden = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} if about["Credentials"] else set()
    return [
        f"export {name}={quote(value)}"
        for group in _groups(shown, settings, {}, proxy=True)
        for name, value in group.values.items()
        if value is not None and name not in hidden
    ]


def _who_serves(settings: Settings) -> dict[str, Any]:
    """What the control plane says of itself.

    Raises:
        Unavailable: none runs here that stays.
    """
    plane = Plane(settings)
    client = plane.running()
    if client is not None:
        client.close()
    if client is None or plane.about["ForCall"]:
        raise Unavailable(
            f"no control plane runs for {settings.home}; start one: `sagelet serve`, in another "
            "terminal or with & behind it."
        )
    return plane.about


def _await(bundle: Path) -> None:
    """A control plane that has only just been started may still be making its certificates."""
    deadline = time.monotonic() + 10.0
    while not bundle.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def _groups(
    about: Mapping[str, Any], settings: Settings, before: Mapping[str, str], *, proxy: bool
) -> list[Group]:
    """All variables, for a shell whose environment was ``before``."""
    url, account = about["Url"], about["Account"]
    role = f"arn:aws:iam::{account}:role/sagelet"
    key, secret = about["Credentials"] or _THROW_AWAY
    rivals: dict[str, str | None] = {
        name: None
        for name in (*_RIVALS, *(n for n in before if n.startswith("AWS_ENDPOINT_URL_")))
        if name in before
    }
    groups = [
        Group("where every AWS client goes", {"AWS_ENDPOINT_URL": url}),
        Group(
            "credentials the control plane asks for"
            if about["Credentials"]
            else "credentials that open nothing; AWS's never leave this shell",
            {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret},
        ),
        Group("what would lead elsewhere", rivals),
        Group(
            "the region jobs are kept under",
            {"AWS_REGION": settings.region, "AWS_DEFAULT_REGION": settings.region},
        ),
        Group("this machine is no EC2 instance to ask", {"AWS_EC2_METADATA_DISABLED": "true"}),
        Group(
            "a role for scripts that ask for one",
            {"SAGEMAKER_ROLE": role, "SAGELET_ROLE_ARN": role},
        ),
    ]
    outside = about["S3Endpoint"]
    if outside:
        elsewhere = f"https://s3.{settings.region}.amazonaws.com" if outside == "aws" else outside
        groups.append(Group("objects are kept there", {"AWS_ENDPOINT_URL_S3": elsewhere}))
        if not about["Credentials"]:  # that S3 checks them, and here any will do
            groups[1] = Group("", {})
            rivals = {name: None for name in rivals if name not in _CREDENTIALS}
            groups[2] = Group("what would lead elsewhere", rivals)
    if proxy:
        groups += _proxy(url, settings, before)
    else:
        groups.append(_spared(settings, account))
    named = {name for group in groups for name, value in group.values.items() if value is not None}
    return [
        Group(g.why, {k: v for k, v in g.values.items() if v is not None or k not in named})
        for g in groups
    ]


def _proxy(url: str, settings: Settings, before: Mapping[str, str]) -> list[Group]:
    bundle = str(settings.home / "tls" / "ca-bundle.pem")
    proxies: dict[str, str | None] = {"HTTPS_PROXY": url}
    local: dict[str, str | None] = {"NO_PROXY": _with_here(before.get("NO_PROXY"))}
    if "https_proxy" in before:
        proxies["https_proxy"] = url
    if "no_proxy" in before:
        local["no_proxy"] = _with_here(before["no_proxy"])
    return [
        Group(
            "the SageMaker SDK names STS by its own address; only a proxy leads it here", proxies
        ),
        Group("what does not need it", local),
        Group(
            "the certificate authority of this home, beside the usual ones",
            {"AWS_CA_BUNDLE": bundle, "REQUESTS_CA_BUNDLE": bundle},
        ),
    ]


def _with_here(names: str | None) -> str:
    known = [name.strip() for name in (names or "").split(",") if name.strip()]
    return ",".join([*known, *(name for name in _HERE if name not in known)])


def _spared(settings: Settings, account: str) -> Group:
    """An SDK configuration with which the SDK has no need to ask STS for its bucket."""
    path = settings.home / f"sdk-{settings.region}.yaml"
    text = f"""SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      Session:
        DefaultS3Bucket: sagemaker-{settings.region}-{account}
      TelemetryOptOut: true
"""
    descriptor, part = tempfile.mkstemp(dir=settings.home, prefix=".sdk-")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(part).replace(path)
    return Group(
        "spares the SageMaker SDK its questions to STS, which nothing else leads here",
        {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(path)},
    )


def _kept(groups: list[Group], environ: Mapping[str, str]) -> Group:
    """The values from before the first time, for ``--unset``; an empty one was not set."""
    names = [name for group in groups for name in group.values]
    earlier = {SAVED + n: environ.get(SAVED + n, environ.get(n, "")) for n in names}
    return Group("for sagelet env --unset", earlier)


def _undo(environ: Mapping[str, str]) -> Group:
    changes: dict[str, str | None] = {}
    for name in sorted(environ):
        if name.startswith(SAVED):
            changes[name.removeprefix(SAVED)] = environ[name] or None
            changes[name] = None
    return Group("as it was before sagelet env" if changes else "nothing to undo", changes)


def _posix(groups: list[Group]) -> str:
    return _script(groups, lambda k, v: f"export {k}={quote(v)};", lambda k: f"unset {k};")


def _fish(groups: list[Group]) -> str:
    def setting(name: str, value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx {name} '{escaped}';"

    return _script(groups, setting, lambda k: f"set -e {k};")


def _script(
    groups: list[Group], setting: Callable[[str, str], str], unsetting: Callable[[str], str]
) -> str:
    """Commands first: an ``eval`` without quotes makes one line of all, and comments end it."""
    lines = [
        unsetting(name) if value is None else setting(name, value)
        for group in groups
        for name, value in group.values.items()
    ]
    for group in groups:
        names = ", ".join(name for name in group.values if not name.startswith(SAVED))
        if names or not lines:
            lines.append(f"# {names}: {group.why}." if names else f"# {group.why}")
    return "".join(f"{line}\n" for line in lines)


def _dotenv(groups: list[Group]) -> str:
    lines = []
    for group in groups:
        values = {k: v for k, v in group.values.items() if v is not None}
        if values:
            lines.append(f"# {group.why}")
        lines += [f"{name}={json.dumps(value)}" for name, value in values.items()]
    return "".join(f"{line}\n" for line in lines)


def _json(groups: list[Group]) -> str:
    values = {k: v for group in groups for k, v in group.values.items() if v is not None}
    return json.dumps(values, indent=2) + "\n"
