"""Distributed launchers that a job's hyperparameters ask for, and which of them can run here.

What each one does is the toolkit's business (``containers/toolkit``).
"""

import json
from collections.abc import Mapping

from sagelet.domain.errors import ValidationException

MPI = "sagemaker_mpi_enabled"
PARAMETER_SERVER = "sagemaker_parameter_server_enabled"
MULTI_WORKER = "sagemaker_multi_worker_mirrored_strategy_enabled"
SMDDP = "sagemaker_distributed_dataparallel_enabled"
XLA = "sagemaker_pytorch_xla_multi_worker_enabled"

KNOWN = (
    MPI,
    PARAMETER_SERVER,
    "sagemaker_pytorch_ddp_enabled",
    MULTI_WORKER,
    "sagemaker_torch_distributed_enabled",
    SMDDP,
    XLA,
)


def launchers_of(hyperparameters: Mapping[str, str]) -> tuple[str, ...]:
    """The launchers that are switched on; values are JSON, as the SDK writes them."""
    return tuple(name for name in KNOWN if name in hyperparameters and _on(hyperparameters[name]))


def _on(value: str) -> bool:
    try:
        return bool(json.loads(value))
    except ValueError:
        return bool(value)


def check_launchers(
    launchers: tuple[str, ...], framework: str, hosts: int, *, shared_machine: bool
) -> None:
    """Refuse what our toolkit cannot start.

    ``shared_machine``: the hosts are processes of one machine. SageMaker's data parallel library
    is not refused for PyTorch: SDK 2 sends ``pytorchddp`` under its name.

    Raises:
        ValidationException: with what to use instead.
    """
    if launchers == (XLA,):
        raise ValidationException(
            f"HyperParameters.{XLA}: the PyTorch/XLA launcher is part of SageMaker's own images. "
            "Use distribution={'torch_distributed': {'enabled': True}}."
        )
    if (
        framework == "tensorflow"
        and SMDDP in launchers
        and not {MPI, PARAMETER_SERVER} & {*launchers}
    ):
        raise ValidationException(
            f"HyperParameters.{SMDDP}: SageMaker's data parallel library (smdistributed) is closed "
            "and not here. Use TensorFlow's own: "
            "distribution={'multi_worker_mirrored_strategy': {'enabled': True}}."
        )
    if MPI in launchers and hosts > 1 and shared_machine:
        raise ValidationException(
            f"HyperParameters.{MPI}: MPI over several hosts needs Docker: mpirun logs in to every "
            "host, and without Docker these are processes of this machine. Start an engine, take "
            "one host, or use torch_distributed."
        )
