"""Other people's servers, for tests against more than our own."""

import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from support.cli import wait_until
from support.clients import environment

MOTO = environment("moto") / "bin" / "moto_server"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def moto() -> Iterator[str]:
    """A moto server; its address."""
    port = free_port()
    process = subprocess.Popen(
        [MOTO, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        assert process.poll() is None, "moto_server ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5):
                return True
        except OSError:
            return False

    try:
        wait_until(answers, "moto", 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
