"""Reads input/config/*.json and decodes hyperparameter strings. What they mean is `environment`'s.

Files are read as UTF-8 whatever the locale says: SageMaker writes them so.
"""

from __future__ import annotations

import errno
import os

from sagelet_toolkit import jsontext
from sagelet_toolkit.failure import FrameworkError
from sagelet_toolkit.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Config:
    """The three documents SageMaker writes for every host."""

    def __init__(
        self,
        hyperparameters: dict[str, Any],
        resources: dict[str, Any],
        channels: dict[str, Any],
    ) -> None:
        self.hyperparameters = hyperparameters
        self.resources = resources
        self.channels = channels


def read(paths: Paths) -> Config:
    """Read and check the configuration of this host."""
    directory = paths.input_config
    hyperparameters = _read_object(os.path.join(directory, "hyperparameters.json"))
    resources_file = os.path.join(directory, "resourceconfig.json")
    resources = _read_object(resources_file)
    channels = _read_object(os.path.join(directory, "inputdataconfig.json"))
    _check_resources(resources, resources_file)
    return Config(
        {name: decode(value) for name, value in hyperparameters.items()}, resources, channels
    )


def decode(value: Any) -> Any:
    """Give a hyperparameter its type: values arrive as strings that may hold JSON."""
    try:
        return jsontext.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _read_object(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8")
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise FrameworkError(f"{path} cannot be read: {error.strerror}.", error.errno) from None
        raise FrameworkError(
            f"{path} does not exist. SageMaker writes it before it starts a container; outside"
            " SageMaker, write the three files of input/config or set SAGEMAKER_BASE_DIR to the"
            " directory that stands for /opt/ml.",
            error.errno,
        ) from None
    except UnicodeDecodeError as error:
        raise FrameworkError(f"{path} is not UTF-8 text: {error}.") from None
    try:
        document = jsontext.loads(text)
    except (ValueError, RecursionError) as error:
        reason = jsontext.error_in(text) if isinstance(error, ValueError) else "nested too deeply"
        raise FrameworkError(f"{path} is not valid JSON: {reason}.") from None
    if not isinstance(document, dict):
        raise FrameworkError(f"{path} must hold a JSON object, not {type(document).__name__}.")
    return document


def _check_resources(resources: dict[str, Any], path: str) -> None:
    hosts = resources.get("hosts")
    if not (isinstance(hosts, list) and hosts and all(isinstance(host, str) for host in hosts)):
        raise FrameworkError(f"{path} must name this job's hosts: 'hosts' is {hosts!r}.")
    if not isinstance(resources.get("current_host"), str):
        raise FrameworkError(
            f"{path} must name this host: 'current_host' is {resources.get('current_host')!r}."
        )
    for group in resources.get("instance_groups") or []:
        if not (isinstance(group, dict) and {"instance_group_name", "hosts"} <= set(group)):
            raise FrameworkError(
                f"{path}: an instance group needs 'instance_group_name' and 'hosts': {group!r}."
            )
