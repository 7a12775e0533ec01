"""Runs one child at a time: its process group, the signals passed on to it, its end.

Knows nothing of SageMaker: what an exit means is decided in `train` and worded in `reason`.
Made for the start of a job: `posix_spawn` and C modules in place of subprocess and its imports.
"""

from __future__ import annotations

import os
import select
import time

from sagelet_toolkit import stderr
from sagelet_toolkit.failure import ClientError, Failure, FrameworkError, Stopped
from sagelet_toolkit.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Callable, Mapping, Sequence
else:
    try:
        import _signal as signal  # `signal` adds enums over these, and 6 ms to every job
    except ImportError:
        import signal

FORWARDED = (signal.SIGTERM, signal.SIGINT)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # the child gets the defaults back
GRACE_S = 2.0  # for what the script left running, after it ended
POLL_S = 0.02
LARGEST_STRING = 128 * 1024  # Linux: one argument or variable, with its end
E2BIG = 7


class Supervisor:
    """Starts children, forwards signals to the running one, reaps it and its orphans."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.stopped_by = 0
        self.passes_on: Callable[[int], bool] | None = None  # a signal, in place of the group
        self._group = 0  # of the running child
        self._wake, waker = os.pipe()
        for end in (self._wake, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in FORWARDED:
            signal.signal(number, self._forward)

    def check(self, error: str, argv: list[str], env: Mapping[bytes, bytes], cwd: str) -> None:
        """Run a command to its end; raise a failure called `error` unless it succeeds."""
        status, output = self.run(argv, env, cwd)
        if status:
            from sagelet_toolkit import reason  # only failures need it

            first, detail = reason.describe(error, status, output, argv)
            raise Failure(first, 1 if status > 0 else 128 - status, detail)

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[bytes, bytes],
        cwd: str,
        watched: stderr.FileEnd | stderr.Copy | None = None,
    ) -> tuple[int, bytes]:
        """Run a command to its end; return its status (-N: ended by signal N) and stderr's end."""
        self.raise_if_stopped()
        words = [encode(item, "An argument of the script") for item in argv]
        watched = watched or stderr.watch()
        try:
            pid = self._spawn(words, env, cwd, watched)
        except BaseException:
            self._group = 0
            raise
        return self._follow(pid, watched)

    def _follow(self, pid: int, watched: stderr.FileEnd | stderr.Copy) -> tuple[int, bytes]:
        """See a child to its end."""
        try:
            status = self._wait(pid, watched)
            self._end_group(watched)
            watched.drain()
            return status, watched.finish()
        finally:
            self._group = 0

    def _spawn(
        self,
        words: list[bytes],
        env: Mapping[bytes, bytes],
        cwd: str,
        watched: stderr.FileEnd | stderr.Copy,
    ) -> int:
        try:
            os.chdir(cwd)
            pid = os.posix_spawnp(  # launchers are looked up on PATH
                words[0],
                words,
                env,
                file_actions=watched.file_actions(),
                setpgroup=0,
                setsigdef=IGNORED_BY_PYTHON,
            )
        except OSError as error:
            if error.errno == E2BIG:
                raise too_large(words, env) from None
            command = words[0].decode("utf-8", "replace")
            raise FrameworkError(f"{command} cannot be run: {error}.", error.errno) from None
        self._group = pid
        watched.started()
        if self.stopped_by:  # arrived while the child was being started
            self._signal_group(self.stopped_by)
        return pid

    def pause(self, seconds: float) -> None:
        """Sleep, unless a signal asks for the end."""
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        waiting.poll(seconds * 1000)
        self._clear_wake()
        self.raise_if_stopped()

    def raise_if_stopped(self) -> None:
        """End the job here if a signal has asked for it."""
        if self.stopped_by:
            raise Stopped(self.stopped_by)

    def _forward(self, number: int, _frame: object) -> None:
        # Only noted where no child runs: an exception from here could surface anywhere.
        self.stopped_by = number
        if self._group and not (self.passes_on and self.passes_on(number)):
            self._signal_group(number)

    def _signal_group(self, number: int) -> bool:
        """Signal the child's group; tell whether anything is left of it."""
        try:
            os.killpg(self._group, number)
        except OSError:  # gone, or no longer ours
            return False
        return True

    def _wait(self, pid: int, watched: stderr.FileEnd | stderr.Copy) -> int:
        poll = self._poll(watched)
        while True:
            status = self._reap(pid)
            if status is not None:
                return status
            for fd, _ in poll.poll():
                if fd == self._wake:
                    self._clear_wake()
                else:
                    watched.copy()
                    if watched.closed:
                        poll.unregister(fd)

    def _poll(self, watched: stderr.FileEnd | stderr.Copy) -> select.poll:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if not watched.closed:
            poll.register(watched.fd, select.POLLIN)
        return poll

    def _clear_wake(self) -> None:
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            pass

    def _reap(self, pid: int) -> int | None:
        """Reap whatever ended; as PID 1 that includes orphans. Return the child's status."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return None
            if ended is None:
                return None
            if ended.si_pid == pid:
                # Before its number can be given to another process:
                self._signal_group(signal.SIGTERM)
            _, status = os.waitpid(ended.si_pid, 0)
            if ended.si_pid == pid:
                return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def _end_group(self, watched: stderr.FileEnd | stderr.Copy) -> None:
        """Give what the child left running, already told to end, a moment; then kill it."""
        started = time.monotonic()
        killed = False
        while self._signal_group(0):
            waited = time.monotonic() - started
            if waited > 2 * GRACE_S:
                break
            if waited > GRACE_S and not killed:
                killed = self._signal_group(signal.SIGKILL)
            self._clear_wake()
            self._poll(watched).poll(POLL_S * 1000)
            watched.copy()
            self._reap(0)


def encode(text: str, what: str) -> bytes:
    """Encode for exec, which takes bytes without NUL."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise FrameworkError(f"{what} is not valid Unicode: {error.reason}.") from None
    if b"\0" in data:
        raise FrameworkError(f"{what} holds a NUL character, which no argument or variable can.")
    return data


def encode_environment(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """Encode variables, naming the one that cannot be."""
    encoded = {}
    for name, value in variables.items():
        if "=" in name:
            raise FrameworkError(
                f"{name!r} cannot name an environment variable: it holds '='. Rename the"
                " hyperparameter or channel."
            )
        key = encode(name, f"The name of the environment variable {name!r}")
        encoded[key] = encode(value, f"The environment variable {name!r}")
    return encoded


def too_large(argv: list[bytes], env: Mapping[bytes, bytes]) -> Failure:
    """Word E2BIG: name the largest string, a hyperparameter's if one is to blame."""
    sizes = {name: len(name) + len(value) + 2 for name, value in env.items()}
    own = {name: size for name, size in sizes.items() if name.startswith(b"SM_HP_")}
    if not own or max(own.values()) <= LARGEST_STRING // 2:
        own = sizes
    name = max(own, key=lambda each: own[each])
    total = sum(sizes.values()) + sum(len(word) + 1 for word in argv)
    return ClientError(
        f"Argument list too long: the script's arguments and environment take {total} bytes, of"
        f" which {name.decode('utf-8', 'replace')} alone {own[name]}. Linux allows"
        f" {LARGEST_STRING} bytes for one string, and SM_TRAINING_ENV holds all hyperparameters"
        " in one. Pass large values as a file in an input channel.",
        E2BIG,
    )
