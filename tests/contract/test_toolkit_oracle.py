"""Our SM_* variables and arguments against sagemaker-training's own, for any configuration.

The other party runs in a worker process: it fixes its paths when imported and changes os.environ.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sagelet_toolkit import config, environment, jsontext, machine
from sagelet_toolkit.paths import Paths

TRAIN = Path(__file__).parents[2] / "containers" / "toolkit" / "bin" / "train"

# The only ways in which the script's environment may differ from sagemaker-training's, and why.
DELIBERATE = {
    "PYTHONPATH": "the code directory and what was inherited, not the launcher's own sys.path",
    "PYTHONUNBUFFERED": "1 unless the user set it, so that lines appear when they are printed",
    "LC_CTYPE": "set by a Python that coerces the C locale, which an isolated one leaves alone",
}
# SM_NUM_GPUS under CUDA_VISIBLE_DEVICES differs too: test_gpus_are_those_the_process_may_use.

oracle_installed = pytest.mark.skipif(
    importlib.util.find_spec("sagemaker_training") is None,
    reason="sagemaker-training is not installed",
)

WORKER = """
import json, os, sys
from sagemaker_training import environment
inherited = dict(os.environ)
for line in sys.stdin:
    os.environ.update(json.loads(line))
    try:
        env = environment.Environment()
        variables = env.to_env_vars()
        for name in ("CURRENT_HOST", "SAGEMAKER_JOB_NAME", "SAGEMAKER_REGION"):
            variables[name] = os.environ[name]
        answer = {"variables": variables, "arguments": env.to_cmd_args()}
    except Exception as error:
        answer = {"error": repr(error)}
    os.environ.clear()
    os.environ.update(inherited)
    print(json.dumps(answer), flush=True)
