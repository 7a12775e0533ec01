"""An interpreter that is kept ready for a script: started before its job is here, given it then.

What happens inside it is in `boot/sitecustomize.py`. Nothing depends on it: where it is not what
a fresh one would be, or has ended, the script gets a fresh one.
"""

from __future__ import annotations

import marshal
import os
import select

from sagelet_toolkit import entrypoint, stderr
from sagelet_toolkit.environment import PYTORCH, SKLEARN, TENSORFLOW, Environment
from sagelet_toolkit.process import IGNORED_BY_PYTHON, Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Sequence

    from sagelet_toolkit.log import Log
    from sagelet_toolkit.paths import Paths

MODULES = {PYTORCH: "torch", TENSORFLOW: "tensorflow", SKLEARN: "sklearn"}
# What says which job it is, and means nothing to a framework while it is imported.
_OF_ONE_JOB = (b"SM_", b"SAGEMAKER_", b"TRAINING_JOB_", b"AWS_", b"SAGELET_")
_OF_ITS_PROXY = (b"HTTPS_PROXY", b"NO_PROXY", b"REQUESTS_CA_BUNDLE", b"PYTHONPATH", b"SM_HP_")


class Ready(Supervisor):
    """Runs children as its base does; the script, if it can, in the interpreter kept ready."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self._kept: Kept | None = None

    def prepare(self, environment: Environment, variables: dict[str, str], paths: Paths) -> None:
        """Start an interpreter for the entry point, if that is a script of a known framework."""
        module = MODULES.get(environment.framework)
        name = environment.user_entry_point
        if module is None or environment.launchers or not str(name).endswith(".py"):
            return
        from sagelet_toolkit.process import encode_environment

        command = entrypoint.command(entrypoint.PROGRAM, str(name), [])
        try:
            self._kept = Kept(command, module, encode_environment(variables), paths)
        except OSError:
            return
        self._group = self._kept.pid

    def rest(self, bell: int, seconds: float) -> None:
        """Wait until the bell rings, a signal comes or the time is over."""
        kept = self._kept
        waiting = select.poll()
        for fd in (
            bell,
            self._wake,
            *([kept.output.fd] if kept and not kept.output.closed else []),
        ):
            waiting.register(fd, select.POLLIN)
        if bell in [fd for fd, _ in waiting.poll(seconds * 1000)]:
            os.read(bell, 4096)
        self._clear_wake()
        if kept:
            kept.output.copy()
            if self._reap(kept.pid) is not None:  # it ended before it was needed
                kept.output.finish()
                self._kept = None
                self._group = 0

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[bytes, bytes],
        cwd: str,
        watched: stderr.FileEnd | stderr.Copy | None = None,
    ) -> tuple[int, bytes]:
        """Run a command to its end, as the base does."""
        kept = self._kept
        if kept is None or list(argv[: len(kept.command)]) != kept.command:
            return super().run(argv, env, cwd, watched)
        self.raise_if_stopped()
        self._kept = None
        self._group = kept.pid
        if kept.suits(env) and self._hand_over(kept, argv, env, cwd):
            return self._follow(kept.pid, kept.output)
        self.end(kept)
        return super().run(argv, env, cwd, watched)

    def _hand_over(
        self, kept: Kept, argv: Sequence[str], env: Mapping[bytes, bytes], cwd: str
    ) -> bool:
        """Give it the job; tell whether it took it. It may have to end its imports before."""
        kept.output.begin()
        kept.tell(argv, env, cwd)
        poll = self._poll(kept.output)
        poll.register(kept.answer, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == kept.answer:
                    return os.read(kept.answer, 1) == b"y"
                if fd == self._wake:
                    self._clear_wake()
                else:
                    kept.output.copy()
                    if kept.output.closed:
                        poll.unregister(fd)

    def end(self, kept: Kept | None = None) -> None:
        """Kill the interpreter, if there is one."""
        kept = kept or self._kept
        if kept is not None:
            self._kept = None
            self._group = kept.pid
            self._signal_group(9)
            self._wait(kept.pid, kept.output)
            self._end_group(kept.output)
            kept.output.drain()
            kept.output.finish()
            self._group = 0


class Kept:
    """The interpreter: its process, its output, and how it is told of its job."""

    def __init__(
        self, command: list[str], module: str, env: Mapping[bytes, bytes], paths: Paths
    ) -> None:
        self.command = command
        self._env = env
        search = env.get(b"PYTHONPATH", b"")
        others = search.split(b":", 1)[1:]  # behind the code's folder, which is to come
        boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")
        wake, self._waker = os.pipe()
        self.answer, answering = os.pipe()
        self._message = os.memfd_create("job")
        given = (wake, answering, self._message)
        self.output = stderr.watch()
        for fd in given:
            os.set_inheritable(fd, True)
        numbers = ",".join([str(fd) for fd in given])
        try:
            os.chdir(paths.code)
            self.pid = os.posix_spawn(
                command[0],
                command,
                {
                    **env,
                    b"PYTHONPATH": b":".join([os.fsencode(boot), *others]),
                    b"SAGELET_BOOT": os.fsencode(f"{numbers},{paths.base}"),
                    b"SAGELET_BOOT_PATH": search,
                    b"SAGELET_BOOT_MODULE": module.encode(),
                },
                file_actions=self.output.file_actions(),
                setpgroup=0,
                setsigdef=IGNORED_BY_PYTHON,
            )
        finally:
            for fd in given:
                os.set_inheritable(fd, False)
            os.close(wake)
            os.close(answering)
        self.output.started()

    def suits(self, env: Mapping[bytes, bytes]) -> bool:
        """Tell whether it was started with all that decides how a framework is imported."""
        return _lasting(env) == _lasting(self._env)

    def tell(self, argv: Sequence[str], env: Mapping[bytes, bytes], cwd: str) -> None:
        """Say what to run."""
        job = {
            "environment": dict(env),
            "arguments": [*argv[len(self.command) - 1 :]],
            "command": [*argv],
            "code": cwd,
        }
        data = memoryview(marshal.dumps(job))
        while data:
            data = data[os.write(self._message, data) :]
        try:
            os.write(self._waker, b"x")
        except BrokenPipeError:  # it has ended; its answer says so
            pass
        os.close(self._waker)


def _lasting(env: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {
        name: value
        for name, value in env.items()
        if not name.startswith(_OF_ONE_JOB) and name not in _OF_ITS_PROXY
    }
