"""One control plane per home."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from sagelet.domain.errors import DomainError
from sagelet.server.control import running, take

HOLDER = """
import sys
from pathlib import Path
from sagelet.server.control import take
lock = take(Path(sys.argv[1]))
lock.announce("http://127.0.0.1:4580")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_second_one_is_told_of_the_first(tmp_path, holder):
    with pytest.raises(DomainError) as caught:
        take(tmp_path)
    assert str(caught.value) == (
        f"A control plane (pid {holder.pid}) already runs on {tmp_path} at "
        f"http://127.0.0.1:4580: use it, stop it, or give another SAGELET_HOME."
    )
    said = running(tmp_path)
    assert (said["pid"], said["url"]) == (holder.pid, "http://127.0.0.1:4580")
    assert said["started"] > 1_700_000_000


def test_nothing_stays_of_one_that_was_killed(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert running(tmp_path) is None
    lock = take(tmp_path)
    assert running(tmp_path)["pid"] == os.getpid()
    assert running(tmp_path)["url"] is None
    lock.announce("http://127.0.0.1:1")
    assert running(tmp_path)["url"] == "http://127.0.0.1:1"
    lock.release()
    assert running(tmp_path) is None


def test_a_home_that_never_had_one(tmp_path):
    assert running(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_programs_that_are_started_do_not_inherit_it(tmp_path):
    lock = take(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        lock.release()
        again = take(tmp_path)
        again.release()
        child.kill()


def test_looking_does_not_get_in_the_way(tmp_path):
    take(tmp_path).release()
    over = threading.Event()

    def look():
        while not over.is_set():
            running(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for _ in range(50):
        take(tmp_path).release()
    over.set()
    for looker in lookers:
        looker.join()


def test_the_first_one_may_not_have_said_anything_yet(tmp_path):
    lock = take(tmp_path)
    (tmp_path / "control.lock").write_bytes(b"")
    with pytest.raises(DomainError, match="pid unknown"):
        take(tmp_path)
    lock.release()
