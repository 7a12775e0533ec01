"""``sagelet serve`` from outside: what it says, who it lets in, how it ends."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from support.cli import (
    COMMAND,
    Trainer,
    describe,
    kill_plane,
    log_of,
    planes_of,
    sagelet,
    serving,
    wait_until,
)


def health(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/_health", timeout=30) as answer:
        return int(answer.status)


def test_it_announces_what_to_do_and_answers(home: Path) -> None:
    with serving() as (plane, url):
        assert health(url) == 200
        assert json.loads((home / "control.lock").read_text())["url"] == url
        plane.send_signal(signal.SIGTERM)
        assert plane.stdout is not None
        rest = plane.stdout.read()  # not communicate: it would leave out what is buffered
        assert plane.wait(timeout=60) == 0
    assert f"{url}/_health" in rest
    assert 'eval "$(sagelet env)"' in rest
    assert f"export AWS_ENDPOINT_URL={url}\n" in rest
    assert not (home / "control.sock").exists()


def test_a_second_one_on_the_same_home_is_told_of_the_first(home: Path) -> None:
    with serving() as (plane, url):
        done = sagelet("serve", "--port", "0")
    assert done.returncode == 2
    assert f"(pid {plane.pid}) already runs on {home} at {url}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = sagelet("serve", "--port", str(port))
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "control.sock").exists()


def test_a_default_port_that_is_taken_is_replaced(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("--host", "127.0.0.1") as (_, first):
        monkeypatch.setenv("SAGELET_HOME", str(tmp_path / "other"))
        with serving("--host", "127.0.0.1") as (_, second):
            assert first != second
            assert not second.endswith(":4580")
            assert health(second) == 200


def test_other_machines_need_credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = sagelet("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "SAGELET_ACCESS_KEY_ID and SAGELET_SECRET_ACCESS_KEY" in done.stderr
    monkeypatch.setenv("SAGELET_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("SAGELET_SECRET_ACCESS_KEY", "secret")
    with serving("--host", "0.0.0.0", "--port", "0") as (_, url):
        assert url.startswith("http://127.0.0.1:")
        assert health(url) == 200
        given = json.loads(sagelet("env", "--format", "json").stdout)
        assert given["AWS_ACCESS_KEY_ID"] == "mine"
        assert given["AWS_SECRET_ACCESS_KEY"] == "secret"
        assert sagelet("jobs").returncode == 0, "the control socket asks nobody"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SAGELET_PORT", "http", "is not a port"),
        ("SAGELET_ACCOUNT", "12", "is not an account: 12 digits"),
        ("SAGELET_BACKEND", "podman", "is not auto, docker or process"),
        ("SAGELET_VALIDATION", "relaxd", "is neither strict nor relaxed"),
        ("SAGELET_S3_ENDPOINT_URL", "foo", "is neither http(s)://host[:port] nor aws"),
        ("SAGELET_S3_ENDPOINT_URL", "http://", "is neither http(s)://host[:port] nor aws"),
        ("SAGELET_S3_ENDPOINT_URL", "http://h:port", "is neither http(s)://host[:port] nor aws"),
        ("SAGELET_S3_CACHE_SIZE", "much", "is not a size"),
    ],
)
def test_a_setting_that_means_nothing_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    done = sagelet("serve", "--port", "0", timeout=30)
    assert done.returncode == 2
    assert f"{name}: '{value}' {said}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_backend_of_jobs_that_do_not_name_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "train.py"
    script.write_text("print('here')")
    monkeypatch.setenv("SAGELET_BACKEND", "process")
    with serving():
        monkeypatch.delenv("SAGELET_BACKEND")
        done = sagelet("train", str(script), "--framework", "pytorch", "--name", "job", "--json")
        said = done.stdout + done.stderr
        assert "backend: process (as asked)" in said
        sagelet("stop", "job")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_jobs_go_on_when_it_stops_and_the_next_one_takes_them_up(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    trainer = Trainer("process", str, tmp_path / "code")
    with serving() as (plane, _):
        done = trainer.run(
            "import time\nfor i in range(20): print('line', i, flush=True); time.sleep(0.1)",
            "--name", "lasting", "--detach",
        )  # fmt: skip
        assert done.stdout == "lasting\n"
        wait_until(lambda: b"line 1" in log_of(home, "lasting"), "the script")
        plane.send_signal(number)
        rest, _ = plane.communicate(timeout=60)
    assert plane.returncode == 0
    assert "Jobs that run go on" in rest
    with serving():
        followed = sagelet("logs", "lasting", "-f")
        assert [line for line in followed.stdout.splitlines() if "| line" in line] == [
            f"algo-1 | line {i}" for i in range(20)
        ]
        assert describe("lasting")["TrainingJobStatus"] == "Completed"


def test_one_for_a_call_is_relieved_and_its_callers_come_over(home: Path, tmp_path: Path) -> None:
    trainer = Trainer("process", str, tmp_path / "code")
    gate = tmp_path / "gate"
    script = f"""
import pathlib, time
print("ready", flush=True)
while not pathlib.Path({str(gate)!r}).exists():
    time.sleep(0.02)
print("done")
"""
    following = trainer.start(script, "--name", "followed")
    wait_until(lambda: b"ready" in log_of(home, "followed"), "the script")
    with serving() as (_, url):
        gate.touch()
        said, _ = following.communicate(timeout=120)
        assert following.returncode == 0, said
        lines = [line for line in said.splitlines() if "toolkit" not in line and "| " in line]
        assert lines == ["algo-1 | ready", "algo-1 | done"]
        assert json.loads((home / "control.lock").read_text())["url"] == url


def test_a_killed_one_leaves_nothing_in_the_way(home: Path) -> None:
    with serving() as (plane, _):
        kill_plane(home)
        assert plane.wait(timeout=30) == -signal.SIGKILL
    assert (home / "control.sock").exists()
    assert sagelet("jobs").returncode == 0
    wait_until(lambda: not planes_of(home), "the control plane's end")
    with serving() as (_, url):
        assert health(url) == 200


def test_one_started_from_a_shell_made_ready_is_not_its_own_proxy(home: Path) -> None:
    with serving() as (_, first):
        given = json.loads(sagelet("env", "--format", "json").stdout)
    saved = {f"SAGELET_SAVED_{name}": "" for name in given}
    with serving("--port", "0", env={**os.environ, **given, **saved}) as (plane, second):
        environ = Path(f"/proc/{plane.pid}/environ").read_bytes()
        assert first.encode() in environ
        assert health(second) == 200
        shell = f'eval "$({" ".join(COMMAND)} env)"; echo "$SAGELET_SAVED_HTTPS_PROXY|$HTTPS_PROXY"'
        done = subprocess.run(
            ["sh", "-c", shell], capture_output=True, text=True, check=True,
            env={**os.environ, **given, **saved},
        )  # fmt: skip
        assert done.stdout == f"|{second}\n"
