"""What hosts use of the machine, on every way to run them: seen, kept, forgotten with their job."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelet.domain.training import TRAINING
from sagelet.domain.usage import Sample
from support.cli import sagelet, wait_until
from support.pages import WHERE, clients
from support.plane import Plane, check_nothing_is_left, plane_on
from support.serve import Plane as Serving

MIB = 1 << 20

#: Holds 100 MiB and is busy until it is told to end: in four processes, which get their part of a
#: machine that has other things to do, and have their memory in common.
BUSY = """
import os, pathlib
held = b"x" * (100 << 20)
end = pathlib.Path(os.environ["SM_OUTPUT_DIR"], "end")
os.fork()
os.fork()
while not end.exists():
    sum(range(10_000))
"""

#: Unlike other jobs here: it is to use what there is.
FREELY = {"cpus": "1", "memory": "1g"}


@pytest.fixture(params=["process", "paths", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = plane_on(request, home, tmp_path / "code")
    yield plane
    plane.close()


@pytest.fixture
def process(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    request.param = "process"
    plane = plane_on(request, home, tmp_path / "code")
    yield plane
    plane.close()


def samples(plane: Plane, name: str, host: str | None = None) -> list[Sample]:
    return plane.store.usage.samples(TRAINING, name, host=host)


def let_end(plane: Plane, name: str) -> None:
    """Tell each host of a job to end, and see that it does."""
    for host in plane.folder(name).glob("algo-*"):
        (host / "ml" / "output" / "end").touch()
    (job,) = plane.wait_over(name)
    assert job.life.secondary == "Completed"


def test_a_busy_host_is_seen_to_be_busy(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("busy", BUSY, options=FREELY))

    def busy() -> bool:
        return any(each.cpu > 50 and each.memory > 100 * MIB for each in samples(plane, "busy"))

    plane.wait(busy, "a sample of a busy host")
    let_end(plane, "busy")
    kept = samples(plane, "busy")
    assert [each.place for each in kept] == list(range(len(kept)))
    for each in kept:
        assert 0 <= each.cpu <= 100 * each.cores
        assert 0 < each.memory < 400 * MIB
        assert 0 < (each.disk or 0) <= 100
        assert each.gpus == 0
        assert each.gpu is None
    if plane.backend == "docker":
        assert kept[-1].cores == 1
        assert kept[-1].memory_limit == 1 << 30
    check_nothing_is_left(plane)


def test_another_process_goes_on_looking(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("busy", BUSY, hosts=2, options=FREELY))
    plane.wait(lambda: {"algo-1", "algo-2"} <= seen(plane, "busy"), "a sample of each host")
    plane.die()
    before = len(samples(plane, "busy", "algo-2"))
    plane.start()
    plane.wait(lambda: len(samples(plane, "busy", "algo-2")) > before, "another sample")
    let_end(plane, "busy")
    places = [each.place for each in samples(plane, "busy", "algo-1")]
    assert len(places) > 1
    assert places == sorted(set(places))


def seen(plane: Plane, name: str) -> set[str]:
    return {each.host for each in samples(plane, name)}


def test_samples_go_with_their_job(process: Plane) -> None:
    plane = process
    plane.start()
    plane.submit(plane.request("busy", BUSY))
    plane.wait(lambda: bool(samples(plane, "busy")), "a sample")
    let_end(plane, "busy")
    assert plane.job("busy").life.over
    assert samples(plane, "busy")
    plane.delete("busy")
    assert samples(plane, "busy") == []
    assert list(plane.store.usage.hosts(TRAINING)) == []


def test_boto3_reads_them_as_cloudwatch_has_them(tmp_path: Path) -> None:
    """Of a training job and of a processing job, each with its namespace."""
    (tmp_path / "wait.py").write_text(
        "import os, pathlib, time\n"
        "while not pathlib.Path(os.environ['UNTIL']).exists():\n    time.sleep(0.02)\n"
    )
    plane = Serving(tmp_path, environ={"SAGELET_BACKEND": "process"})
    try:
        for verb in ("train", "process"):
            done = sagelet(
                *(verb, str(tmp_path / "wait.py"), *WHERE, "--name", "watched", "--detach"),
                *("--env", f"UNTIL={tmp_path / 'end'}"),
                env=plane.environ,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        cloudwatch, sagemaker = clients(plane, "cloudwatch", "sagemaker")
        dimensions = [{"Name": "Host", "Value": "watched/algo-1"}]
        for kind in ("TrainingJobs", "ProcessingJobs"):
            of = {"Namespace": f"/aws/sagemaker/{kind}", "Dimensions": dimensions}

            def names(of: Any = of) -> set[str]:
                return {each["MetricName"] for each in cloudwatch.list_metrics(**of)["Metrics"]}

            wait_until(lambda: bool(names()), f"metrics of {kind}")
            assert names() == {"CPUUtilization", "DiskUtilization", "MemoryUtilization"}
            when = {"StartTime": time.time() - 600, "EndTime": time.time() + 60}
            points = cloudwatch.get_metric_statistics(
                **of, **when, MetricName="MemoryUtilization", Period=60, Statistics=["Maximum"]
            )["Datapoints"]
            assert {each["Unit"] for each in points} == {"Percent"}
            assert all(0 < each["Maximum"] < 100 for each in points)
            query = {"Metric": {**of, "MetricName": "CPUUtilization"}, "Period": 60, "Stat": "p50"}
            [result] = cloudwatch.get_metric_data(
                **when, MetricDataQueries=[{"Id": "cpu", "MetricStat": query}]
            )["MetricDataResults"]
            assert result["Values"]
        (tmp_path / "end").touch()
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName="watched", WaiterConfig={"Delay": 1}
        )
        job = sagemaker.describe_training_job(TrainingJobName="watched")
        assert job["FinalMetricDataList"] == []  # they are none of its own
    finally:
        plane.stop()


def test_the_gpus_of_a_host_are_looked_at(
    process: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's program is all that is asked: this one knows two devices, both busy."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "nvidia-smi").write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "--list-gpus) echo 'GPU 0: A'; echo 'GPU 1: B';;\n"
        "--query-gpu=*) echo '0, GPU-a, 90, 1000, 2000'; echo '1, GPU-b, 70, 500, 2000';;\n"
        "esac\n"
    )
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    plane = process
    plane.start()
    plane.submit(plane.request("busy", BUSY, options={"gpus": "2"}))
    plane.wait(lambda: bool(samples(plane, "busy")), "a sample")
    let_end(plane, "busy")
    first = samples(plane, "busy")[0]
    assert (first.gpus, first.gpu) == (2, 160.0)
    assert (first.gpu_memory, first.gpu_memory_limit) == (1500 * MIB, 4000 * MIB)
