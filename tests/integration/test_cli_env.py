"""``sagelet env``: real shells evaluate it, real botocore reads it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import COMMAND, read_until, sagelet, serving, start

ENV = " ".join(COMMAND) + " env"


@pytest.fixture
def url(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in list(os.environ):
        if name.startswith(("AWS_", "SAGELET_SAVED_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    with serving() as (_, url):
        yield url


def shell(script: str, *, program: str = "sh", **environ: str) -> str:
    done = subprocess.run(
        [program, "-c", script], capture_output=True, text=True, check=False,
        env={**os.environ, **environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def variables(script: str, **environ: str) -> dict[str, str]:
    """The environment that a shell has after ``script``."""
    show = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    found: dict[str, str] = json.loads(shell(f"{script}\n{show}", **environ))
    changing = {"_", "SHLVL", "PWD", "OLDPWD"}
    return {key: value for key, value in found.items() if key not in changing}


def test_without_a_control_plane_it_says_what_to_start(home: Path) -> None:
    done = sagelet("env")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no control plane runs" in done.stderr
    assert "`sagelet serve`" in done.stderr
    assert not (home / "control.sock").exists(), "none is started"


def test_the_control_plane_of_a_call_is_none_to_stay_with(home: Path, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import time; print('ready', flush=True); time.sleep(60)")
    running = start(
        "train", str(tmp_path / "train.py"), "--backend", "process", "--python", sys.executable
    )
    read_until(running, "| ready")
    done = sagelet("env")
    running.terminate()
    running.communicate(timeout=60)
    assert done.returncode == 2
    assert "no control plane runs" in done.stderr


@pytest.mark.parametrize("quotes", ['"', ""])
def test_a_shell_goes_there(url: str, home: Path, quotes: str) -> None:
    found = variables(f"eval {quotes}$({ENV}){quotes}", AWS_PROFILE="mine", AWS_SESSION_TOKEN="x")
    assert found["AWS_ENDPOINT_URL"] == url
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert found["SAGEMAKER_ROLE"] == found["SAGELET_ROLE_ARN"]
    assert found["SAGELET_ROLE_ARN"] == "arn:aws:iam::123456789012:role/sagelet"
    assert found["HTTPS_PROXY"] == url
    assert found["AWS_CA_BUNDLE"] == str(home / "tls" / "ca-bundle.pem")
    assert Path(found["AWS_CA_BUNDLE"]).exists()
    assert found["NO_PROXY"] == "localhost,127.0.0.1"
    assert found["AWS_EC2_METADATA_DISABLED"] == "true"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(found)


def test_twice_is_once_and_unset_is_never(url: str) -> None:
    before = {
        "HTTPS_PROXY": "http://corp:3128",
        "https_proxy": "http://corp:3129",
        "no_proxy": "intern,localhost",
        "AWS_PROFILE": "it's mine",
        "AWS_ENDPOINT_URL_S3": "http://elsewhere",
        "AWS_REGION": "eu-west-1",
    }
    once = variables(f'eval "$({ENV})"', **before)
    assert once["HTTPS_PROXY"] == once["https_proxy"] == url
    assert once["no_proxy"] == "intern,localhost,127.0.0.1"
    assert once["AWS_REGION"] == "eu-west-1"
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3"} & set(once)
    assert variables(f'eval "$({ENV})"\neval "$({ENV})"', **before) == once
    undone = variables(f'eval "$({ENV})"\neval "$({ENV})"\neval "$({ENV} --unset)"', **before)
    assert undone == variables(":", **before)
    assert sagelet("env", "--unset").stdout == "# nothing to undo\n"


def test_the_region_may_change_afterwards(url: str) -> None:
    script = f'eval "$({ENV})"\nexport AWS_REGION=eu-west-1\neval "$({ENV})"'
    found = variables(script)
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_no_proxy_writes_a_configuration_for_the_sdk(url: str, home: Path) -> None:
    given = json.loads(sagelet("env", "--no-proxy", "--format", "json").stdout)
    assert not {"HTTPS_PROXY", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"} & set(given)
    text = Path(given["SAGEMAKER_USER_CONFIG_OVERRIDE"]).read_text()
    assert "DefaultS3Bucket: sagemaker-us-east-1-123456789012\n" in text
    assert "TelemetryOptOut: true\n" in text
    assert [path.name for path in home.glob(".sdk-*")] == []


def test_other_forms_say_the_same(url: str) -> None:
    document = json.loads(sagelet("env", "--format", "json").stdout)
    lines = sagelet("env", "--format", "dotenv").stdout.splitlines()
    pairs = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert {key: json.loads(value) for key, value in pairs.items()} == document
    fish = sagelet("env", "--format", "fish").stdout
    assert f"set -gx AWS_ENDPOINT_URL '{url}';\n" in fish


def test_boto3_comes_here_with_nothing_but_it(url: str) -> None:
    program = "import boto3; print(boto3.client('sagemaker').list_training_jobs())"
    said = shell(
        f'eval "$({ENV})"\n{sys.executable} -c "{program}"',
        AWS_PROFILE="of-someone", AWS_ENDPOINT_URL_SAGEMAKER="http://127.0.0.1:9",
    )  # fmt: skip
    assert "'TrainingJobSummaries': []" in said


def test_an_s3_elsewhere_keeps_the_credentials_it_checks(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGELET_S3_ENDPOINT_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "minio")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "minio-secret")
    with serving():
        found = variables(f'eval "$({ENV})"')
    assert found["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9000"
    assert found["AWS_ACCESS_KEY_ID"] == "minio"
