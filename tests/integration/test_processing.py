"""Processing jobs, with and without Docker: what goes in, what comes out, how they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.buckets import fill, read
from support.plane import Plane, Refused, left_behind, left_in_docker
from support.processing import KIND, Processor, files, source, target

#: Tells what it sees, changes its input, and writes an output.
GOOD = """
import json, os, sys
place = "/opt/ml/processing"
for name in ("processingjobconfig", "resourceconfig"):
    print(name, json.dumps(json.load(open(f"/opt/ml/config/{name}.json"))))
print("sees", sorted(os.listdir(place + "/input")))
print("argv", sys.argv[1:], os.environ["MINE"])
text = open(place + "/input/a.txt").read()
open(place + "/input/a.txt", "a").write(" changed inside")
os.makedirs(place + "/train/deep")
open(place + "/train/deep/b.txt", "w").write(text * 2)
os.symlink("/etc/passwd", place + "/train/link")
open("/opt/ml/output/message", "w").write("all is well")
"""


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def processor(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Processor]:
    plane = Plane(home, tmp_path / "code")
    if request.param == "docker":
        plane.backend, plane.image = "docker", request.getfixturevalue("image")
    plane.start()
    yield Processor(plane)
    plane.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    return folder


def line(log: str, word: str) -> str:
    return next(each.removeprefix(f"{word} ") for each in log.splitlines() if each.startswith(word))


def test_a_job_completes_and_leaves_its_outputs(
    processor: Processor, data: Path, tmp_path: Path
) -> None:
    """An input may hold another one's folder, as the SDK puts the code into /input/code."""
    request = processor.request(
        "job", GOOD, inputs=(source(data, "input"),), outputs=(target(tmp_path / "out", "train"),)
    )
    request["AppSpecification"]["ContainerArguments"] = ["--ratio", "0.2"]
    request["Environment"]["MINE"] = "1"
    processor.plane.submit(request, kind=KIND)
    job = processor.wait_over("job")
    assert (job.life.primary, job.life.failure_reason) == ("Completed", None), processor.log("job")
    assert job.exit_message == "all is well"
    assert files(tmp_path / "out") == {"deep/b.txt": "oneone"}
    assert files(data) == {"a.txt": "one"}
    log = processor.log("job")
    assert "sees ['a.txt', 'code']" in log
    assert "argv ['--ratio', '0.2'] 1" in log
    assert json.loads(line(log, "resourceconfig")) == {
        "current_host": "algo-1",
        "hosts": ["algo-1"],
    }
    config = json.loads(line(log, "processingjobconfig"))
    assert config["ProcessingJobArn"].endswith(":processing-job/job")
    assert config["ProcessingInputs"][0]["S3Input"]["S3InputMode"] == "File"
    assert left_behind(processor.plane.home) == []
    if processor.plane.backend == "docker":
        assert left_in_docker(processor.plane.home) == []


def test_objects_are_dealt_to_hosts_whose_outputs_are_merged(
    processor: Processor, tmp_path: Path
) -> None:
    script = """
import json, os, socket
place = "/opt/ml/processing"
host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
for name in os.listdir(place + "/part"):
    text = open(f"{place}/part/{name}").read()
    open(f"{place}/out/{name}", "w").write(f"{host} {text}")
print("all", sorted(os.listdir(place + "/whole")), sorted(os.listdir(place + "/part")))
open("/opt/ml/output/message", "w").write(host + ";")
"""
    store = processor.plane.store
    fill(store, "data", {f"d/{n}": str(n).encode() for n in range(4)}, tmp_path)
    fill(store, "results", {}, tmp_path)
    job = processor.run(
        "job",
        script,
        hosts=2,
        inputs=(
            source("s3://data/d", "part", S3DataDistributionType="ShardedByS3Key"),
            source("s3://data/d", "whole"),
        ),
        outputs=(target("s3://results/made", "out"),),
    )
    assert job.life.primary == "Completed", job.life.failure_reason
    found = [read(store, "results", f"made/{n}", tmp_path) or b"" for n in range(4)]
    assert [text.split()[1] for text in found] == [b"0", b"1", b"2", b"3"]
    assert {text.split()[0] for text in found} == {b"algo-1", b"algo-2"}
    assert job.exit_message == "algo-1;algo-2;"
    for host in ("algo-1", "algo-2"):
        assert "all ['0', '1', '2', '3']" in processor.log("job", host)


def test_a_streamed_input_is_read_from_pipes(processor: Processor, tmp_path: Path) -> None:
    script = """
for epoch in range(2):
    print("epoch", open(f"/opt/ml/processing/input/data_{epoch}").read())
"""
    store = processor.plane.store
    fill(store, "data", {"d/1": b"one ", "d/2": b"two"}, tmp_path)
    job = processor.run(
        "job", script, inputs=(source("s3://data/d", "input/data", S3InputMode="Pipe"),)
    )
    assert job.life.primary == "Completed", job.life.failure_reason
    assert processor.log("job").count("epoch one two") == 2


