"""No client, and not the control plane, tries another host.

They run in a network of their own that has a loopback and nothing else, under strace: a name that
is looked up, or an address that is dialled, would show even where the failure is swallowed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serve import Plane

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LOOPBACK = ("sh", "-c", 'ip link set lo up && exec "$@"', "sh")
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3-cpu-py311"


def watch(file: Path) -> tuple[str, ...]:
    return (
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=connect,sendto",
        "-e",
        "signal=none",
        "-o",
        str(file),
    )


def strangers(file: Path) -> list[str]:
    """Calls that name an address which is not this machine's own."""
    found = []
    for line in file.read_text(errors="replace").splitlines():
        match = re.search(r'sin6?_addr=?.*?"([0-9a-f.:]+)"', line) or re.search(
            r'inet_pton\(AF_INET6, "([0-9a-f.:]+)"', line
        )
        if match and not match[1].startswith(("127.", "::1")):
            found.append(line[:200])
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane in a network without a way out; it runs jobs as processes."""
    for program in ("curl", "ip", "nsenter", "strace", "unshare"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    if os.geteuid() != 0:
        pytest.skip("needs root to make a network")
    folder = tmp_path_factory.mktemp("alone")
    plane = Plane(
        folder,
        environ={"SAGELET_BACKEND": "process"},
        prefix=("unshare", "-n", *LOOPBACK, *watch(folder / "serve.strace")),
    )
    yield plane
    assert strangers(folder / "serve.strace") == []
    # Asked to lead somebody elsewhere, it dials: that it would have been seen is proved too.
    ask = ("curl", "-s", "-x", plane.url, "--max-time", "5", "https://192.0.2.1/")
    subprocess.run([*inside(plane), *ask], check=False)
    assert strangers(folder / "serve.strace")
    plane.stop()


def inside(plane: Plane) -> tuple[str, ...]:
    """What runs a command in the control plane's network."""
    return ("nsenter", f"--net=/proc/{plane.process.pid}/ns/net")


#: Which interpreter runs the job: an option of this machine's, which to AWS is a tag.
TAGS = json.dumps([{"Key": "sagelet:python", "Value": sys.executable}])


def test_a_stranger_would_be_seen(tmp_path: Path) -> None:
    program = """
import socket
for address in (("127.0.0.1", 9), ("192.0.2.1", 9)):
    try:
        socket.create_connection(address, timeout=0.1)
    except OSError:
        pass
"""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    seen = tmp_path / "strace"
    subprocess.run([*watch(seen), sys.executable, "-c", program], check=True)
    assert len(strangers(seen)) == 1


@pytest.mark.parametrize(
    ("client", "script", "arguments"),
    [
        ("boto3", "boto3_objects.py", ()),
        ("sagemaker2", "v2_offline.py", (IMAGE, TAGS)),
        ("sagemaker3", "v3_offline.py", (IMAGE, TAGS)),
    ],
)
def test_a_client_knows_one_address(
    alone: Plane, client: str, script: str, arguments: tuple[str, ...]
) -> None:
    seen = alone.folder / f"{script}.strace"
    alone.run(client, script, *arguments, prefix=(*inside(alone), *watch(seen)), timeout=600)
    assert "connect(" in seen.read_text(errors="replace")
    assert strangers(seen) == []
