"""The network that the hosts of a job without Docker have: whom they reach, whom they do not."""

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelet.execution.networks import SLIRP
from support.cli import (
    Trainer,
    describe,
    folder_of,
    kill_plane,
    log_of,
    planes_of,
    sagelet,
    wait_until,
)
from support.network import needs, slirp_of

#: Every host answers at one port with its job's name; each asks all, while the other job runs too.
MEET = """
import os, pathlib, socket, sys, threading, time
hosts, me = eval(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
port = int(os.environ["PORT"])
job, folder = os.environ["TRAINING_JOB_NAME"], pathlib.Path(os.environ["MEETING"])
server = socket.create_server((socket.gethostbyname(me), port))
def answer():
    while True:
        talk, _ = server.accept()
        talk.sendall(f"{me} of {job}".encode())
        talk.close()
threading.Thread(target=answer, daemon=True).start()
def await_all(step):
    (folder / f"{step}-{job}-{me}").touch()
    while len(list(folder.glob(f"{step}-*"))) < int(os.environ["ALL"]):
        time.sleep(0.02)
await_all("listening")
for host in hosts:
    with socket.create_connection((host, port), 10) as talk:
        assert talk.makefile().read() == f"{host} of {job}"
await_all("asked")
print("met", len(hosts), flush=True)
"""

#: Whether addresses answer: those in TRIED, and the other host's.
REACH = """
import os, socket, threading
names = eval(os.environ["SM_HOSTS"])
me = os.environ["SM_CURRENT_HOST"]
server = socket.create_server(("0.0.0.0", 7777))
for name in names:
    if name != me:
        while True:
            try:
                socket.create_connection((name, 7777), 1).close()
                break
            except ConnectionRefusedError:
                pass
print("REACHED peers", [name for _, name in socket.if_nameindex()], flush=True)
for address in os.environ["TRIED"].split():
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 0.5).close()
        print("REACHED", address, flush=True)
    except OSError:
        print("MISSED", address, flush=True)
server.accept()
"""


@pytest.fixture
def trainer(home: Path, tmp_path: Path) -> Trainer:
    return Trainer("process", str, tmp_path / "code")


@pytest.fixture
def slirp(tmp_path: Path) -> str:
    return slirp_of(tmp_path / "probe")


