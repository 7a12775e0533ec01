"""Our launchers' commands and variables against sagemaker-training's, for any configuration."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sagelet_toolkit import config, entrypoint, environment, launchers, machine, mpirun, torchrun
from sagelet_toolkit import tensorflow as tf
from sagelet_toolkit.failure import ClientError
from sagelet_toolkit.paths import Paths
from support.toolkit_oracle import Oracle, resources, write_tree

# What differs from sagemaker-training's commands, and why.
LEFT_OUT = "LD_PRELOAD="  # its gethostname shim: our hosts have the names of the job
ADDED = "PYTHONUNBUFFERED"  # so that lines appear when they are printed, on every host

WORKER = """
import json, os, sys
from sagemaker_training import environment, mpi, process, runner
inherited = dict(os.environ)
answers, sys.stdout = sys.stdout, sys.stderr  # it prints warnings
kinds = {
    "torch": runner.TorchDistributedRunnerType,
    "mpi": runner.MPIRunnerType,
    "ddp": runner.SMDataParallelRunnerType,
}
for line in sys.stdin:
    asked = json.loads(line)
    os.environ.update(asked["environ"])
    try:
        env = environment.Environment()
        variables = env.to_env_vars()
        environment.write_env_vars(variables)
        before = dict(os.environ)
        made = runner.get(
            kinds[asked["launcher"]], env.user_entry_point, env.to_cmd_args(), variables
        )
        if isinstance(made, mpi.WorkerRunner):
            answer = {"worker": True}
        else:
            command = made._create_command()
            if asked["launcher"] == "ddp":
                command += process.ProcessRunner._create_command(made)
            new = {n: v for n, v in os.environ.items() if before.get(n) != v}
            answer = {"command": command, "variables": new}
    except Exception as error:
        answer = {"error": type(error).__name__}
    os.environ.clear()
    os.environ.update(inherited)
    print(json.dumps(answer), file=answers, flush=True)