"""


class Oracle:
    """sagemaker-training, answering for the tree at `base`."""

    def __init__(self, base):
        self.base = base
        self.environ = {**clean_environ(), "SAGEMAKER_BASE_DIR": str(base)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environ,
            text=True,
        )

    def ask(self, environ):
        self.process.stdin.write(json.dumps(environ) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def clean_environ():
    dropped = ("SM_", "SAGEMAKER_", "AWS_", "TRAINING_", "CUDA_", "PYTHON", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "LC_ALL": "C.UTF-8", "AWS_CONFIG_FILE": "/dev/null"}


def write_tree(base, documents):
    directory = base / "input" / "config"
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("hyperparameters", "resourceconfig", "inputdataconfig"):
        text = json.dumps(documents[name], ensure_ascii=documents["ascii"])
        (directory / f"{name}.json").write_text(text, encoding="utf-8")


def ours(base, environ):
    documents = config.read(Paths(str(base)))
    instance_type = documents.resources.get("current_instance_type", "local")
    here = machine.inspect(environ, instance_type)
    made = environment.Environment(documents, Paths(str(base)), here, environ)
    return {"variables": made.variables(), "arguments": made.arguments}


# --- configurations ---------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.sampled_from(["007", "1e3", "NaN", "-Infinity", "null", "True", "[1,2", " 5 ", "s3://b/k"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
names = text | st.sampled_from(
    ["lr", "a", "A", "", "batch-size", "Up_Per", "with space", "dot.ted", "ß", "model_dir"]
)
# As the SDK sends them, as boto3 users do, and as nobody should.
hyperparameter_values = values.map(json.dumps) | text | values
sagemaker_parameters = st.fixed_dictionaries(
    {},
    optional={
        "sagemaker_program": st.sampled_from(["train.py", '"train.py"', '"pkg/main.py"', "run.sh"]),
        "sagemaker_submit_directory": st.sampled_from(['"s3://b/c.tar.gz"', "/opt/ml/code"]),
        "sagemaker_region": st.sampled_from(['"eu-west-1"', "us-east-1", '""']),
        "sagemaker_job_name": st.sampled_from(['"job-1"', "job-2"]),
        "sagemaker_container_log_level": st.sampled_from(["10", "20", "40", 30]),
        "sagemaker_enable_cloudwatch_metrics": st.sampled_from(["false", "true"]),
        "sagemaker_s3_output": st.just('"s3://bucket/out"'),
        "_tuning_objective_metric": st.just("acc"),
        "default_user_module_name": st.just("m"),
        "sagemaker_mpi_enabled": st.sampled_from(["true", "false"]),
        "sagemaker_torch_distributed_enabled": st.sampled_from(["true", "false"]),
        "sagemaker_parameter_server_enabled": st.sampled_from(["true", "false"]),
        "sagemaker_instance_type": st.just('"ml.p3.2xlarge"'),
        "sagemaker_distribution_instance_groups": st.sampled_from(['["g1"]', '["g1","g2"]', "[]"]),
        "mp_parameters": st.sampled_from(["{}", '{"ddp":true}']),
    },
)
channel = st.fixed_dictionaries(
    {
        "TrainingInputMode": st.sampled_from(["File", "Pipe", "FastFile"]),
        "S3DistributionType": st.sampled_from(["FullyReplicated", "ShardedByS3Key"]),
        "RecordWrapperType": st.sampled_from(["None", "RecordIO"]),
    },
    optional={"ContentType": text},
)
channels = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9._-]{1,10}", fullmatch=True), channel, max_size=3
)
environs = st.fixed_dictionaries(
    {},
    optional={
        "SAGEMAKER_PROGRAM": st.sampled_from(["other.py", "", "tool"]),
        "SAGEMAKER_SUBMIT_DIRECTORY": st.just("/elsewhere"),
        "SAGEMAKER_TRAINING_MODULE": st.just("package.training:main"),
        "SAGEMAKER_CONTAINER_LOG_LEVEL": st.just("40"),
        "TRAINING_JOB_NAME": st.sampled_from(["job-x", ""]),
        "SM_HP_MP_PARAMETERS": st.sampled_from(["{}", "", '{"a":1}']),
        "SM_HOSTS": st.just("set by the user"),
        "CURRENT_HOST": st.just("set by the user"),
        "AWS_REGION": st.just("ap-south-1"),
        "AWS_DEFAULT_REGION": st.sampled_from(["eu-north-1", ""]),
    },
)


@st.composite
def resources(draw):
    """resourceconfig.json of 2020, of 2022 with groups, and of 2025 with a topology."""
    hosts = [f"algo-{number + 1}" for number in range(draw(st.integers(1, 4)))]
    document = {"current_host": draw(st.sampled_from(hosts)), "hosts": sorted(hosts)}
    generation = draw(st.sampled_from([2019, 2020, 2022, 2025]))
    if generation >= 2020:
        document["network_interface_name"] = draw(st.sampled_from(["eth0", "ethwe"]))
    if generation >= 2022:
        cut = draw(st.integers(0, len(hosts) - 1))
        parts = [hosts[cut:], hosts[:cut]] if cut else [hosts]
        group_names = ["g1", "g2"] if cut else ["homogeneousCluster"]
        kinds = ["ml.m5.large", "ml.trn2.48xlarge"]
        document["instance_groups"] = [
            {"instance_group_name": name, "instance_type": kind, "hosts": part}
            for name, kind, part in zip(group_names, kinds, parts, strict=False)
        ]
        own = next(i for i, part in enumerate(parts) if document["current_host"] in part)
        document["current_group_name"] = group_names[own]
        document["current_instance_type"] = kinds[own]
    if generation >= 2025:
        document["topology"] = draw(
            st.sampled_from([None, [], [{"hostName": "algo-1", "capacityUnitId": "u"}]])
        )
    return document


@st.composite
def configurations(draw, hyperparameter_names=names, hyperparameter_values=hyperparameter_values):
    user = draw(st.dictionaries(hyperparameter_names, hyperparameter_values, max_size=5))
    return {
        "hyperparameters": {**user, **draw(sagemaker_parameters)},
        "resourceconfig": draw(resources()),
        "inputdataconfig": draw(channels),
        "environ": draw(environs),
        "ascii": draw(st.booleans()),
    }


# --- the agreement ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    base = tmp_path_factory.mktemp("oracle")
    answering = Oracle(base)
    yield answering
    answering.close()


@oracle_installed
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(documents=configurations())
def test_variables_and_arguments_are_sagemaker_trainings(oracle, documents):
    write_tree(oracle.base, documents)
    expected = oracle.ask(documents["environ"])
    assert "error" not in expected
    assert ours(oracle.base, {**oracle.environ, **documents["environ"]}) == expected


@oracle_installed
def test_training_env_has_every_key(oracle):
    write_tree(
        oracle.base,
        {
            "hyperparameters": {},
            "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
            "inputdataconfig": {},
            "ascii": True,
        },
    )
    document = json.loads(ours(oracle.base, oracle.environ)["variables"]["SM_TRAINING_ENV"])
    assert len(document) == 37


DUMP = """#!{python}
import json, os, sys
with open(os.environ["DUMP"], "w") as file:
    json.dump({{"argv": sys.argv, "environ": dict(os.environ), "cwd": os.getcwd()}}, file)
