"""The distributed launchers for real: torchrun, mpirun and TensorFlow's servers over two hosts."""

import json
import re
from pathlib import Path

import pytest

from sagelet.app import environments
from sagelet.execution.probe import namespaces_refused
from sagelet.settings import Settings
from support.cli import describe, log_of, read_until, sagelet, start
from support.network import slirp_of

SETTINGS = Settings.from_environ()  # of the tester, where the frameworks' environments are

DDP = """
import os, socket, sys
import torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(total)
print(f"RESULT rank={dist.get_rank()} of={dist.get_world_size()} sum={total.item():.0f}"
      f" at={socket.gethostname()} local={os.environ['LOCAL_RANK']} args={sys.argv[1:]}\\n", end="")
if "--fail" in sys.argv and dist.get_rank() == 1:
    raise ValueError("the second one gives up")
dist.barrier()
dist.destroy_process_group()
"""
MPI = """
import os, socket, sys
from mpi4py import MPI
world = MPI.COMM_WORLD
total = world.allreduce(world.Get_rank() + 1)
print("RESULT", f"rank={world.Get_rank()}", f"of={world.Get_size()}", f"sum={total}",
      f"at={socket.gethostname()}", os.environ["FLAVOUR"], "in several writes", flush=True)
if "--fail" in sys.argv and world.Get_rank() == 1:
    raise ValueError("the second one gives up")
world.barrier()
"""
SAVES = """
import signal, sys, time
from mpi4py import MPI
rank = MPI.COMM_WORLD.Get_rank()
def save(*_):
    time.sleep(2.5)  # longer than mpirun would let it live
    print(f"saved {rank}\\n", end="", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, save)
MPI.COMM_WORLD.barrier()
print(f"up {rank}\\n", end="", flush=True)
while True:
    time.sleep(0.1)
"""
TF_CONFIG = """
import json, os, socket, time
config = json.loads(os.environ["TF_CONFIG"])
task = config["task"]
print("TASK", json.dumps(task, sort_keys=True), flush=True)
def place(kind, index):
    host, port = config["cluster"][kind][index].split(":")
    return host, int(port)
# As TensorFlow would: a worker's parameter server stays up while the master listens.
listening = socket.create_server(("", place(task["type"], task["index"])[1]))
for address in config["cluster"].get("ps", []):
    host, port = address.split(":")
    while True:
        try:
            socket.create_connection((host, int(port)), 2).close()
            break
        except OSError:
            time.sleep(0.1)
    print("SERVER", address, flush=True)
# The master's own server goes with it: it stays until the workers have seen it.
if "master" not in config["cluster"]:
    pass
elif task["type"] == "worker":
    with socket.create_connection(place("master", 0)) as master:
        master.sendall(b"done")
else:
    waiting = len(config["cluster"].get("worker", []))
    while waiting:
        with listening.accept()[0] as one:
            one.settimeout(5)  # others only look whether there is a master
            try:
                waiting -= one.recv(4) == b"done"
            except OSError:
                pass
"""
RESULT = re.compile(r"RESULT rank=(\d) of=(\d) sum=(\d+) at=(\S+)")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def train(folder: Path, script: str, launcher: str, *more: str, name: str = "job"):
    path = folder / "train.py"
    path.write_text(script)
    return sagelet(*arguments(path, launcher, name), *more, timeout=280)


def arguments(path: Path, launcher: str, name: str) -> list[str]:
    switch = f"sagemaker_{launcher}_enabled=true"
    return ["train", str(path), "--name", name, "--hosts", "2", "--hp", switch]


def pytorch() -> list[str]:
    return ["--backend", "docker", "--framework", "pytorch", "--env", "FLAVOUR=sweet"]


@pytest.mark.docker
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("launcher", ["torch_distributed", "pytorch_ddp"])
def test_torch_processes_of_two_hosts_sum_up(tmp_path: Path, launcher: str) -> None:
    done = train(tmp_path, DDP, launcher, *pytorch(), "--hp", "lr=0.1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(RESULT.findall(done.stdout)) == [
        ("0", "2", "3", "algo-1"),
        ("1", "2", "3", "algo-2"),
    ]
    assert "local=0 args=['--lr', '0.1']" in done.stdout