"""

oracle_installed = pytest.mark.skipif(
    importlib.util.find_spec("sagemaker_training") is None,
    reason="sagemaker-training is not installed",
)
ENTRY_POINTS = ["train.py", "run.sh", "tool", "pkg/main.py"]
SWITCHES = {
    "torch": launchers.TORCH_DISTRIBUTED,
    "mpi": launchers.MPI,
    "ddp": launchers.PYTORCH_DDP,
}
# Those that exist, since ours looks.
INTERFACES = [name for name in ("lo", "eth0") if Path("/sys/class/net", name).exists()]

parameters = st.fixed_dictionaries(
    {"sagemaker_program": st.sampled_from(ENTRY_POINTS)},
    optional={
        launchers.PROCESSES_PER_HOST: st.integers(1, 16),
        mpirun.NUM_PROCESSES: st.integers(1, 64),
        mpirun.CUSTOM_OPTIONS: st.sampled_from(
            ["", "-x A=1 --NCCL_DEBUG WARN", "--NCCL_DEBUG=TRACE -mca a b", "-verbose --x=y"]
        ),
        mpirun.DDP_CUSTOM_OPTIONS: st.sampled_from(["", "--NCCL_DEBUG WARN -x B"]),
        "sagemaker_instance_type": st.sampled_from(["ml.p4d.24xlarge", "ml.m5.large"]),
        "sagemaker_distribution_instance_groups": st.sampled_from([["g1"], ["g1", "g2"]]),
        "mp_parameters": st.sampled_from([{}, {"ddp": True}, {"ddp_dist_backend": "nccl"}]),
        "lr": st.floats(0, 1),
        # No NUL: no variable can hold it, and theirs then fails in os.environ.
        "name": st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
        ),
    },
)
environs = st.fixed_dictionaries(
    {},
    optional={
        "AWS_ACCESS_KEY_ID": st.just("id"),
        "AWS_SESSION_TOKEN": st.just("token"),
        "RUN_NEURON_PARALLEL_COMPILE": st.sampled_from(["0", "1"]),
        "SM_DLC_TORCH_VERSION": st.sampled_from(["1.13.1", "2.3.0+cpu"]),
    },
)


@st.composite
def configurations(draw):
    document = draw(resources())
    document["network_interface_name"] = draw(st.sampled_from(INTERFACES))
    efa = st.sampled_from(["ml.p4d.24xlarge", "ml.g5.48xlarge", "ml.p3dn.24xlarge"])
    if "current_instance_type" in document and draw(st.booleans()):
        document["current_instance_type"] = draw(efa)
    return {
        "hyperparameters": draw(parameters),
        "resourceconfig": document,
        "inputdataconfig": {},
        "environ": draw(environs),
        "ascii": True,
        "package": draw(st.booleans()),
    }


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    base = tmp_path_factory.mktemp("oracle")
    for name in ENTRY_POINTS:
        path = base / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    answering = Oracle(base, WORKER)
    yield answering
    answering.close()


def both(oracle, launcher, documents):
    """(theirs, our environment, kind of entry point, our script's variables)."""
    documents["hyperparameters"][SWITCHES[launcher]] = True
    write_tree(oracle.base, documents)
    setup = oracle.base / "code" / "setup.py"
    setup.touch() if documents["package"] else setup.unlink(missing_ok=True)
    theirs = oracle.ask({"launcher": launcher, "environ": documents["environ"]})
    paths = Paths(str(oracle.base))
    read = config.read(paths)
    environ = {**oracle.environ, **documents["environ"]}
    here = machine.inspect(environ, read.resources.get("current_instance_type", "local"))
    ours = environment.Environment(read, paths, here, environ)
    kind = entrypoint.kind(paths.code, ours.user_entry_point)
    variables = {**ours.variables(), "PYTHONPATH": "/code", ADDED: "1"}
    return theirs, ours, kind, {**environ, **variables}


def normal(command):
    """A command with its -x pairs in one order; which variable comes first has no meaning."""
    rest, passed = [], []
    words = iter(command)
    for word in words:
        if word != "-x":
            # Without arguments theirs ends the line for the shell with a space.
            rest.append(word.rstrip() if word.startswith("./") else word)
            continue
        name = next(words)
        if name != ADDED and not name.startswith(LEFT_OUT):
            passed.append(name)
    return rest, sorted(passed)


COMPARED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@oracle_installed
@COMPARED
@given(documents=configurations())
def test_torchrun_is_called_as_sagemaker_training_calls_it(oracle, documents):
    theirs, ours, kind, environ = both(oracle, "torch", documents)
    assume(not takes_no_part(ours))
    if kind != entrypoint.PROGRAM:
        assert theirs == {"error": "ClientError"}
        with pytest.raises(ClientError, match="Python scripts only"):
            torchrun.launch(ours, kind)
        return
    assert torchrun.arguments(ours, environ) == theirs["command"]
    assert torchrun.variables(ours) == theirs["variables"]


@oracle_installed
@COMPARED
@given(documents=configurations())
def test_mpirun_is_called_as_sagemaker_training_calls_it(oracle, documents):
    theirs, ours, kind, environ = both(oracle, "mpi", documents)
    assume(not takes_no_part(ours))
    assert theirs.get("worker", False) is not ours.properties["is_master"]
    if "worker" not in theirs:
        names = [name for name in environ if name.startswith(("SM_", "PYTHON"))]
        names = [name for name in names if not name.startswith("SM_DLC_")]
        run = mpirun.script(ours, kind, mpi4py=True)
        assert normal(mpirun.mpi(ours, environ, names, run)) == normal(theirs["command"])


@oracle_installed
@COMPARED
@given(documents=configurations())
def test_pytorchddp_calls_mpirun_as_sagemaker_training_does(oracle, documents):
    theirs, ours, kind, _ = both(oracle, "ddp", documents)
    assume(not takes_no_part(ours))
    assert theirs.get("worker", False) is not ours.properties["is_master"]
    if "worker" not in theirs:
        run = mpirun.script(ours, kind, mpi4py=True)
        rest, passed = normal(mpirun.pytorch_ddp(ours, run))
        assert rest[-len(run) - 4 : -len(run)] == ["/bin/sh", "-c", mpirun.RANK_NAMES, "sh"]
        del rest[-len(run) - 4 : -len(run)]  # without smddprun somebody must number the processes
        assert (rest, passed) == normal(theirs["command"])


def takes_no_part(ours):
    known = ours.properties
    return known["current_instance_group"] not in known["distribution_instance_groups"]


# --- TF_CONFIG: sagemaker-tensorflow-training cannot be installed beside; by what it writes -------


def test_tf_config_of_parameter_servers():
    hosts = ["algo-1", "algo-2", "algo-3"]
    cluster = {
        "master": ["algo-1:2222"],
        "ps": ["algo-1:2223", "algo-2:2223", "algo-3:2223"],
        "worker": ["algo-2:2222", "algo-3:2222"],
    }
    tasks = [("algo-1", "master", 0), ("algo-2", "worker", 0), ("algo-3", "worker", 1)]
    for index, (host, kind, task) in enumerate(tasks):
        assert tf.parameter_server_config(hosts, host, server=False) == {
            "cluster": cluster,
            "environment": "cloud",
            "task": {"index": task, "type": kind},
        }
        server = tf.parameter_server_config(hosts, host, server=True)
        assert server["task"] == {"index": index, "type": "ps"}
        assert server["cluster"] == cluster


def test_tf_config_of_equal_workers():
    assert tf.multi_worker_config(["algo-1", "algo-2"], "algo-2") == {
        "cluster": {"worker": ["algo-1:8890", "algo-2:8890"]},
        "environment": "cloud",
        "task": {"index": 1, "type": "worker"},
    }


# --- hosts that share one machine's ports: there is nothing of it on SageMaker --------------------


def test_every_server_of_a_job_has_a_port_of_its_own():
    hosts = ["algo-1", "algo-2"]
    config = tf.parameter_server_config(hosts, "algo-1", 20000, server=True)
    assert config["cluster"] == {
        "master": ["algo-1:20001"],
        "worker": ["algo-2:20002"],
        "ps": ["algo-1:20003", "algo-2:20004"],
    }
    config = tf.multi_worker_config(hosts, "algo-2", 20000)
    assert config["cluster"] == {"worker": ["algo-1:20001", "algo-2:20002"]}


@pytest.mark.parametrize("hosts", [1, 2])
def test_torchrun_meets_at_the_jobs_own_port(hosts):
    names = [f"algo-{number + 1}" for number in range(hosts)]
    read = config.Config(
        {"sagemaker_program": "t.py"}, {"hosts": names, "current_host": "algo-1"}, {}
    )
    here = machine.Machine(1, 0, 0, smddprun=False, smddpmprun=False)
    made = environment.Environment(read, Paths(), here, {})
    command = torchrun.arguments(made, {"SAGELET_PORTS_FROM": "20000"})
    assert command[command.index("--master_port") + 1] == "20000"
    usual = torchrun.arguments(made, {})
    assert ("--master_port" in usual) == (hosts > 1)
    assert "20000" not in usual


# --- which launcher ------------------------------------------------------------------------------

PYTORCH = "sagemaker_pytorch_container.training:main"
TENSORFLOW = "sagemaker_tensorflow_container.training:main"
SKLEARN = "sagemaker_sklearn_container.training:main"


def chosen(*names, module="", hosts=2, groups=None):
    listed = [f"algo-{number + 1}" for number in range(hosts)]
    read = config.Config(
        {**dict.fromkeys(names, True), "sagemaker_program": "t.py", **(groups or {})},
        {"hosts": listed, "current_host": "algo-1", "current_group_name": "g"},
        {},
    )
    here = machine.Machine(1, 0, 0, smddprun=False, smddpmprun=False)
    environ = {"SAGEMAKER_TRAINING_MODULE": module}
    return launchers.choose(environment.Environment(read, Paths(), here, environ))


@pytest.mark.parametrize(
    ("names", "module", "hosts", "expected"),
    [
        ([launchers.TORCH_DISTRIBUTED, launchers.MPI], PYTORCH, 2, launchers.MPI),
        ([launchers.TORCH_DISTRIBUTED, launchers.PYTORCH_DDP], PYTORCH, 2, launchers.PYTORCH_DDP),
        ([launchers.TORCH_DISTRIBUTED, launchers.SMDDP], PYTORCH, 2, launchers.TORCH_DISTRIBUTED),
        ([launchers.SMDDP, launchers.XLA], PYTORCH, 2, launchers.SMDDP),
        ([launchers.PARAMETER_SERVER], PYTORCH, 2, ""),
        ([launchers.TORCH_DISTRIBUTED], TENSORFLOW, 2, ""),
        ([launchers.MPI, launchers.PARAMETER_SERVER], TENSORFLOW, 2, launchers.PARAMETER_SERVER),
        ([launchers.PARAMETER_SERVER], TENSORFLOW, 1, ""),
        ([launchers.MULTI_WORKER], TENSORFLOW, 1, launchers.MULTI_WORKER),
        ([launchers.MPI, launchers.TORCH_DISTRIBUTED], SKLEARN, 2, ""),
        ([launchers.TORCH_DISTRIBUTED], "", 1, launchers.TORCH_DISTRIBUTED),
        ([], PYTORCH, 2, ""),
    ],
)
def test_the_first_launcher_of_the_framework_is_taken(names, module, hosts, expected):
    assert chosen(*names, module=module, hosts=hosts) == expected


@pytest.mark.parametrize(
    ("name", "module", "instead"),
    [
        (launchers.XLA, PYTORCH, "torch_distributed"),
        (launchers.SMDDP, TENSORFLOW, "multi_worker_mirrored_strategy"),
    ],
)
def test_what_exists_only_on_sagemaker_is_refused_with_a_way_out(name, module, instead):
    with pytest.raises(ClientError, match=rf"{name}: .*{instead}"):
        chosen(name, module=module)


def test_groups_outside_the_distribution_run_the_script():
    others = {"sagemaker_distribution_instance_groups": ["other"]}
    assert chosen(launchers.TORCH_DISTRIBUTED, groups=others) == ""


@pytest.mark.parametrize("given", ["2", 0, -1, True, 1.5])
def test_a_strange_number_of_processes_is_refused(given):
    read = config.Config(
        {launchers.PROCESSES_PER_HOST: given, "sagemaker_program": "t.py"},
        {"hosts": ["algo-1"], "current_host": "algo-1"},
        {},
    )
    here = machine.Machine(1, 0, 0, smddprun=False, smddpmprun=False)
    with pytest.raises(ClientError, match="whole number"):
        launchers.processes_per_host(environment.Environment(read, Paths(), here, {}))
