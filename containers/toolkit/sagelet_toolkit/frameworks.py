"""What the framework images' own toolkits add around a script, with a launcher or without.

SAGEMAKER_TRAINING_MODULE, set in an image, says which framework it is for. Pure, but for reading
PyTorch's version from its files: importing it would take seconds.
"""

from __future__ import annotations

import os
import sys

from sagelet_toolkit import machine, shared
from sagelet_toolkit.environment import PYTORCH, TENSORFLOW, Environment
from sagelet_toolkit.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

MASTER_PORT = 7777


def master_port(environ: Mapping[str, str]) -> str:
    """The port at which the processes of a PyTorch job meet."""
    return str(shared.ports_from(environ) or MASTER_PORT)


def variables(environment: Environment) -> dict[str, str]:
    """What every script of the framework gets beside the SM_* variables."""
    known = environment.properties
    if environment.framework == PYTORCH:
        found = {
            "MASTER_ADDR": known["master_hostname"],
            "MASTER_PORT": master_port(os.environ),
            "NCCL_SOCKET_IFNAME": machine.interface(known["network_interface_name"]),
            "NCCL_IB_DISABLE": "1",
            "NCCL_DEBUG": "WARN",
        }
        version = _torch_version()
        return {**found, "SM_DLC_TORCH_VERSION": version} if version else found
    if environment.framework == TENSORFLOW:
        found = {"S3_USE_HTTPS": "1", "TF_CPP_MIN_LOG_LEVEL": "1"}
        return {**found, "S3_REGION": environment.region} if environment.region else found
    return {}


def _torch_version() -> str:
    """The version of the PyTorch beside this interpreter, as torch.__version__ has it."""
    prefix = os.path.dirname(os.path.dirname(sys.executable))
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for packages in (f"lib/{python}/site-packages", "lib/python3/dist-packages"):
        try:
            with open(os.path.join(prefix, packages, "torch", "version.py"), "rb") as file:
                text = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "__version__":
                return value.strip().strip("'\"")
    return ""


def model_warnings(environment: Environment, log: Log) -> None:
    """Say what TensorFlow Serving would miss in the model folder."""
    if environment.framework != TENSORFLOW or not environment.properties["is_master"]:
        return
    model_dir = environment.properties["model_dir"]
    some = False
    bundles = []
    for folder, _, names in os.walk(model_dir):
        some = some or bool(names)
        if any(name.startswith(("saved_model.pb", "saved_model.pbtxt")) for name in names):
            bundles.append(folder)
    if not some:
        log.warning(f"This host wrote no file to {model_dir}: it adds nothing to the job's model.")
    elif not bundles:
        log.warning(
            f"{model_dir} holds no SavedModel (saved_model.pb), which TensorFlow Serving needs;"
            " other ways to load the model are not affected. model.export() writes one."
        )
    for folder in bundles:
        if not os.path.basename(folder).isdigit():
            log.warning(
                f"TensorFlow Serving does not find the SavedModel in {folder}: its folder's name"
                " must be a number, such as 1."
            )
