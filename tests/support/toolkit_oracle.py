"""sagemaker-training as the other party, and configurations of jobs for both to read.

It runs in a worker process: it fixes its paths when imported and changes os.environ.
"""

import json
import os
import subprocess
import sys

from hypothesis import strategies as st


class Oracle:
    """A program that knows sagemaker-training; it answers line by line for the tree at `base`."""

    def __init__(self, base, program):
        self.base = base
        self.environ = {**clean_environ(), "SAGEMAKER_BASE_DIR": str(base)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
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
