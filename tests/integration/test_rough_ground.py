"""What a job, a user or the machine can do at the worst moment."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from support.cli import (
    COMMAND,
    Trainer,
    describe,
    folder_of,
    kill_plane,
    log_of,
    planes_of,
    running_with,
    sagelet,
    wait_until,
)


@pytest.fixture
def local(home: Path, tmp_path: Path) -> Trainer:
    return Trainer("process", str, tmp_path / "code")


def test_links_in_the_outputs_lead_nowhere_on_this_machine(
    trainer: Trainer, home: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("the crown jewels")
    done = trainer.run(
        f"""
import os, shutil
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
os.symlink("{secret}/key", base + "/output/failure")
shutil.rmtree(base + "/output/data")
os.symlink("{secret}", base + "/output/data")
os.symlink("{secret}/key", base + "/model/link")
""",
        "--name", "thief",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    output = home / "output" / "thief" / "output"
    assert not (output / "output.tar.gz").exists()
    with tarfile.open(output / "model.tar.gz") as tar:
        (member,) = tar.getmembers()
        assert member.issym()
    assert "crown jewels" not in done.stderr + done.stdout


def test_a_pipe_as_failure_file_does_not_hang_the_job(trainer: Trainer) -> None:
    done = trainer.run(
        """
import os
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
os.mkfifo(base + "/output/failure")
os.mkfifo(base + "/model/pipe")
""",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_every_metric_is_kept_once_however_fast_it_comes(local: Trainer, home: Path) -> None:
    done = local.run(
        """
import sys
for start in range(0, 200_000, 1000):
    sys.stdout.write("".join(f"loss={i}\\n" for i in range(start, start + 1000)))
""",
        "--name", "fast", "--hosts", "2", "--metric", "loss=loss=([0-9]+)",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    from sagelet.store import open_store

    series = open_store(home).metrics.series("fast", "loss")
    assert len(series) == 400_000
    assert sorted(d.value for d in series)[::2] == list(range(200_000))


SLOW_TO_LISTEN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.04, 0.08, 0.15, 0.3])
def test_a_stop_is_never_too_early(trainer: Trainer, home: Path, wait: float) -> None:
    """A signal that is lost would be followed by a grace longer than anybody waits here."""
    running = trainer.start(
        SLOW_TO_LISTEN, "--name", "early", "--grace", "300", "--env", "MARK=early-mark"
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "Training in progress" in line:
            break
    time.sleep(wait)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert describe("early")["TrainingJobStatus"] == "Stopped"
    assert not running_with("early-mark")


def test_a_second_ctrl_c_does_not_wait(trainer: Trainer, home: Path) -> None:
    running = trainer.start(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(100)",
        "--name", "twice", "--env", "MARK=twice-mark",
    )  # fmt: skip
    wait_until(lambda: b"ready" in log_of(home, "twice"), "the script")
    running.send_signal(signal.SIGINT)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    assert describe("twice")["TrainingJobStatus"] == "Stopped"
    assert not running_with("twice-mark")


def test_links_that_lead_out_of_a_channel_are_followed(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    for name in ("a", "b", "deep/c"):
        (tmp_path / "real" / name).write_text(name)
    (tmp_path / "real" / "deep" / "again").symlink_to("../a")
    channel = tmp_path / "channel"
    (channel / "sub").mkdir(parents=True)
    (channel / "own").write_text("own")
    (channel / "relative").symlink_to("../real/a")
    (channel / "sub" / "absolute").symlink_to(tmp_path / "real" / "b")
    (channel / "folder").symlink_to("../real/deep")
    (channel / "inner").symlink_to("own")
    (channel / "broken").symlink_to("nothing")
    done = trainer.run(
        """
import os
d = os.environ["SM_CHANNEL_TRAINING"]
for name in ("own", "relative", "sub/absolute", "folder/c", "folder/again", "inner"):
    print(name, "=", open(os.path.join(d, name)).read())
if "SAGEMAKER_BASE_DIR" not in os.environ:
    open(os.path.join(d, "relative"), "w").write("changed")
""",
        "--channel", f"training={channel}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "own = own",
        "relative = a",
        "sub/absolute = b",
        "folder/c = deep/c",
        "folder/again = a",
        "inner = own",
    ):
        assert f"algo-1 | {line}" in done.stdout
    assert (tmp_path / "real" / "a").read_text() == "a"


def test_closed_standard_streams_do_not_matter(local: Trainer) -> None:
    arguments = local.arguments("print('ran')", "--name", "streamless")
    command = " ".join(f"'{word}'" for word in [*COMMAND, *arguments])
    assert subprocess.run(f"{command} >&- 2>&- <&-", shell=True, check=False).returncode == 0
    assert describe("streamless")["TrainingJobStatus"] == "Completed"


def test_a_host_that_failed_decides_the_ending(local: Trainer) -> None:
    done = local.run(
        """
