"""Which launcher a job's hyperparameters ask for, and what runs on this host because of it.

Loaded only when one is asked for. The commands themselves are in `torchrun`, `mpirun` and
`tensorflow`.
"""

from __future__ import annotations

from sagelet_toolkit import entrypoint
from sagelet_toolkit.environment import PYTORCH, SKLEARN, TENSORFLOW, Environment
from sagelet_toolkit.failure import ClientError, Failure, Stopped
from sagelet_toolkit.process import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

    from sagelet_toolkit.stderr import Copy

MPI = "sagemaker_mpi_enabled"
PYTORCH_DDP = "sagemaker_pytorch_ddp_enabled"
TORCH_DISTRIBUTED = "sagemaker_torch_distributed_enabled"
PARAMETER_SERVER = "sagemaker_parameter_server_enabled"
MULTI_WORKER = "sagemaker_multi_worker_mirrored_strategy_enabled"
SMDDP = "sagemaker_distributed_dataparallel_enabled"
XLA = "sagemaker_pytorch_xla_multi_worker_enabled"

PROCESSES_PER_HOST = "sagemaker_mpi_num_of_processes_per_host"

# In the order in which the framework toolkits look for them; the first one wins. scikit-learn's
# looks for none.
_PYTORCH = (MPI, PYTORCH_DDP, TORCH_DISTRIBUTED, SMDDP, XLA)
_TENSORFLOW = (PARAMETER_SERVER, MPI, SMDDP, MULTI_WORKER)
_ANY = (PARAMETER_SERVER, MPI, PYTORCH_DDP, TORCH_DISTRIBUTED, SMDDP, XLA, MULTI_WORKER)
_ORDER = {PYTORCH: _PYTORCH, TENSORFLOW: _TENSORFLOW, SKLEARN: ()}


def choose(environment: Environment) -> str:
    """Return the launcher of this host, or nothing: a plain run of the script.

    Raises:
        ClientError: what is asked for exists only on SageMaker.
    """
    properties = environment.properties
    if properties["current_instance_group"] not in properties["distribution_instance_groups"]:
        return ""
    for name in _ORDER.get(environment.framework, _ANY):
        if name not in environment.launchers:
            continue
        if name == XLA:
            raise ClientError(
                f"{name}: the PyTorch/XLA launcher is part of SageMaker's own images. Use"
                " distribution={'torch_distributed': {'enabled': True}}."
            )
        if name == SMDDP and environment.framework == TENSORFLOW:
            raise ClientError(
                f"{name}: SageMaker's data parallel library (smdistributed) is closed and not"
                " here. Use TensorFlow's own: distribution={'multi_worker_mirrored_strategy':"
                " {'enabled': True}}."
            )
        if name != PARAMETER_SERVER or len(environment.hosts) > 1:
            return name
    return ""


class Launch:
    """One way to run the script: a command, what it adds to the environment, and its end."""

    def __init__(self, command: list[str], variables: dict[str, str] | None = None) -> None:
        self.command = command
        self.variables = variables or {}

    def run(self, child: Supervisor, env: Mapping[bytes, bytes], cwd: str) -> None:
        """Run the command to its end; a failing process is the launch's failure."""
        child.check("ExecuteUserScriptError", self.command, env, cwd)


class RankedLaunch(Launch):
    """A launch whose command starts the job's processes and tells which one failed."""

    def run(self, child: Supervisor, env: Mapping[bytes, bytes], cwd: str) -> None:
        """Run the launcher to its end; the process that failed first is the reason of a failure."""
        status, output = child.run(self.command, env, cwd, self.relay())
        if status:
            from sagelet_toolkit import ranks, reason  # only failures need them

            if child.stopped_by:  # launchers word this as a failure of their own
                raise Stopped(child.stopped_by, "while the script ran")
            fault = ranks.first_to_fail(output.decode("utf-8", "replace"), status)
            first, detail = reason.describe(
                "ExecuteUserScriptError", fault.status, fault.text, self.command, fault.where
            )
            raise Failure(first, 1 if fault.status > 0 else 128 - fault.status, detail)

    def relay(self) -> Copy | None:
        """What passes on the launcher's output, if it does not write as the script would."""
        return None


def make(
    name: str,
    environment: Environment,
    kind: str,
    variables: Mapping[str, str],
    child: Supervisor,
) -> Launch:
    """Prepare the launch called `name` of the entry point, which is in place by now."""
    if name in (PARAMETER_SERVER, MULTI_WORKER):
        from sagelet_toolkit import tensorflow

        made = tensorflow.servers if name == PARAMETER_SERVER else tensorflow.workers
        return made(environment, kind, child.log)
    if name == TORCH_DISTRIBUTED:
        from sagelet_toolkit import torchrun

        return torchrun.launch(environment, kind)
    from sagelet_toolkit import mpi

    if MULTI_WORKER in environment.launchers and environment.framework == TENSORFLOW:
        from sagelet_toolkit import tensorflow

        variables = {**variables, **tensorflow.workers(environment, kind, child.log).variables}
    if name == SMDDP and not environment.properties["is_smddprun_installed"]:
        # SDK 2 sends pytorchddp under this name, too: what it asks for is known to the script only.
        child.log.warning(
            "SageMaker's smdistributed library is not here: processes start as for pytorchddp."
            " init_process_group takes 'gloo', or 'nccl' on GPUs, and not 'smddp'."
        )
    ddp = name in (PYTORCH_DDP, SMDDP)
    return mpi.launch(environment, kind, variables, child, ddp=ddp)


def processes_per_host(environment: Environment) -> int:
    """How many processes a host runs: what was asked for, else one a GPU or Neuron core."""
    known = environment.properties
    asked = known["additional_framework_parameters"].get(PROCESSES_PER_HOST)
    if asked is None:
        return int(known["num_gpus"] or known["num_neurons"] or 1)
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise ClientError(f"{PROCESSES_PER_HOST} must be a whole number from 1 on, not {asked!r}.")
    return asked


def plain(environment: Environment, kind: str) -> list[str]:
    """The command that runs the script by itself."""
    return entrypoint.command(kind, str(environment.user_entry_point), environment.arguments)
