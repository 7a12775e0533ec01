"""From a container's output to its log file, byte for byte.

Live, the engine's attach stream is read: it holds the program back rather than lose a byte. After
a restart of sagelet the engine's own record is replayed from its start, which needs no bookkeeping
of what was read before. The exit code comes from ``wait`` alone; the end of a stream proves
nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from docker import APIClient
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from sagelet.execution.backend import HostExited, HostLost, Output, Sink
from sagelet.execution.docker.streams import HOLD, Frames, Merge

_BUFFER = 1 << 18

#: How long a stream may stay open after its container ended, in seconds.
LINGER = 5.0


class LogError(Exception):
    """The log file cannot be written."""


class Pump:
    """One container's output and exit."""

    def __init__(
        self, connect: Callable[[], APIClient], container: str, host: str, log: Path, sink: Sink
    ) -> None:
        self._connect = connect
        self.container = container
        self._host = host
        self._log = log
        self._sink = sink
        self._attached: Any = None  # kept: what it holds open is read through _stream
        self._stream: Any = None

    def attach(self) -> None:
        """Open the live stream; before the container starts, so that nothing is missed."""
        self._attached = self._connect().attach_socket(
            self.container, params={"stdout": 1, "stderr": 1, "stream": 1}
        )
        self._stream = getattr(self._attached, "_sock", self._attached)
        self._stream.settimeout(HOLD)

    def start(self) -> None:
        """Pump from the attached stream, in a thread."""
        self._thread(self._run_live)

    def adopt(self) -> None:
        """Replay from the engine's record and follow, in a thread."""
        self._thread(self._run_replay)

    def _thread(self, body: Callable[[], None]) -> None:
        threading.Thread(
            target=self._guarded, args=(body,), name=f"pump-{self._host}", daemon=True
        ).start()

    def _guarded(self, body: Callable[[], None]) -> None:
        try:
            body()
            self._tell_exit()
        except LogError as error:
            self._lost(f"its log cannot be written: {error}")
        except Exception as error:  # noqa: BLE001 - without a word the job would wait for ever
            self._lost(f"the Docker engine lost the container: {error}")

    def _run_live(self) -> None:
        frames, merge = Frames(), Merge()
        try:
            with self._log.open("ab", buffering=0) as file:
                offset = 0
                while True:
                    chunk = None
                    try:
                        chunk = self._stream.recv(_BUFFER)
                    except TimeoutError:
                        data = merge.tick(time.monotonic())
                    else:
                        now = time.monotonic()
                        data = b"".join([merge.feed(*f, now) for f in frames.feed(chunk)])
                        data += merge.tick(now) if chunk else merge.flush()
                    offset += self._keep(file, offset, data)
                    if chunk == b"":
                        return
        except ConnectionError:
            self._run_replay()

    def _run_replay(self) -> None:
        """Write the log anew from the engine's record; as long, it takes the old one's place."""
        fresh = self._log.with_name("log.replay")
        before = self._log.stat().st_size if self._log.exists() else 0
        response = self._connect().logs(
            self.container, stdout=True, stderr=True, stream=True, follow=True
        )
        ended = threading.Event()
        threading.Thread(target=self._close_late, args=(response, ended), daemon=True).start()
        offset, swapped = 0, False
        with fresh.open("wb", buffering=0) as file:
            for data in _until_closed(response):
                offset += self._keep(file, offset, data)
                if not swapped and offset >= before:
                    fresh.replace(self._log)
                    swapped = True
        ended.set()
        if not swapped:
            fresh.replace(self._log)

    def _keep(self, file: IO[bytes], offset: int, data: bytes) -> int:
        """Write what came and tell of it; returns its length."""
        if data:
            try:
                file.write(data)
            except OSError as error:
                raise LogError(error.strerror) from None
            self._sink(Output(self._host, offset, data, time.time()))
        return len(data)

    def _close_late(self, response: Any, ended: threading.Event) -> None:
        """Engines have left follow streams open after the exit: close ours then."""
        try:
            self._connect().wait(self.container)
        except (DockerException, RequestException):
            return
        if not ended.wait(LINGER):
            response.close()

    def _tell_exit(self) -> None:
        api = self._connect()
        try:
            api.wait(self.container)
            state = api.inspect_container(self.container)["State"]
        except APIError as error:
            if error.status_code != 404:
                raise
            self._lost("its container was removed from outside")
            return
        if state["Status"] == "created":
            self._lost(f"its container never started: {state['Error']}")
            return
        ended = datetime.fromisoformat(state["FinishedAt"]).timestamp()
        code, oom = int(state["ExitCode"]), bool(state["OOMKilled"])
        self._sink(HostExited(self._host, code, oom, time=ended))

    def _lost(self, reason: str) -> None:
        self._sink(HostLost(self._host, reason, time.time()))


def _until_closed(response: Any) -> Iterator[bytes]:
    """The chunks of a stream; one that is closed while it is read has told all it had."""
    chunks = iter(response)
    while True:
        try:
            yield next(chunks)
        except StopIteration:
            return
        except (OSError, RequestException, AttributeError, ValueError):
            return
