"""What hosts use: two looks make a sample, samples are thinned, kept and found again."""

import os
import subprocess
import sys

import pytest

from sagelet.domain.metrics import Datum
from sagelet.domain.processing import PROCESSING
from sagelet.domain.training import TRAINING
from sagelet.domain.usage import (
    INSTANCE_METRICS,
    INTERVAL,
    LONGEST,
    Gpu,
    Reading,
    Sample,
    drawn,
    interval,
    sample,
)
from sagelet.execution import machine, trees
from sagelet.store.usage import Owner

REGION = "eu-west-1"
GIB = 1 << 30


def reading(taken, cpu, memory=GIB):
    return Reading("algo-1", taken, cpu, memory, 2.0, 4 * GIB)


def a_sample(host="algo-1", time=1.0, **more):
    members = {"cpu": 50.0, "cores": 2.0, "memory": GIB, "memory_limit": 4 * GIB, **more}
    return Sample(host, time, **members)


def test_two_looks_make_a_sample():
    found = sample(reading(10, 5.0), reading(12, 8.0, 2 * GIB), 99.0, 40.0, [])
    assert found == Sample("algo-1", 99.0, 150.0, 2.0, 2 * GIB, 4 * GIB, 40.0)


def test_gpus_are_summed():
    gpus = [Gpu(90, GIB, 4 * GIB), Gpu(60, 2 * GIB, 4 * GIB)]
    found = sample(reading(10, 5.0), reading(12, 8.0), 99.0, None, gpus)
    assert (found.gpu, found.gpus) == (150, 2)
    assert (found.gpu_memory, found.gpu_memory_limit) == (3 * GIB, 8 * GIB)
    assert INSTANCE_METRICS["GPUMemoryUtilization"](found) == 75.0  # 25 and 50


def test_cpu_time_that_was_lost_or_counted_late_makes_no_nonsense():
    assert sample(reading(10, 5.0), reading(12, 4.0), 99.0, None, []).cpu == 0
    assert sample(reading(10, 5.0), reading(12, 50.0), 99.0, None, []).cpu == 200
    assert sample(reading(10, 5.0), reading(10, 6.0), 99.0, None, []) is None


def test_metrics_are_percent_of_what_the_host_may_have():
    found = {name: of(a_sample(disk=30.0)) for name, of in INSTANCE_METRICS.items()}
    assert found == {
        "CPUUtilization": 50.0,
        "DiskUtilization": 30.0,
        "GPUMemoryUtilization": None,
        "GPUUtilization": None,
        "MemoryUtilization": 25.0,
    }


def test_long_jobs_are_looked_at_more_rarely_and_so_is_what_takes_long():
    assert interval(5, 0.001) == INTERVAL
    assert interval(10_000, 0.001) == 10
    assert interval(1e6, 0.001) == LONGEST
    assert interval(5, 1.0) == 20

    def looks(ran):
        count, at = 0, 0.0
        while at < ran:
            at += interval(at, 0.01)
            count += 1
        return count

    assert looks(3600) < 1700
    assert looks(86_400) < 5500


def test_each_host_keeps_its_extremes_when_few_pixels_are_left():
    found = [
        a_sample(host, float(at), cpu=peak if at == 500 else base, place=at)
        for at in range(1000)
        for host, base, peak in (("algo-1", 90.0, 99.0), ("algo-2", 10.0, 50.0))
    ]
    thin = drawn(found, 20)
    assert set(thin) == {"cpu", "memory"}  # nothing is known of GPUs
    assert len(thin["cpu"]) <= 2 * (2 * 20 + 2)
    assert max(point.value for point in thin["cpu"] if point.host == "algo-2") == 50.0
    assert [point.place for point in thin["cpu"]] == sorted(point.place for point in thin["cpu"])
    assert {point.host for point in thin["cpu"]} == {"algo-1", "algo-2"}


