"""The plan of a job: what runs on each host, with which folders and limits."""

import json
from dataclasses import replace

import pytest

from sagelet.domain.hosts import Access, Mount, Pipe, plan


def hosts_of(job, sources=None, checkpoints=None):
    return plan(job, "/jobs/j", sources or {}, checkpoints).hosts


def first(job, sources=None, checkpoints=None):
    return hosts_of(job, sources, checkpoints)[0]


@pytest.mark.parametrize(
    ("entrypoint", "arguments", "runs"),
    [
        (None, None, (None, ("train",))),
        (["/e", "-x"], None, (("/e", "-x"), ())),
        (None, ["a", "b"], (None, ("a", "b"))),
        (["/e"], ["a"], (("/e",), ("a",))),
    ],
)
def test_entrypoint_and_command(job_of, entrypoint, arguments, runs):
    members = {"ContainerEntrypoint": entrypoint, "ContainerArguments": arguments}
    host = first(job_of(AlgorithmSpecification={"TrainingImage": "mine:1", **members}))
    assert (host.entrypoint, host.command) == runs


def test_folders_of_a_host(job_of, channel_of):
    job = job_of(InputDataConfig=[channel_of("training")])
    assert first(job, {"training": "/data", "": "/code"}).mounts == (
        Mount("/jobs/j/algo-1/ml/checkpoints", "/opt/ml/checkpoints"),
        Mount("/code", "/opt/ml/code", Access.COPY_ON_WRITE, "/jobs/j/algo-1/scratch/code"),
        Mount("/jobs/j/algo-1/ml/input", "/opt/ml/input"),
        Mount(
            "/data",
            "/opt/ml/input/data/training",
            Access.COPY_ON_WRITE,
            "/jobs/j/algo-1/scratch/channels/training",
            "/jobs/j/links/training",
        ),
        Mount("/jobs/j/algo-1/ml/model", "/opt/ml/model"),
        Mount("/jobs/j/algo-1/ml/output", "/opt/ml/output"),
    )


def test_a_folder_is_mounted_before_what_lies_in_it(job_of, channel_of):
    names = ["input", "a", "z-1", "z", "data.0"]
    job = job_of(
        InputDataConfig=[channel_of(name) for name in names],
        CheckpointConfig={"S3Uri": "file:///c", "LocalPath": "/opt/ml/checkpoints/deep"},
    )
    targets = [m.target for m in first(job, dict.fromkeys(names, "/data"), "/c").mounts]
    assert len(set(targets)) == len(targets)
    for index, target in enumerate(targets):
        assert not [t for t in targets[:index] if t.startswith(target + "/")]


def test_hosts_share_inputs_but_no_scratch(job_of, channel_of):
    job = job_of(InputDataConfig=[channel_of("a")], ResourceConfig={"InstanceCount": 2})
    one, two = hosts_of(job, {"a": "/data"})
    assert (one.name, two.name) == ("algo-1", "algo-2")
    assert {m.source for m in one.mounts} & {m.source for m in two.mounts} == {"/data"}
    assert not {m.scratch for m in one.mounts if m.scratch} & {m.scratch for m in two.mounts}


def data_mounts(host):
    return [mount for mount in host.mounts if mount.target.startswith("/opt/ml/input/data/")]


def test_a_fast_file_channel_cannot_be_written_to(job_of, channel_of):
    job = job_of(InputDataConfig=[channel_of("a", InputMode="FastFile")])
    assert data_mounts(first(job, {"a": "/data"})) == [
        Mount("/data", "/opt/ml/input/data/a", Access.READ_ONLY, over="/jobs/j/links/a")
    ]
    channels = [channel_of("a", "s3://b/d", InputMode="FastFile")]
    assert data_mounts(first(job_of(InputDataConfig=channels), {"a": "/made"})) == [
        Mount("/made", "/opt/ml/input/data/a", Access.READ_ONLY, shared=True)
    ]


def sharded(channel_of, name="a", groups=(), **members):
    source = {"S3DataDistributionType": "ShardedByS3Key", "InstanceGroupNames": groups}
    return channel_of(name, source=source, **members)


def test_hosts_have_shards_of_their_own(job_of, channel_of):
    job = job_of(InputDataConfig=[sharded(channel_of)], ResourceConfig={"InstanceCount": 2})
    for host in hosts_of(job, {"a": "/data"}):
        assert data_mounts(host) == [
            Mount(
                f"/jobs/j/shards/{host.name}/a",
                "/opt/ml/input/data/a",
                Access.COPY_ON_WRITE,
                f"/jobs/j/{host.name}/scratch/channels/a",
                shared=True,
            )
        ]


def test_one_host_has_the_whole_of_a_sharded_channel(job_of, channel_of):
    job = job_of(InputDataConfig=[sharded(channel_of)])
    assert [mount.source for mount in data_mounts(first(job, {"a": "/data"}))] == ["/data"]


def test_pipes_take_the_place_of_a_folder(job_of, channel_of):
    members = {
        "InputMode": "Pipe",
        "CompressionType": "Gzip",
        "RecordWrapperType": "RecordIO",
        "ShuffleConfig": {"Seed": 0},
    }
    channels = [sharded(channel_of, **members), channel_of("b", InputMode="Pipe")]
    job = job_of(InputDataConfig=channels, ResourceConfig={"InstanceCount": 3})
    for number, host in enumerate(hosts_of(job)):
        assert data_mounts(host) == []
        assert host.pipes == (
            Pipe("a", "/jobs/j/pipes/a/index", number, 3, 0, gzipped=True, wrapped=True),
            Pipe("b", "/jobs/j/pipes/b/index"),
        )