@pytest.fixture(params=["own", "shared"])
def network(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both networks that hosts without Docker may have."""
    if request.param == "own":
        slirp_of(tmp_path / "probe")
    else:
        monkeypatch.setenv("SAGELET_NETWORKS", "off")
    refused = namespaces_refused(tmp_path / "probe")
    if refused:
        pytest.skip(f"needs namespaces: {refused}")


def process(framework: str) -> list[str]:
    made = environments(SETTINGS)
    if not made.ready(framework):
        pytest.skip(f"the {framework} environment is not made yet: a job without Docker makes it")
    return ["--backend", "process", "--python", str(made.python(framework)), "--cpus", "0.1"]


@pytest.mark.usefixtures("network")
def test_two_torchrun_jobs_at_once_without_docker(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(DDP)
    names, where = ("one", "two"), process("pytorch")
    running = [start(*arguments(path, "torch_distributed", name), *where) for name in names]
    for job, name in zip(running, names, strict=True):
        said, _ = job.communicate(timeout=280)
        assert job.returncode == 0, said
        assert sorted(RESULT.findall(said)) == [
            ("0", "2", "3", "algo-1"),
            ("1", "2", "3", "algo-2"),
        ]
        assert b"at=algo-2" in log_of(home, name, "algo-2")


@pytest.mark.usefixtures("home", "network")
def test_pytorchddp_without_docker(tmp_path: Path) -> None:
    done = train(tmp_path, DDP, "pytorch_ddp", *process("pytorch"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(RESULT.findall(done.stdout))) == 2


@pytest.mark.usefixtures("home", "network")
def test_parameter_servers_without_docker(tmp_path: Path) -> None:
    done = train(tmp_path, TF_CONFIG, "parameter_server", *process("tensorflow"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(re.findall(r"SERVER (\S+)", done.stdout))) == 2


@pytest.mark.docker
@pytest.mark.usefixtures("home")
def test_a_failing_torch_process_is_the_reason(tmp_path: Path) -> None:
    done = train(tmp_path, DDP, "torch_distributed", *pytorch(), "--hp", "fail=1")
    assert done.returncode == 1
    reason = describe("job")["FailureReason"]
    assert 'ErrorMessage "ValueError: the second one gives up' in reason
    assert "Rank 1 on algo-2 failed first" in reason


@pytest.mark.docker
def test_mpi_over_two_hosts(tmp_path: Path, home: Path) -> None:
    two = ["--hp", "sagemaker_mpi_num_of_processes_per_host=2"]
    done = train(tmp_path, MPI, "mpi", *pytorch(), *two)
    assert done.returncode == 0, done.stdout + done.stderr
    log = log_of(home, "job").decode()
    for rank, host in enumerate(["algo-1", "algo-1", "algo-2", "algo-2"]):
        label = f"[1,mpirank:{rank},{host}]<stdout>:"
        line = f"RESULT rank={rank} of=4 sum=10 at={host} sweet in several writes"
        assert f"{label}{line}\n" in log
    assert b"MPI run finished" in log_of(home, "job", "algo-2")


@pytest.mark.docker
@pytest.mark.usefixtures("home")
def test_a_failing_mpi_process_is_the_reason(tmp_path: Path) -> None:
    done = train(tmp_path, MPI, "mpi", *pytorch(), "--hp", "fail=1")
    assert done.returncode == 1
    reason = describe("job")["FailureReason"]
    assert 'ErrorMessage "ValueError: the second one gives up' in reason
    assert "Rank 1 on algo-2 failed first" in reason
    assert reason.endswith("(algo-1)")


@pytest.mark.docker
def test_a_stop_reaches_every_mpi_process(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(SAVES)
    running = start(*arguments(path, "mpi", "job"), *pytorch())
    said = read_until(running, "up 0")
    if "up 1" not in said:
        read_until(running, "up 1")
    assert sagelet("stop", "job", timeout=60).returncode == 0
    running.communicate(timeout=60)
    log = log_of(home, "job").decode()
    assert "saved 0" in log
    assert "saved 1" in log
    assert describe("job")["TrainingJobStatus"] == "Stopped"


@pytest.mark.docker
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("launcher", "tasks", "servers"),
    [
        ("multi_worker_mirrored_strategy", [(0, "worker"), (1, "worker")], []),
        ("parameter_server", [(0, "master"), (0, "worker")], ["algo-1:2223", "algo-2:2223"]),
    ],
)
def test_tensorflow_hosts_know_their_tasks(
    tmp_path: Path, launcher: str, tasks: list[tuple[int, str]], servers: list[str]
) -> None:
    where = ["--backend", "docker", "--framework", "tensorflow"]
    done = train(tmp_path, TF_CONFIG, launcher, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(text) for text in re.findall(r"TASK (\{.*\})", done.stdout)]
    assert sorted((task["index"], task["type"]) for task in found) == tasks
    assert sorted(re.findall(r"SERVER (\S+)", done.stdout)) == sorted(servers * 2)


@pytest.mark.usefixtures("home")
def test_mpi_over_several_hosts_is_refused_without_docker(tmp_path: Path) -> None:
    done = train(tmp_path, MPI, "mpi", "--backend", "process", "--framework", "pytorch")
    assert done.returncode != 0
    assert "MPI over several hosts needs Docker" in done.stderr