def test_samples_are_kept_by_job_with_their_places(ask, job_of):
    usage = ask.store.usage
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    owner = Owner(REGION, "TrainingJob", "j")
    usage.append({owner: [a_sample("algo-1"), a_sample("algo-2", disk=1.5)]})
    usage.append({owner: [a_sample("algo-2", 3.0, gpu=10.0, gpus=1)]})
    assert [(each.host, each.place) for each in usage.samples(TRAINING, "j")] == [
        ("algo-1", 0),
        ("algo-2", 0),
        ("algo-2", 1),
    ]
    assert usage.samples(TRAINING, "j", low=1)[0].gpu == 10.0
    assert usage.samples(TRAINING, "j", host="algo-1", until=1.0) == []
    assert [each.time for each in usage.samples(TRAINING, "j", since=2.0)] == [3.0]
    assert usage.samples(PROCESSING, "j") == []
    assert [(seen.host, seen.gpus) for seen in usage.hosts(TRAINING)] == [
        ("algo-1", 0),
        ("algo-2", 1),
    ]
    assert list(usage.hosts(TRAINING, since="k")) == []
    assert ask.store.in_region("us-east-1").usage.samples(TRAINING, "j") == []


def test_a_job_that_is_gone_gets_no_samples_and_leaves_none(ask, job_of):
    store = ask.store
    store.training_jobs.add(job_of(TrainingJobName="j"))
    owner = Owner(REGION, "TrainingJob", "j")
    store.usage.append({owner: [a_sample()]})
    store.training_jobs.delete("j")
    store.usage.append({owner: [a_sample()]})
    for table in ("usage_hosts", "usage_samples"):
        [count] = store.database.connection().execute(f"SELECT count(*) FROM {table}").fetchone()
        assert count == 0