def group(name, count):
    return {"InstanceGroupName": name, "InstanceType": "ml.m5.large", "InstanceCount": count}


def test_only_the_hosts_of_its_groups_get_a_channel(job_of, channel_of):
    groups = ["three", "one"]
    channels = [
        channel_of("all"),
        sharded(channel_of, "some", groups),
        sharded(channel_of, "piped", groups, InputMode="Pipe"),
    ]
    resources = {"InstanceGroups": [group("one", 1), group("two", 2), group("three", 1)]}
    job = job_of(InputDataConfig=channels, ResourceConfig=resources)
    hosts = hosts_of(job, {"all": "/data", "some": "/data"})
    there = [[mount.target.rpartition("/")[2] for mount in data_mounts(host)] for host in hosts]
    assert there == [["all", "some"], ["all"], ["all"], ["all", "some"]]
    shares = [[(pipe.number, pipe.hosts) for pipe in host.pipes] for host in hosts]
    assert shares == [[(0, 2)], [], [], [(1, 2)]]
    for host, names in zip(hosts, there, strict=True):
        config = json.loads(host.files["inputdataconfig.json"])
        assert sorted(config) == sorted([*names, *(pipe.channel for pipe in host.pipes)])


@pytest.mark.parametrize("path", ["/opt/ml/checkpoints", "/opt/ml/checkpoints/"])
def test_checkpoints_at_their_usual_place_are_mounted_once(job_of, path):
    job = job_of(CheckpointConfig={"S3Uri": "file:///c", "LocalPath": path})
    mounts = [m for m in first(job, {}, "/c").mounts if m.target == "/opt/ml/checkpoints"]
    assert mounts == [Mount("/c", "/opt/ml/checkpoints")]


def test_checkpoints_elsewhere_leave_the_usual_folder_there(job_of):
    job = job_of(CheckpointConfig={"S3Uri": "file:///c", "LocalPath": "/mine"})
    mounts = {m.target: m.source for m in first(job, {}, "/c").mounts}
    assert mounts["/mine"] == "/c"
    assert mounts["/opt/ml/checkpoints"] == "/jobs/j/algo-1/ml/checkpoints"


def simulated(job, **members):
    return replace(job, simulate=True, **members)


def test_limits_come_from_a_simulated_instance_type(job_of):
    job = job_of(ResourceConfig={"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1})
    host = first(simulated(job))
    assert (host.cpus, host.memory, host.gpus, host.shm) == (4.0, 16 << 30, (), None)
    host = first(job)
    assert (host.cpus, host.memory) == (None, None)


@pytest.mark.parametrize(("option", "cpus"), [("on", 4.0), ("off", None)])
def test_a_job_s_own_wish_about_simulation_wins(job_of, option, cpus):
    job = job_of(
        ResourceConfig={"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1},
        Tags=[{"Key": "sagelet:simulate", "Value": option}],
    )
    assert first(replace(job, simulate=option == "off")).cpus == cpus


def test_each_host_sees_the_gpus_it_was_given(job_of):
    job = replace(job_of(ResourceConfig={"InstanceCount": 2}), devices=(("0", "2"), ()))
    assert [host.gpus for host in hosts_of(job)] == [("0", "2"), ()]


def test_options_win_over_the_instance_type(job_of):
    tags = {"cpus": "1.5", "memory": "1g", "gpus": "0", "shm": "64m"}
    job = job_of(
        ResourceConfig={"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1},
        Tags=[{"Key": f"sagelet:{k}", "Value": v} for k, v in tags.items()],
    )
    for host in (first(job), first(simulated(job))):
        assert (host.cpus, host.memory, host.gpus, host.shm) == (1.5, 1 << 30, (), 64 << 20)


def test_this_machine_has_no_limits(job_of):
    host = first(job_of())
    assert (host.cpus, host.memory, host.gpus) == (None, None, ())


def test_each_group_s_hosts_have_that_group_s_limits(job_of):
    groups = [
        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "b", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    ]
    one, two = hosts_of(simulated(job_of(ResourceConfig={"InstanceGroups": groups})))
    assert (one.cpus, two.cpus) == (2.0, 4.0)


def test_a_framework_s_variables_yield_to_the_request_s(job_of):
    algorithm = {"TrainingImage": "tensorflow-training:2.1.0-cpu-py3"}
    plain = first(job_of(AlgorithmSpecification=algorithm)).environment
    own = first(
        job_of(AlgorithmSpecification=algorithm, Environment={"TF_USE_LEGACY_KERAS": "0"})
    ).environment
    assert (plain["TF_USE_LEGACY_KERAS"], own["TF_USE_LEGACY_KERAS"]) == ("1", "0")


def test_what_hosts_share(job_of):
    job = job_of(
        EnableNetworkIsolation=True,
        Tags=[{"Key": "sagelet:grace", "Value": "3"}, {"Key": "sagelet:python", "Value": "/p"}],
    )
    shared = plan(job, "/jobs/j", {}, None)
    assert (shared.job, shared.image, shared.framework) == (job.name, "mine:1", None)
    assert (shared.isolated, shared.grace, shared.python) == (True, 3.0, "/p")


def test_config_files_come_with_the_host(job_of):
    assert "resourceconfig.json" in first(job_of()).files
