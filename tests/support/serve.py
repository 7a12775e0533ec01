"""A control plane as its user starts it, and clients that know nothing but its environment."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from support.cli import COMMAND, running_with, sagelet, wait_until
from support.clients import client_python

SCRIPTS = Path(__file__).parents[1] / "e2e" / "scripts"
EXAMPLES = Path(__file__).parents[2] / "examples"

#: What a client gets of the tester's own environment: nothing that names an AWS, a proxy, a bundle.
KEPT = ("PATH", "LANG", "TMPDIR", "TZ")


class Plane:
    """``sagelet serve`` on a home of its own; clients run with what ``sagelet env`` says."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        environ: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.user = folder / "user"
        self.user.mkdir(parents=True, exist_ok=True)
        self.log = folder / "serve.log"
        self.environ = {**os.environ, "SAGELET_HOME": str(self.home), **(environ or {})}
        self.options, self.prefix = options, prefix
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *COMMAND, "serve", "--port", "0", *self.options],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self.ready, "the control plane", 60)
        except BaseException:
            self.process.kill()
            self.process.wait()
            print(self.log.read_text()[-3000:])
            raise
        done = sagelet("env", "--format", "json", env=self.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        self.env: dict[str, str] = json.loads(done.stdout)
        self.url = self.env["AWS_ENDPOINT_URL"]

    def ready(self) -> bool:
        """Whether the process lives and `sagelet env` can name it."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            running = json.loads((self.home / "control.lock").read_text())
        except (OSError, ValueError):
            return False
        return bool(running.get("url")) and running["pid"] in self._started()

    def _started(self) -> list[int]:
        """Our process, and those that a program before the command's own started."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [self.process.pid, *map(int, Path(children).read_text().split())]

    def health(self) -> int:
        """The status of GET /_health, past any proxy of the tester's."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/_health", timeout=10) as answer:
            return int(answer.status)

    def client_environ(self, **more: str) -> dict[str, str]:
        """What a client process sees: a bare user's environment and `sagelet env`."""
        kept = {key: value for key, value in os.environ.items() if key in KEPT}
        return {**kept, "HOME": str(self.user), **self.env, **more}

    def run(
        self,
        client: str,
        script: str | Path,
        *arguments: object,
        timeout: float = 600,
        prefix: Sequence[str] = (),
        cwd: Path | None = None,
        **environ: str,
    ) -> str:
        """Run a script of tests/e2e/scripts with a client's interpreter; its standard output."""
        return self.command(
            [str(client_python(client)), str(SCRIPTS / script), *map(str, arguments)],
            timeout=timeout,
            prefix=prefix,
            cwd=cwd,
            **environ,
        )

    def ask(self, client: str, script: str | Path, *arguments: object, **options: Any) -> Any:
        """Like ``run``; the last line of the output is a JSON document."""
        return json.loads(self.run(client, script, *arguments, **options).splitlines()[-1])

    def aws(self, *arguments: object, timeout: float = 120) -> str:
        """The AWS CLI."""
        return self.command(self.aws_command(*arguments), timeout=timeout)

    @staticmethod
    def aws_command(*arguments: object) -> list[str]:
        """What runs the AWS CLI."""
        return [str(client_python("boto3").with_name("aws")), *map(str, arguments)]

    def command(
        self,
        command: Sequence[str],
        *,
        timeout: float,
        prefix: Sequence[str] = (),
        cwd: Path | None = None,
        **environ: str,
    ) -> str:
        """Run a client to its end; it must succeed."""
        done = self.attempt([*prefix, *command], timeout=timeout, cwd=cwd, **environ)
        said = f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        assert done.returncode == 0, f"{' '.join(command)}\n{said}\n{self.tail()}"
        return done.stdout

    def attempt(
        self, command: Sequence[str], *, timeout: float = 120, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a client to its end, whatever it is."""
        return subprocess.run(
            list(command),
            env=self.client_environ(**more),
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
        )

    def tail(self) -> str:
        """The end of the control plane's own output, for failure messages."""
        return f"--- serve.log\n{self.log.read_text()[-3000:]}"

    def stop(self) -> None:
        """Stop it as a service manager does; nothing of it may be left."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        assert code in (0, 143, -15), f"{code}\n{self.tail()}"
        assert not (self.home / "control.sock").exists()
        wait_until(lambda: not running_with(str(self.home)), "its processes to end", 30)
        assert self.containers() == []

    def containers(self) -> list[str]:
        """What the engine has of this home."""
        try:
            done = subprocess.run(
                ["docker", "ps", "-aq", "--filter", f"label=sagelet.home={self.home}"],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            return []
        return done.stdout.split()
