"""The mpi and pytorchddp launchers: the mpirun command, as sagemaker-training builds it. Pure.

Starting it, and how hosts reach each other, is `mpi`'s part.
"""

from __future__ import annotations

from sagelet_toolkit import efa, entrypoint, jsontext, machine
from sagelet_toolkit.environment import Environment
from sagelet_toolkit.launchers import plain, processes_per_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

NUM_PROCESSES = "sagemaker_mpi_num_processes"
CUSTOM_OPTIONS = "sagemaker_mpi_custom_mpi_options"
DDP_CUSTOM_OPTIONS = "sagemaker_distributed_dataparallel_custom_mpi_options"
DDP_SERVER_PORT = "7592"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# What smddprun does for a script on SageMaker: torch.distributed's names for Open MPI's numbers.
RANK_NAMES = (
    "export RANK=$OMPI_COMM_WORLD_RANK WORLD_SIZE=$OMPI_COMM_WORLD_SIZE"
    " LOCAL_RANK=$OMPI_COMM_WORLD_LOCAL_RANK LOCAL_WORLD_SIZE=$OMPI_COMM_WORLD_LOCAL_SIZE"
    ' GROUP_RANK=$OMPI_COMM_WORLD_NODE_RANK; exec "$@"'
)


def script(environment: Environment, kind: str, *, mpi4py: bool) -> list[str]:
    """The command of one process; mpi4py ends all of them when one has an uncaught exception."""
    command = plain(environment, kind)
    if not mpi4py or kind == entrypoint.COMMAND:
        return command
    rest = command[1:] if kind == entrypoint.PACKAGE else command[2:]  # without its `--`
    return [command[0], "-m", "mpi4py", *rest]


def mpi(
    environment: Environment,
    environ: Mapping[str, str],
    names: Iterable[str],
    run: list[str],
) -> list[str]:
    """Build the command of the mpi launcher.

    Args:
        environment: the job's.
        environ: the script's variables on this host.
        names: the variables of the script that every process must get.
        run: the command of one process.
    """
    known = environment.properties
    parameters = known["additional_framework_parameters"]
    hosts, per_host = known["distribution_hosts"], processes_per_host(environment)
    interface = machine.interface(known["network_interface_name"])
    debug, custom = _custom(parameters.get(CUSTOM_OPTIONS) or "")
    command = ["mpirun", "--host"]
    command.append(",".join(hosts if per_host == 1 else [f"{host}:{per_host}" for host in hosts]))
    command += ["-np", str(parameters.get(NUM_PROCESSES) or per_host * len(hosts))]
    command += ["--allow-run-as-root", "--display-map", "--tag-output"]
    command += _parameters(btl_tcp_if_include=interface, oob_tcp_if_include=interface)
    command += _parameters(plm_rsh_no_tree_spawn="1")
    command += ["-bind-to", "none", "-map-by", "slot"]
    command += _parameters(
        pml="ob1",
        btl="^openib",
        orte_abort_on_non_zero_status="1",
        btl_vader_single_copy_mechanism="none",
    )
    passed = ["NCCL_MIN_NRINGS=4", f"NCCL_SOCKET_IFNAME={interface}", f"NCCL_DEBUG={debug}"]
    command += _passed([*passed, "LD_LIBRARY_PATH", "PATH"])
    command += custom
    instance_type = known["current_instance_type"]
    fabric = ["FI_PROVIDER=efa", "NCCL_PROTO=simple"] if instance_type in efa.NCCL else []
    fabric += ["FI_EFA_USE_DEVICE_RDMA=1"] if instance_type in efa.RDMA else []
    command += _passed([*fabric, *(name for name in CREDENTIALS if name in environ), *names])
    return [*command, *_model_parallel(known, environ), *run]


def pytorch_ddp(environment: Environment, run: list[str]) -> list[str]:
    """Build the command of the pytorchddp launcher."""
    known = environment.properties
    parameters = known["additional_framework_parameters"]
    hosts, per_host = known["distribution_hosts"], processes_per_host(environment)
    interface = machine.interface(known["network_interface_name"])
    debug, custom = _custom(parameters.get(DDP_CUSTOM_OPTIONS) or "")
    several = len(hosts) > 1
    mode = "HOMOGENEOUS" if several else "SINGLENODE"
    command = ["mpirun", "--host"]
    command.append(",".join([f"{host}:{per_host}" for host in hosts] if several else hosts))
    command += ["-np", str(per_host * len(hosts))]
    command += ["--allow-run-as-root", "--tag-output", "--oversubscribe"]
    command += _parameters(
        btl_tcp_if_include=interface,
        oob_tcp_if_include=interface,
        plm_rsh_no_tree_spawn="1",
        pml="ob1",
        btl="^openib",
        orte_abort_on_non_zero_status="1",
        btl_vader_single_copy_mechanism="none",
        plm_rsh_num_concurrent=str(len(hosts)),
    )
    passed = [f"NCCL_SOCKET_IFNAME={interface}", f"NCCL_DEBUG={debug}", "LD_LIBRARY_PATH", "PATH"]
    passed += [f"SMDATAPARALLEL_USE_{mode}=1", "FI_PROVIDER=efa", "RDMAV_FORK_SAFE=1"]
    command += _passed(passed)
    command += custom
    instance_type = parameters.get("sagemaker_instance_type") or known["current_instance_type"]
    fabric = ["NCCL_PROTO=simple"] if instance_type in efa.NCCL else []
    fabric += ["FI_EFA_USE_DEVICE_RDMA=1"] if instance_type in efa.RDMA else []
    if several:
        fabric += [
            f"SMDATAPARALLEL_SERVER_ADDR={known['master_hostname']}",
            f"SMDATAPARALLEL_SERVER_PORT={DDP_SERVER_PORT}",
            f"SAGEMAKER_INSTANCE_TYPE={instance_type}",
        ]
    command += _passed(fabric)
    if known["is_smddprun_installed"]:
        return [*command, "smddprun", *run]
    return [*command, "/bin/sh", "-c", RANK_NAMES, "sh", *run]


def _parameters(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("-mca", name, value)]


def _passed(names: Iterable[str]) -> list[str]:
    return [word for name in names for word in ("-x", name)]


def _custom(text: str) -> tuple[str, list[str]]:
    """Split a user's own options into the NCCL_DEBUG among them and the rest, which is mpirun's."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--NCCL_DEBUG", default="INFO")
    known, others = parser.parse_known_args(text.split())
    return known.NCCL_DEBUG, others


def _model_parallel(known: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    """What SageMaker's model parallel library wants, when a script's hyperparameters ask for it."""
    asked = environ.get("SM_HP_MP_PARAMETERS", "")
    if asked in ("", "{}"):
        return []
    version = environ.get("SM_DLC_TORCH_VERSION", "")
    words = _passed(["NCCL_PROTO=simple"]) if version else []
    if version and int(version.split(".")[0]) > 1:
        words += _passed(["NCCL_ALGO=ring"])
    parameters = jsontext.loads(asked)
    backend = parameters.get("ddp_dist_backend", "auto") if isinstance(parameters, dict) else ""
    if backend == "auto" and known["is_smddpmprun_installed"]:
        words += ["smddpmprun", "-i", known["current_instance_type"], "--allow-bypass"]
    return words
