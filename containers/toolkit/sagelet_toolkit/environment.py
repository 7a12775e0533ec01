"""Pure: configuration -> SM_* variables and arguments. Reads no file, no os.environ; runs nothing.

The formats are sagemaker-training's: strings as they are, None as nothing, the rest compact JSON;
names are upper-cased and otherwise kept, dashes, dots and spaces too.
"""

from __future__ import annotations

from sagelet_toolkit import jsontext
from sagelet_toolkit.config import Config
from sagelet_toolkit.machine import Machine
from sagelet_toolkit.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

INFO = 20
PREFIX = "sagemaker_"
# Hyperparameters for the toolkit; every other `sagemaker_*` is a framework parameter.
SAGEMAKER_HYPERPARAMETERS = frozenset(
    {
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "default_user_module_name",
        "_tuning_objective_metric",
        "sagemaker_s3_output",
    }
)
# Frameworks whose images have more to say to a script, by the module SageMaker's own images name.
PYTORCH, TENSORFLOW, SKLEARN = "pytorch", "tensorflow", "sklearn"
FRAMEWORKS = {
    "sagemaker_pytorch_container": PYTORCH,
    "sagemaker_tensorflow_container": TENSORFLOW,
    "sagemaker_sklearn_container": SKLEARN,
}
# Framework parameters that ask for a launcher, in place of a plain run of the script.
LAUNCHERS = (
    "sagemaker_mpi_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)

# Properties that are variables of their own too.
_ALSO_VARIABLES = (
    "hosts",
    "network_interface_name",
    "user_entry_point",
    "resource_config",
    "input_data_config",
    "output_data_dir",
    "current_host",
    "current_instance_type",
    "current_instance_group",
    "current_instance_group_hosts",
    "instance_groups",
    "instance_groups_dict",
    "distribution_instance_groups",
    "is_hetero",
    "module_name",
    "log_level",
    "framework_module",
    "input_dir",
    "input_config_dir",
    "output_dir",
    "num_cpus",
    "num_gpus",
    "num_neurons",
    "model_dir",
    "module_dir",
    "output_intermediate_dir",
)


class Environment:
    """What one host's script is told.

    `properties` is the document of SM_TRAINING_ENV; `variables` and `arguments` are made from it.
    """

    def __init__(
        self, config: Config, paths: Paths, machine: Machine, environ: Mapping[str, str]
    ) -> None:
        user, sagemaker, framework = split(config.hyperparameters)
        program = environ.get("SAGEMAKER_PROGRAM")
        self.framework = FRAMEWORKS.get(
            environ.get("SAGEMAKER_TRAINING_MODULE", "").partition(".")[0], ""
        )
        if self.framework == TENSORFLOW and "_tuning_objective_metric" in sagemaker:
            _keep_apart(user, environ)
        self.hyperparameters = user
        self.user_entry_point = program or sagemaker.get("sagemaker_program")
        if program is None:
            program = str(sagemaker.get("sagemaker_program"))
        self.module_dir = str(sagemaker.get("sagemaker_submit_directory", paths.code))
        self.log_level = sagemaker.get("sagemaker_container_log_level", INFO)
        self.launchers = [name for name in LAUNCHERS if framework.get(name)]
        self.job_name = sagemaker.get("sagemaker_job_name", "")
        self.region = sagemaker.get("sagemaker_region", environ.get("AWS_DEFAULT_REGION"))
        resources = config.resources
        self.hosts: list[str] = resources["hosts"]
        self.arguments = to_arguments(user)
        mp_parameters = environ.get("SM_HP_MP_PARAMETERS")
        self.properties: dict[str, Any] = {
            "additional_framework_parameters": framework,
            "channel_input_dirs": {name: paths.channel(name) for name in config.channels},
            "current_host": resources["current_host"],
            "current_instance_type": resources.get("current_instance_type", "local"),
            "framework_module": environ.get("SAGEMAKER_TRAINING_MODULE"),
            "hosts": self.hosts,
            "hyperparameters": user,
            "input_config_dir": paths.input_config,
            "input_data_config": config.channels,
            "input_dir": paths.input,
            "is_modelparallel_enabled": mp_parameters and mp_parameters != "{}",
            "is_smddpmprun_installed": machine.smddpmprun,
            "is_smddprun_installed": machine.smddprun,
            "job_name": environ.get("TRAINING_JOB_NAME"),
            "log_level": self.log_level,
            "model_dir": paths.model,
            "module_dir": self.module_dir,
            "module_name": program[:-3] if program.endswith(".py") else program,
            "network_interface_name": resources.get("network_interface_name", "eth0"),
            "num_cpus": machine.num_cpus,
            "num_gpus": machine.num_gpus,
            "num_neurons": machine.num_neurons,
            "output_data_dir": paths.output_data,
            "output_dir": paths.output,
            "output_intermediate_dir": paths.output_intermediate,
            "resource_config": resources,
            "topology": resources.get("topology", []),
            "user_entry_point": self.user_entry_point,
        }
        self.properties.update(instance_groups(resources, framework, bool(self.launchers)))

    def variables(self) -> dict[str, str]:
        """Every variable the script gets beside those the container already has."""
        known = self.properties
        values = {name: known[name] for name in _ALSO_VARIABLES}
        values.update(
            hps=self.hyperparameters,
            framework_params=known["additional_framework_parameters"],
            channels=sorted(known["channel_input_dirs"]),
            training_env=known,
            user_args=self.arguments,
        )
        if known["topology"]:
            values["topology"] = known["topology"]
        for name, path in known["channel_input_dirs"].items():
            values["channel_" + name] = path
        for name, value in self.hyperparameters.items():
            values["hp_" + name] = value
        variables = {"SM_" + name.upper(): to_text(value) for name, value in values.items()}
        variables["CURRENT_HOST"] = known["current_host"]
        variables["SAGEMAKER_JOB_NAME"] = to_text(self.job_name)
        variables["SAGEMAKER_REGION"] = to_text(self.region or "")
        return variables


def split(
    hyperparameters: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Sort hyperparameters into the user's, the toolkit's and the framework's."""
    user: dict[str, Any] = {}
    sagemaker: dict[str, Any] = {}
    framework: dict[str, Any] = {}
    for name, value in hyperparameters.items():
        if name in SAGEMAKER_HYPERPARAMETERS:
            sagemaker[name] = value
        elif name.startswith(PREFIX):
            framework[name] = value
        else:
            user[name] = value
    return user, sagemaker, framework


def _keep_apart(user: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Give each job of a tuning its own model_dir, unless that is local to the host."""
    model_dir = user.get("model_dir")
    if isinstance(model_dir, str) and not model_dir.startswith("/opt/ml"):
        user["model_dir"] = f"{model_dir}/{environ.get('TRAINING_JOB_NAME')}/model"


def instance_groups(
    resources: dict[str, Any], framework: dict[str, Any], launcher: bool
) -> dict[str, Any]:
    """Derive what depends on instance groups; files from before 2022 have none."""
    hosts = resources["hosts"]
    groups = resources.get("instance_groups") or []
    current = resources.get("current_group_name", "homogeneousCluster")
    chosen = framework.get("sagemaker_distribution_instance_groups", [current] if launcher else [])
    distribution_hosts = list(hosts)
    if groups:
        distribution_hosts = [
            host
            for group in groups
            if group["instance_group_name"] in chosen
            for host in group["hosts"]
        ]
    master = (distribution_hosts or hosts)[0]
    own = [group["hosts"] for group in groups if group["instance_group_name"] == current]
    return {
        "current_instance_group": current,
        "current_instance_group_hosts": own[0] if own else [],
        "distribution_hosts": distribution_hosts,
        "distribution_instance_groups": chosen,
        "instance_groups": [group["instance_group_name"] for group in groups],
        "instance_groups_dict": {group["instance_group_name"]: group for group in groups},
        "is_hetero": len(groups) > 1,
        "is_master": resources["current_host"] == master,
        "master_hostname": master,
    }


def to_text(value: Any) -> str:
    """Write a value the way SM_* variables hold it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else jsontext.dumps(value)


def to_arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """Write hyperparameters as command line arguments: sorted, always a name and a value."""
    arguments = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        dashes = "--" if len(name) > 1 else "-" if name else ""
        if value is None:
            value = ""
        elif isinstance(value, dict):
            value = ",".join([f"{key}={value[key]}" for key in sorted(value)])
        arguments += [dashes + name, str(value)]
    return arguments
