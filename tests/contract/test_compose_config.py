"""docker compose itself reads what we write, and means by it what we meant."""

import json
import os
import subprocess

import pytest

from sagelet.domain.compose import Place, compose_text
from sagelet.domain.hosts import plan
from sagelet.domain.lifecycle import begin
from sagelet.domain.training import TrainingJob
from support.compose import missing

pytestmark = pytest.mark.skipif(
    bool(missing()) and os.environ.get("CI") != "true", reason="needs docker compose"
)

HOSTILE = (
    '$HOME ${X:-y} $$ it\'s "quoted" \\ a: b # c\n- yes\ttab é数😀\x85\u2028\ufeff {a: 1} '
    + "x" * 90
)


def config(text, folder, *options, **environ):
    """The document as compose understands it."""
    (folder / "compose.yaml").write_text(text)
    done = subprocess.run(
        ["docker", "compose", "config", "--format", "json", *options],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def job_of(**members):
    request = {
        "TrainingJobName": "digits",
        "AlgorithmSpecification": {"TrainingImage": "mine:1"},
        "OutputDataConfig": {"S3OutputPath": "file:///out"},
        "ResourceConfig": {"InstanceCount": 2},
        **members,
    }
    return TrainingJob(request, "123456789012", "eu-west-1", 100.0, begin(100.0))


def text_of(job, folder, **sources):
    place = Place(folder=str(folder), image="mine:1", cpus=4.0, memory=8 << 30)
    return compose_text(plan(job, f"{folder}/job", sources, "/c"), place)


def test_hostile_values_mean_themselves(tmp_path):
    job = job_of(
        Environment={"E": HOSTILE, "EMPTY": "", "YES": "yes", "ONE": "1"},
        HyperParameters={"h": HOSTILE},
        AlgorithmSpecification={
            "TrainingImage": "mine:1",
            "ContainerEntrypoint": ["/bin/x", HOSTILE],
            "ContainerArguments": ["-y", HOSTILE],
        },
    )
    understood = config(text_of(job, tmp_path, training="/d"), tmp_path)
    job_plan = plan(job, f"{tmp_path}/job", {}, None)
    for host in job_plan.hosts:
        service = understood["services"][host.name]

        def plain(text):  # compose prints a document of its own, with the dollars doubled again
            return text.replace("$$", "$")

        wanted = {k: v for k, v in host.environment.items() if k != "HOSTNAME"}
        assert {k: plain(v) for k, v in service["environment"].items()} == wanted
        assert [plain(word) for word in service["entrypoint"]] == list(host.entrypoint)
        assert [plain(word) for word in service["command"]] == list(host.command)
        given = {
            entry["target"].rpartition("/")[2]: plain(
                understood["configs"][entry["source"]]["content"]
            ).encode()
            for entry in service["configs"]
        }
        assert given == host.files


def test_sixteen_hosts_with_limits_gpus_channels_and_isolation(tmp_path):
    source = {"S3DataType": "S3Prefix", "S3Uri": "file:///d"}
    job = job_of(
        ResourceConfig={"InstanceCount": 16, "InstanceType": "ml.m5.xlarge"},
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
        CheckpointConfig={"S3Uri": "file:///c"},
        EnableNetworkIsolation=True,
        Tags=[{"Key": "sagelet:simulate", "Value": "on"}, {"Key": "sagelet:gpus", "Value": "1"}],
    )
    understood = config(text_of(job, tmp_path, training="/a,b:c $d"), tmp_path)
    assert len(understood["services"]) == 16 + 3
    service = understood["services"]["algo-16"]
    assert service["mem_limit"] == str(16 << 30)
    assert service["cpus"] == 4
    assert service["stop_grace_period"] == "2m0s"
    assert service["networks"]["hosts"]["ipv4_address"].endswith(".17")
    assert understood["networks"]["hosts"]["internal"] is True
    options = understood["volumes"]["algo-16-training"]["driver_opts"]["o"]
    assert options.startswith(f"lowerdir={tmp_path}/job/links/training:/a\\,b\\:c $$d,")


def test_addresses_can_be_chosen(tmp_path):
    understood = config(text_of(job_of(), tmp_path), tmp_path, SUBNET="10.9.8")
    service = understood["services"]["algo-2"]
    assert understood["networks"]["hosts"]["ipam"]["config"] == [{"subnet": "10.9.8.0/24"}]
    assert service["networks"]["hosts"]["ipv4_address"] == "10.9.8.3"
    assert service["extra_hosts"] == ["algo-1=10.9.8.2", "algo-2=10.9.8.3"]
