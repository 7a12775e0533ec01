"""Our SM_* variables and arguments against sagemaker-training's own, for any configuration."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sagelet_toolkit import config, environment, jsontext, machine
from sagelet_toolkit.paths import Paths
from support.toolkit_oracle import (
    Oracle,
    clean_environ,
    configurations,
    text,
    values,
    write_tree,
)

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


def ours(base, environ):
    documents = config.read(Paths(str(base)))
    instance_type = documents.resources.get("current_instance_type", "local")
    here = machine.inspect(environ, instance_type)
    made = environment.Environment(documents, Paths(str(base)), here, environ)
    return {"variables": made.variables(), "arguments": made.arguments}


# --- the agreement ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    base = tmp_path_factory.mktemp("oracle")
    answering = Oracle(base, WORKER)
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