"""
ENTRY_POINTS = ["train.py", "run.sh", "tool", "pkg/main.py"]
passable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
passable_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0="), max_size=12
).filter(lambda name: not name.startswith("sagemaker_"))


NEEDS_MORE = ("_enabled", "sagemaker_submit_directory", "sagemaker_s3_output")  # a cluster, S3


def runnable(documents):
    kept = {
        name: value
        for name, value in documents["hyperparameters"].items()
        if not name.endswith(NEEDS_MORE)
    }
    return {**documents, "hyperparameters": kept}


@pytest.mark.slow
@oracle_installed
@settings(
    max_examples=24,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    documents=configurations(passable_names, passable).map(runnable),
    program=st.sampled_from(ENTRY_POINTS),
)
def test_scripts_see_the_same_under_both(tmp_path_factory, documents, program):
    base = tmp_path_factory.mktemp("job")
    write_tree(base, documents)
    for name in ENTRY_POINTS:
        script = base / "code" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(DUMP.format(python=sys.executable))
    (base / "output").mkdir()
    environ = {
        **clean_environ(),
        **documents["environ"],
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_PROGRAM": program,
        "SM_STUDIO_LOCAL_MODE": "true",  # these hosts' names never resolve
        "DUMP": str(base / "dump.json"),
    }
    environ.pop("SAGEMAKER_TRAINING_MODULE", None)
    seen = []
    for launcher in ([sys.executable, "-m", "sagemaker_training.cli.train"],
                     [sys.executable, "-IS", str(TRAIN)]):  # fmt: skip
        result = subprocess.run(launcher, env=environ, capture_output=True, check=False, cwd="/")
        assert result.returncode == 0, result.stderr.decode(errors="replace")
        assert (base / "output" / "success").read_bytes() == b""
        document = json.loads((base / "dump.json").read_text())
        for name in [*DELIBERATE, "_", "PWD", "OLDPWD", "SHLVL"]:
            document["environ"].pop(name, None)
        seen.append(document)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, 3), ("", 0), ("-1", 0), ("void", 0), ("0", 1), ("0,2", 2), ("0,1,2,3,4", 3)],
)
def test_gpus_are_those_the_process_may_use(tmp_path, visible, expected):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf 'GPU 0: a\\n  MIG 1\\nGPU 1: b\\nGPU 2: c\\n'\n")
    tool.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    if visible is not None:
        environ["CUDA_VISIBLE_DEVICES"] = visible
    assert machine.inspect(environ, "local").num_gpus == expected


@pytest.mark.parametrize(
    ("answer", "expected"), [('[{"nc_count":2},{"nc_count":2}]', 4), ("error=none", 0), ("7", 0)]
)
def test_neuron_cores_are_counted(tmp_path, answer, expected):
    tool = tmp_path / "neuron-ls"
    tool.write_text(f"#!/bin/sh\necho '{answer}'\n")
    tool.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert machine.inspect(environ, "ml.trn1.2xlarge").num_neurons == expected


# --- JSON without the json package ------------------------------------------------------------


def same(left, right):
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return left == right and type(left) is type(right)


@given(values)
def test_dumps_is_jsons(value):
    assert jsontext.dumps(value) == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(text | values.map(json.dumps) | st.text(' \t\n[]{}",:0123456789.eE-+truefalsn\\u'))
@example("\ufeff1")
@example(" \xa0 1")
@example("1 2")
@example("")
@example("\\ud800")
@example('"\\ud800"')
def test_loads_is_jsons(document):
    try:
        expected = json.loads(document)
    except ValueError:
        with pytest.raises(ValueError):
            jsontext.loads(document)
    else:
        actual = jsontext.loads(document)
        assert same(actual, expected) or jsontext.dumps(actual) == jsontext.dumps(expected)


@pytest.mark.parametrize("document", ["[1,", '{"a": 1,}', '"open', '["\\x"]', "{1: 2}", "adam", ""])
def test_loads_refuses_what_json_refuses_before_json_is_imported(document):
    program = (
        f"import sys; sys.path.insert(0, {str(TRAIN.parents[1])!r})\n"
        "from sagelet_toolkit import jsontext\n"
        "assert 'json' not in sys.modules\n"
        "try: jsontext.loads(sys.argv[1])\n"
        "except ValueError: print('refused')\n"
    )
    command = [sys.executable, "-IS", "-c", program, document]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "refused\n", result.stderr