def test_continuous_outputs_come_while_the_job_runs(processor: Processor, tmp_path: Path) -> None:
    script = """
import os, time
open("/opt/ml/processing/out/first", "w").write("1")
while not os.path.exists("/opt/ml/processing/go"):
    time.sleep(0.05)
open("/opt/ml/processing/out/second", "w").write("2")
"""
    outputs = (
        target(tmp_path / "out", "out", "Continuous"),
        target(tmp_path / "end", "end"),
    )
    processor.submit("job", script, outputs=outputs)
    processor.plane.wait((tmp_path / "out" / "first").exists, "the first file")
    job = processor.job("job")
    assert not job.life.over
    (processor.plane.folder(job.key) / "algo-1" / "ml" / "processing" / "go").touch()
    assert processor.wait_over("job").life.primary == "Completed"
    assert files(tmp_path / "out") == {"first": "1", "second": "2"}


def test_a_failed_job_says_why_and_leaves_what_it_wrote(
    processor: Processor, tmp_path: Path
) -> None:
    script = """
import sys
open("/opt/ml/processing/out/half", "w").write("x")
open("/opt/ml/output/message", "w").write("no such column")
sys.exit(3)
"""
    job = processor.run("job", script, outputs=(target(tmp_path / "out", "out"),))
    assert job.life.primary == "Failed"
    assert job.life.failure_reason == "AlgorithmError: no such column, exit code: 3"
    assert job.exit_message == "no such column"
    assert files(tmp_path / "out") == {"half": "x"}
    job = processor.run("silent", "raise SystemExit(4)")
    assert job.life.failure_reason == (
        "AlgorithmError: See job logs for more information, exit code: 4"
    )


def test_a_message_that_is_no_text_fails_the_job(processor: Processor, tmp_path: Path) -> None:
    script = """
open("/opt/ml/processing/out/whole", "w").write("x")
open("/opt/ml/output/message", "wb").write(b"\\xff")
"""
    job = processor.run("job", script, outputs=(target(tmp_path / "out", "out"),))
    assert job.life.primary == "Failed"
    assert "ClientError: /opt/ml/output/message is not UTF-8" in (job.life.failure_reason or "")
    assert files(tmp_path / "out") == {"whole": "x"}


def test_a_stopped_job_may_end_in_its_own_way(processor: Processor, tmp_path: Path) -> None:
    script = """
import signal, sys, time
def leave(*_):
    open("/opt/ml/processing/out/last", "w").write("x")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""
    processor.submit("job", script, outputs=(target(tmp_path / "out", "out"),))
    processor.wait_for_word("job", "ready")
    processor.plane.stop("job", kind=KIND)
    job = processor.wait_over("job")
    assert (job.life.primary, job.life.failure_reason) == ("Stopped", None)
    assert files(tmp_path / "out") == {"last": "x"}
    processor.plane.delete("job", kind=KIND)
    assert not processor.plane.store.processing_jobs.has("job")


def test_a_training_job_of_the_same_name_is_another_job(processor: Processor) -> None:
    plane = processor.plane
    waits = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"
    processor.submit("job", waits, options={"grace": "0"})
    processor.wait_for_word("job", "ready")
    plane.submit(plane.request("job", env={"LINES": "3"}))
    (trained,) = plane.wait_over("job")
    assert trained.life.primary == "Completed"
    assert len(plane.store.metrics.final("job")) == 1
    assert processor.job("job").life.primary == "InProgress"
    with pytest.raises(Refused, match="a job with this name already exists"):
        processor.submit("job", waits)
    plane.kill("job", kind=KIND)
    assert processor.wait_over("job").life.primary == "Stopped"
    assert len(plane.store.metrics.final("job")) == 1
    assert [stream.name.split("-")[0] for stream in plane.store.processing_logs.named()] == [
        "job/algo"
    ]
    plane.delete("job", kind=KIND)
    assert plane.job("job").life.primary == "Completed"
    assert b"line 2" in plane.store.home.log("job", "algo-1").read_bytes()


def test_missing_data_is_refused_and_nothing_is_left(processor: Processor, tmp_path: Path) -> None:
    for inputs, outputs, words in (
        ((source(tmp_path / "none", "a"),), (), "Input 'a': .*none does not exist"),
        ((source("s3://nowhere/d", "a"),), (), "No S3 objects found under S3 URL"),
        ((), (target("s3://nowhere/d", "a"),), "Output 'a': .*bucket of s3://nowhere/d"),
    ):
        with pytest.raises(Refused, match=words):
            processor.submit("job", "print()", inputs=inputs, outputs=outputs)
    assert not processor.plane.store.processing_jobs.has("job")
    assert not list(processor.plane.store.home.jobs.iterdir())