import os, signal, sys, time
if os.environ["SM_CURRENT_HOST"] == "algo-2":
    time.sleep(0.5)
    sys.exit(7)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(100)
""",
        "--name", "decided", "--hosts", "2", "--max-run", "2", "--grace", "4",
    )  # fmt: skip
    assert done.returncode == 1
    document = describe("decided")
    assert document["TrainingJobStatus"] == "Failed"
    assert "algo-2" in document["FailureReason"]


def test_a_closed_pipe_ends_the_printing_and_not_the_job(local: Trainer) -> None:
    arguments = local.arguments(
        "import time\nfor i in range(20): print('line', i, flush=True); time.sleep(0.05)",
        "--name", "headed",
    )  # fmt: skip
    pipe = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert pipe.stdout is not None
    pipe.stdout.readline()
    pipe.stdout.close()
    assert pipe.wait(timeout=60) == 0
    assert describe("headed")["TrainingJobStatus"] == "Completed"


def test_a_closed_terminal_stops_the_job(local: Trainer, home: Path) -> None:
    arguments = local.arguments(
        "import time\nprint('ready', flush=True)\ntime.sleep(100)",
        "--name", "hung-up", "--grace", "2", "--env", "MARK=hung-up-mark",
    )  # fmt: skip
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(COMMAND[0], [*COMMAND, *arguments])
    threading.Thread(target=_drain, args=(terminal,), daemon=True).start()
    wait_until(lambda: b"ready" in log_of(home, "hung-up"), "the script")
    os.kill(pid, signal.SIGHUP)
    os.close(terminal)
    os.waitpid(pid, 0)
    assert describe("hung-up")["TrainingJobStatus"] == "Stopped"
    assert not running_with("hung-up-mark")


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


def test_a_home_has_one_name(trainer: Trainer, home: Path, tmp_path: Path) -> None:
    running = trainer.start(
        "import time\nprint('ready', flush=True)\ntime.sleep(3)", "--name", "one"
    )
    wait_until(lambda: b"ready" in log_of(home, "one"), "the script")
    running.kill()
    running.communicate()
    kill_plane(home)
    other = tmp_path / "link"
    other.symlink_to(home)
    environment = {**os.environ, "SAGELET_HOME": f"{other}/../link"}
    listed = subprocess.run(
        [*COMMAND, "jobs", "--json"], env=environment, capture_output=True, text=True, check=True
    )
    (summary,) = json.loads(listed.stdout)["TrainingJobSummaries"]
    assert summary["TrainingJobStatus"] == "InProgress"
    wait_until(lambda: describe("one")["TrainingJobStatus"] == "Completed", "the adopter")


def test_the_users_folder_cannot_shadow_the_supervisor(local: Trainer, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir(exist_ok=True)
    (tmp_path / "code" / "queue.py").write_text("raise SystemExit('shadowed')")
    arguments = local.arguments("print('fine')", "--name", "shaded", "--detach")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("sagelet")), *arguments],
        cwd=tmp_path / "code", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wait_until(lambda: describe("shaded")["TrainingJobStatus"] == "Completed", "the end")


def test_ctrl_c_is_heard_while_pip_is_silent(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that accepts the connection and never answers: pip waits longer than this test."""
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("SAGELET_CACHE", str(tmp_path / "fresh"))
    (tmp_path / "train.py").write_text("print('ran')")
    running = subprocess.Popen(
        [*COMMAND, "train", str(tmp_path / "train.py"), "--framework", "pytorch",
         "--backend", "process", "--name", "silent"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    connection, _ = server.accept()
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 130, output
    assert describe("silent")["TrainingJobStatus"] == "Stopped"
    assert list((tmp_path / "fresh").glob("environments/*/bin")) == []
    connection.close()
    server.close()


def test_a_source_folder_may_hold_the_home_and_links_in_circles(
    local: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    monkeypatch.setenv("SAGELET_HOME", str(code / ".sagelet"))
    local.script(
        "import os, helper\nprint(helper.WORD, sorted(set(os.listdir('.')) - {'__pycache__'}))"
    )
    (code / "package").mkdir()
    (code / "real.py").write_text("WORD = 'linked'")
    (code / "helper.py").symlink_to("real.py")
    (code / "package" / "up").symlink_to("..")
    (code / "package" / "round").symlink_to(code)
    (code / "dangling").symlink_to("nothing")
    done = sagelet("train", "train.py", "--source-dir", str(code), *local.where())
    assert done.returncode == 0, done.stdout + done.stderr
    there = "algo-1 | linked ['dangling', 'helper.py', 'package', 'real.py', 'train.py']"
    assert there in done.stdout


def test_a_one_file_channel_may_be_a_link(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.csv").write_text("a,b")
    (tmp_path / "link.csv").symlink_to("elsewhere/real.csv")
    done = trainer.run(
        "import os\nd = os.environ['SM_CHANNEL_TRAINING']\n"
        "print({n: open(os.path.join(d, n)).read() for n in os.listdir(d)})",
        "--channel", f"training={tmp_path}/link.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | {'link.csv': 'a,b'}" in done.stdout


def test_a_python_may_be_named_as_in_a_shell(local: Trainer, tmp_path: Path) -> None:
    (tmp_path / "mypython").symlink_to(sys.executable)
    script = local.script("print('ran')")
    for python in ("./mypython", "python3"):
        done = sagelet("train", script, "--backend", "process", "--python", python, cwd=tmp_path)
        assert "algo-1 | ran" in done.stdout, done.stderr
    done = sagelet("train", script, "--backend", "process", "--python", "/bin/true")
    assert done.returncode == 2
    assert "is not a Python interpreter" in done.stderr


def test_an_output_that_cannot_be_written_is_refused_at_once(local: Trainer) -> None:
    done = local.run("print('ran')", "--output", "/proc/nope")
    assert done.returncode == 2
    assert "/proc/nope cannot be made" in done.stderr


def test_a_shim_killed_without_namespaces_leaves_nothing_running(
    local: Trainer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGELET_NAMESPACES", "off")
    running = local.start(
        "import time\nprint('ready', flush=True)\ntime.sleep(100)",
        "--name", "shimless", "--env", "MARK=shimless-mark",
    )  # fmt: skip
    wait_until(lambda: b"ready" in log_of(home, "shimless"), "the script")
    started = folder_of(home, "shimless") / "algo-1" / "started.json"
    os.kill(json.loads(started.read_text())["pid"], 9)
    running.communicate(timeout=40)
    assert running.returncode == 1
    assert not running_with("shimless-mark")


def test_a_full_disk_is_survived(local: Trainer, tmp_path: Path) -> None:
    """The disk that holds the home fills up while the script runs; afterwards there is room."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], check=True)
    try:
        arguments = local.arguments(
            "import os\nfile = open(os.environ['SM_MODEL_DIR'] + '/w', 'wb')\n"
            "try:\n  while True: file.write(b'x' * 4096)\n"
            "except OSError as e: print('script:', e.strerror)",
            "--name", "brimful", "--output", str(tmp_path / "out"),
        )  # fmt: skip
        environment = {**os.environ, "SAGELET_HOME": str(small / "home")}
        done = subprocess.run(
            [*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False,
            timeout=150,
        )  # fmt: skip
        described = subprocess.run(
            [*COMMAND, "describe", "brimful", "--json"], env=environment, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        status = json.loads(described.stdout)["TrainingJobStatus"]
        assert (done.returncode, status) in ((0, "Completed"), (1, "Failed")), done.stderr
        if status == "Completed":
            assert (tmp_path / "out/brimful/output/model.tar.gz").exists()
    finally:
        wait_until(lambda: not planes_of(small / "home"), "the control plane's end")
        subprocess.run(["umount", str(small)], check=True)


def test_secrets_of_requests_are_not_for_others(local: Trainer, home: Path) -> None:
    assert local.run("print(1)").returncode == 0
    assert home.stat().st_mode & 0o077 == 0


@pytest.mark.docker
def test_an_engine_that_is_away_is_waited_for(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path
) -> None:
    """The engine is reached through a socket that goes away and comes back."""
    trainer = Trainer("docker", lambda: request.getfixturevalue("image"), tmp_path / "code")
    gate = Path("/tmp") / f"sagelet-gate-{os.getpid()}.sock"  # a socket's path must be short
    gate.symlink_to("/var/run/docker.sock")
    environment = {**os.environ, "DOCKER_HOST": f"unix://{gate}"}
    try:
        running = subprocess.Popen(
            [*COMMAND, *trainer.arguments(
                "import time\nprint('ready', flush=True)\ntime.sleep(4)", "--name", "waited")],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: b"ready" in log_of(home, "waited"), "the script")
        running.kill()
        running.wait()
        kill_plane(home)
        gate.unlink()

        def status() -> dict[str, object]:
            shown = subprocess.run(
                [*COMMAND, "describe", "waited", "--json"], env=environment, capture_output=True,
                text=True, check=True,
            )  # fmt: skip
            document: dict[str, object] = json.loads(shown.stdout)
            return document

        def waiting() -> bool:
            steps = status()["SecondaryStatusTransitions"]
            assert isinstance(steps, list)
            return str(steps[-1]["StatusMessage"]).startswith("Waiting for the hosts' engine")

        wait_until(waiting, "the job to say what it waits for")
        gate.symlink_to("/var/run/docker.sock")
        wait_until(lambda: status()["TrainingJobStatus"] == "Completed", "the adopter", 60)
    finally:
        gate.unlink(missing_ok=True)
