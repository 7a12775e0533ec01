"""The torch_distributed launcher: the torchrun command of one host, and its variables. Pure."""

from __future__ import annotations

import os

from sagelet_toolkit import efa, entrypoint, hosts, machine, shared
from sagelet_toolkit.environment import Environment
from sagelet_toolkit.failure import ClientError
from sagelet_toolkit.frameworks import master_port
from sagelet_toolkit.launchers import RankedLaunch, processes_per_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping


def launch(environment: Environment, kind: str) -> RankedLaunch:
    """Prepare torchrun, which must be on PATH.

    Raises:
        ClientError: the entry point is no script, or there is no torchrun.
    """
    if kind != entrypoint.PROGRAM:
        what = "a Python package" if kind == entrypoint.PACKAGE else "no Python script"
        raise ClientError(
            f"torch_distributed runs Python scripts only, and {environment.user_entry_point!r} is"
            f" {what}. Name a .py file as entry point, without a setup.py beside it."
        )
    command = arguments(environment, os.environ)
    found = machine.find(command[0], os.environ.get("PATH", os.defpath))
    if not found:
        raise ClientError(
            f"{command[0]} is not on PATH: torch_distributed needs an image with PyTorch 1.10 or"
            " newer, such as the framework 'pytorch'."
        )
    if len(environment.properties["distribution_hosts"]) > 1:
        hosts.check_resolves(environment.properties["master_hostname"])
    more = variables(environment)
    if os.path.dirname(found) != os.path.dirname(entrypoint.python()):
        more["PYTHON_EXEC"] = entrypoint.python()  # what the script's requirements went into
    return RankedLaunch(command, more)


def arguments(environment: Environment, environ: Mapping[str, str]) -> list[str]:
    """Build the command of this host."""
    known = environment.properties
    names = known["distribution_hosts"]
    command = (
        ["neuron_parallel_compile"] if environ.get("RUN_NEURON_PARALLEL_COMPILE") == "1" else []
    )
    command += ["torchrun", "--nnodes", str(len(names))]
    command += ["--nproc_per_node", str(processes_per_host(environment))]
    if len(names) > 1:
        command += ["--master_addr", known["master_hostname"]]
        command += ["--master_port", master_port(environ)]
        command += ["--node_rank", str(names.index(known["current_host"]))]
    elif shared.ports_from(environ):
        command += ["--master_port", master_port(environ)]
    return [*command, str(environment.user_entry_point), *environment.arguments]


def variables(environment: Environment) -> dict[str, str]:
    """Build what torchrun's processes get on top."""
    known = environment.properties
    return {
        **efa.variables(known["current_instance_type"]),
        "NCCL_SOCKET_IFNAME": machine.interface(known["network_interface_name"]),
        "NCCL_PROTO": "simple",
    }