@pytest.fixture(params=["own", "shared"])
def network(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both networks that a job may have which is not isolated."""
    if request.param == "own":
        slirp_of(tmp_path / "probe")
    else:
        monkeypatch.setenv("SAGELET_NETWORKS", "off")
    return str(request.param)


@pytest.fixture
def service() -> Iterator[int]:
    """The port of a server on this machine's loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.usefixtures("network")
def test_two_jobs_at_once_listen_at_the_same_port_and_do_not_meet(
    trainer: Trainer, tmp_path: Path
) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    more = ["--hosts", "2", "--cpus", "0.1", "--env", f"MEETING={meeting}", "--env", "ALL=4"]
    more += ["--env", "PORT=7777"]
    running = [trainer.start(MEET, *more, "--name", name) for name in ("one", "two")]
    for job in running:
        said, _ = job.communicate(timeout=100)
        assert job.returncode == 0, said
        assert said.count("| met 2") == 2


@pytest.mark.usefixtures("network")
def test_sixteen_hosts_meet(trainer: Trainer, tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    more = ["--hosts", "16", "--env", f"MEETING={meeting}", "--env", "ALL=16"]
    done = trainer.run(MEET, *more, "--env", "PORT=7777")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| met 16") == 16


def test_isolated_hosts_reach_each_other_and_nothing_else(
    trainer: Trainer, service: int, tmp_path: Path
) -> None:
    needs(tmp_path / "probe", None)
    own = socket.gethostbyname(socket.gethostname())
    tried = [f"127.0.0.1:{service}", f"{own}:{service}", f"10.213.7.2:{service}", "1.1.1.1:53"]
    done = trainer.run(REACH, "--hosts", "2", "--isolated", "--env", f"TRIED={' '.join(tried)}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("REACHED peers ['lo', 'eth0']") == 2
    assert done.stdout.count("REACHED") == 2
    assert done.stdout.count("MISSED") == 2 * len(tried)


@pytest.mark.usefixtures("slirp")
def test_hosts_with_a_network_of_their_own_reach_this_machine_through_its_gateway(
    trainer: Trainer, service: int
) -> None:
    tried = [f"127.0.0.1:{service}", f"10.213.7.2:{service}"]
    done = trainer.run(REACH, "--hosts", "2", "--env", f"TRIED={' '.join(tried)}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("REACHED peers ['lo', 'eth0']") == 2
    assert done.stdout.count(f"MISSED {tried[0]}") == 2
    assert done.stdout.count(f"REACHED {tried[1]}") == 2


@pytest.mark.usefixtures("network")
def test_the_control_plane_answers_every_host(trainer: Trainer) -> None:
    done = trainer.run(
        """
import os, boto3
name = os.environ["SM_CURRENT_HOST"]
s3 = boto3.client("s3")
s3.create_bucket(Bucket="met-" + name)
s3.put_object(Bucket="met-" + name, Key="k", Body=name.encode())
print("read", s3.get_object(Bucket="met-" + name, Key="k")["Body"].read())
print(boto3.client("sts").get_caller_identity()["Account"])
""",
        "--hosts",
        "2",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("algo-1", "algo-2"):
        assert f"{name} | read b'{name}'" in done.stdout
        assert f"{name} | 123456789012" in done.stdout


def test_a_way_out_that_does_not_start_leaves_the_machines_network(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(tmp_path / "probe", None)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / SLIRP).write_text("#!/bin/sh\necho no tap here >&2\nexit 1\n")
    (folder / SLIRP).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    script = "import socket; print(socket.gethostbyname('algo-2'))"
    done = trainer.run(script, "--hosts", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | 127.77." in done.stdout
    note = f"algo-2: the hosts share this machine's network ({SLIRP}: no tap here)"
    assert note in done.stdout + done.stderr
    found = json.loads(sagelet("doctor", "--json").stdout)
    (finding,) = (f for f in found if f["check"] == "network of hosts")
    assert finding["state"] == "note"
    assert "no tap here" in finding["detail"]


WAITS = """
import os, pathlib, socket, time
server = socket.create_server(("0.0.0.0", 7777))
print("listening", flush=True)
while not pathlib.Path(os.environ["GO"]).exists():
    time.sleep(0.02)
for name in ("algo-1", "algo-2"):
    socket.create_connection((name, 7777), 5).close()
print("met", flush=True)
server.accept()
server.accept()
"""


@pytest.mark.usefixtures("slirp")
def test_a_network_outlives_the_control_plane_and_the_hub_but_not_its_hosts(
    trainer: Trainer, home: Path, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = trainer.start(WAITS, "--name", "job", "--hosts", "2", "--env", f"GO={go}")
    for host in ("algo-1", "algo-2"):
        wait_until(lambda h=host: b"listening" in log_of(home, "job", h), f"{host} to listen")
    running.kill()
    running.communicate()
    kill_plane(home)
    hub = json.loads((folder_of(home, "job") / "network" / "hub.json").read_text())
    os.kill(hub["pid"], signal.SIGKILL)
    assert describe("job")["TrainingJobStatus"] == "InProgress"
    go.touch()
    wait_until(lambda: describe("job")["TrainingJobStatus"] == "Completed", "the end")
    for host in ("algo-1", "algo-2"):
        assert b"met" in log_of(home, "job", host)
    assert not (folder_of(home, "job") / "network").exists()
    wait_until(lambda: not planes_of(home), "slirp4netns and everything else to be gone")


def test_a_job_killed_at_once_leaves_no_network(trainer: Trainer, home: Path) -> None:
    running = trainer.start(WAITS, "--name", "job", "--hosts", "2", "--env", "GO=/nowhere")
    wait_until(lambda: b"listening" in log_of(home, "job"), "the script to run")
    for host in ("algo-1", "algo-2"):
        started = json.loads((folder_of(home, "job") / host / "started.json").read_text())
        os.kill(started["pid"], signal.SIGKILL)
    running.communicate(timeout=60)
    assert describe("job")["TrainingJobStatus"] == "Failed"
    wait_until(lambda: not planes_of(home), "everything to be gone")


@pytest.mark.parametrize("isolated", [True, False])
def test_an_ordinary_users_hosts_have_a_network_too(
    everyone: Path, tmp_path: Path, isolated: bool
) -> None:
    """As root made able to make tap devices by everybody, as most distributions have it."""
    if not isolated:
        slirp_of(tmp_path / "probe")
    needs(tmp_path / "probe", None)
    python = "/usr/bin/python3"
    if os.geteuid() != 0 or shutil.which("setpriv") is None or not Path(python).exists():
        pytest.skip("needs root, setpriv and the system's python3 to become another user")
    asked = "import sys; print(sys.version_info[:2])"
    version = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    if version.stdout.strip() != str(sys.version_info[:2]):
        pytest.skip(f"the system's python3 is not {sys.version_info[:2]}")
    (everyone / "train.py").write_text(REACH)
    site = next(p for p in sys.path if p.endswith("site-packages"))
    inside = f"""
set -e
mount -t tmpfs -o dev tmpfs /mnt
mkdir /mnt/repo /mnt/site
mknod -m 666 /mnt/tun c 10 200
mount --bind /mnt/tun /dev/net/tun
mount --bind {Path(__file__).parents[2]} /mnt/repo
mount --bind {site} /mnt/site
exec setpriv --reuid=1001 --regid=1001 --clear-groups env -i HOME={everyone} PATH=/usr/bin:/bin \
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/mnt/repo/runtime:/mnt/site \
  {python} -m sagelet train {everyone}/train.py --backend process --python {python} --hosts 2 \
  --env TRIED=1.1.1.1:53 {"--isolated" if isolated else ""}
"""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", inside], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("REACHED peers ['lo', 'eth0']") == 2
    assert "share this machine" not in done.stderr
    foreign = [path for path in everyone.rglob("*") if path.lstat().st_uid != 1001]
    assert foreign == []


def test_a_port_of_the_machine_is_not_given_to_a_job(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGELET_NETWORKS", "off")
    script = "import os; print('from', os.environ['SAGELET_PORTS_FROM'])"

    def given() -> int:
        done = trainer.run(script)
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split("| from ")[1].split()[0])

    first = given()
    with socket.create_server(("127.0.0.1", first)):
        assert given() != first