def test_nothing_is_left_of_a_home_that_is_emptied(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    ask.store.usage.append({Owner(REGION, "TrainingJob", "j"): [a_sample()]})
    ask.store.database.wipe()
    assert list(ask.store.usage.hosts(TRAINING)) == []


def test_a_tree_of_processes_is_counted_whole():
    held = "held = b'x' * (64 << 20); sum(range(3_000_000))"
    child = f"import sys; {held}; print('ready', flush=True); sys.stdin.read()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        cpu, memory = trees.used(process.pid)
        assert cpu > 0
        assert 64 << 20 < memory < 1 << 30
        process.stdin.close()
        process.wait()
    assert trees.used(process.pid) is None


def test_pages_that_processes_share_count_once():
    script = """
import os, sys
held = b"x" * (200 << 20)
child = os.fork()
if child == 0:
    print("ready", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        _, memory = trees.used(process.pid)
        assert 200 << 20 < memory < 350 << 20
        process.stdin.close()


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ("0, GPU-a, 55, 1024, 81559", {"0", "GPU-a"}),
        ("0, GPU-a, [N/A], 1024, 81559", set()),
        ("", set()),
        ("Unable to determine the device handle", set()),
    ],
)
def test_gpus_are_what_the_driver_says(tmp_path, monkeypatch, answer, there):
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = machine.look_at_gpus()
    assert set(found) == there
    for gpu in found.values():
        assert gpu == Gpu(55.0, GIB, 81559 << 20)


def test_a_folder_that_is_gone_has_no_disk(tmp_path):
    assert 0 < machine.full(str(tmp_path)) <= 100
    assert machine.full(str(tmp_path / "nowhere")) is None


TRAINING_JOBS, PROCESSING_JOBS = "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"
START = 1_800_000_000.0


@pytest.fixture
def looked_at(ask, job_of, monkeypatch):
    """Two jobs that were looked at, one of them with a GPU and a script that prints metrics."""
    monkeypatch.setattr("sagelet.aws.services.cloudwatch.time.time", lambda: START + 3600)
    ask.store.training_jobs.add(job_of(TrainingJobName="one"))
    ask.store.training_jobs.add(job_of(TrainingJobName="two"))
    printed = [Datum("CPUUtilization", 1.0, START), Datum("a/b", 2.0, START)]
    ask.store.metrics.append("one", "algo-1", printed)
    gpu = {"gpu": 70.0, "gpus": 2, "gpu_memory": GIB, "gpu_memory_limit": 8 * GIB}
    for at, cpu in ((0, 20.0), (10, 40.0), (70, 90.0)):
        one = [a_sample(host, START + at, cpu=cpu, disk=5.0) for host in ("algo-1", "algo-10")]
        two = [a_sample("algo-1", START + at, **gpu)]
        found = {Owner(REGION, "TrainingJob", "one"): one, Owner(REGION, "TrainingJob", "two"): two}
        ask.store.usage.append(found)
    return ask


def statistics(ask, metric, host, namespace=TRAINING_JOBS, **more):
    request = {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": "Host", "Value": host}],
        "StartTime": START,
        "EndTime": START + 600,
        "Period": 60,
        "Statistics": ["Average", "Maximum"],
        **more,
    }
    return ask("cloudwatch", "GetMetricStatistics", **request)["Datapoints"]


def test_cloudwatch_has_what_hosts_use(looked_at):
    assert statistics(looked_at, "CPUUtilization", "one/algo-1") == [
        {"Timestamp": START, "Average": 30.0, "Maximum": 40.0, "Unit": "Percent"},
        {"Timestamp": START + 60, "Average": 90.0, "Maximum": 90.0, "Unit": "Percent"},
    ]
    [point, _] = statistics(looked_at, "MemoryUtilization", "two/algo-1", Unit="Percent")
    assert point["Average"] == 25.0
    [point, _] = statistics(looked_at, "GPUMemoryUtilization", "two/algo-1")
    assert point["Average"] == 25.0
    assert statistics(looked_at, "GPUUtilization", "one/algo-1") == []
    assert statistics(looked_at, "CPUUtilization", "one/algo-1", Unit="None") == []
    assert statistics(looked_at, "CPUUtilization", "one/algo-1", PROCESSING_JOBS) == []


def test_a_script_may_print_metrics_of_the_same_name(looked_at):
    job = [{"Name": "TrainingJobName", "Value": "one"}]
    [point] = statistics(looked_at, "CPUUtilization", "", Dimensions=job)
    assert (point["Average"], point["Unit"]) == (1.0, "None")
    assert [datum.name for datum in looked_at.store.metrics.final("one")] == [
        "CPUUtilization",
        "a/b",
    ]
    assert looked_at.store.metrics.final("two") == []


def listed(ask, **request):
    found, token = [], {}
    while True:
        page = ask("cloudwatch", "ListMetrics", **request, **token)
        found += [(m["Dimensions"][0]["Value"], m["MetricName"]) for m in page["Metrics"]]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


@pytest.mark.parametrize("page", [1, 3, 500])
def test_metrics_of_hosts_are_listed_behind_those_of_jobs(looked_at, monkeypatch, page):
    monkeypatch.setattr("sagelet.aws.services.cloudwatch._PAGE", page)
    usual = ["CPUUtilization", "DiskUtilization", "MemoryUtilization"]
    printed = [("one", "CPUUtilization"), ("one", "a/b")]
    of_one = [(host, name) for host in ("one/algo-1", "one/algo-10") for name in usual]
    of_two = [("two/algo-1", name) for name in sorted(INSTANCE_METRICS)]
    assert listed(looked_at) == printed + of_one + of_two
    assert listed(looked_at, Dimensions=[{"Name": "Host"}]) == of_one + of_two
    host = [{"Name": "Host", "Value": "one/algo-10"}]
    assert listed(looked_at, Dimensions=host) == of_one[3:]
    assert listed(looked_at, MetricName="GPUUtilization") == [("two/algo-1", "GPUUtilization")]
    assert listed(looked_at, Namespace=PROCESSING_JOBS) == []
    assert listed(looked_at, RecentlyActive="PT3H", Dimensions=host) == of_one[3:]
