"""Framework environments of the process backend: venvs from the images' own requirements files.

Made once, kept in the cache, keyed by what would go into them. A half-made one has no mark and is
made again.
"""

import contextlib
import fcntl
import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagelet.domain.errors import Unavailable
from sagelet.execution.backend import Cancelled, Progress
from sagelet.execution.commands import run
from sagelet.execution.wheels import Wheels

_MARK = ".complete"
_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Environments:
    """Venvs under ``cache``/environments; ``containers`` holds the requirements files."""

    def __init__(self, containers: Path, cache: Path, wheels: Wheels) -> None:
        self._containers = containers
        self._wheels = wheels
        self._root = cache / "environments"

    @property
    def toolkit(self) -> Path:
        """The source root of the in-container toolkit."""
        return self._containers / "toolkit"

    def python(self, framework: str, *, gpu: bool = False) -> Path:
        """The interpreter of a framework's environment, made or not."""
        return self._folder(framework, gpu=gpu) / "bin" / "python"

    def ready(self, framework: str, *, gpu: bool = False) -> bool:
        """Whether the environment is whole."""
        return (self._folder(framework, gpu=gpu) / _MARK).exists()

    def ensure(self, framework: str, progress: Progress, *, gpu: bool = False) -> None:
        """Make the environment unless it is there.

        Raises:
            Unavailable: pip could not install it.
            Cancelled: told to stop; what was done is removed.
        """
        if self.ready(framework, gpu=gpu):
            return
        self._root.mkdir(parents=True, exist_ok=True)
        folder = self._folder(framework, gpu=gpu)
        with _locked(folder.with_name(folder.name + ".lock"), progress):
            if self.ready(framework, gpu=gpu):  # another process made it meanwhile
                return
            shutil.rmtree(folder, ignore_errors=True)
            progress(f"creating the {framework} environment (once) in {folder}")
            try:
                if not gpu:
                    self._wheels.fetch_cpu_build(framework, _PYTHON, progress)
                import venv

                venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
                for requirements in self._requirements(framework, gpu=gpu):
                    self._install(folder, requirements, progress, local_wheels=not gpu)
                completion = self._completion(framework)
                if completion is not None:
                    _complete(folder, completion)
                (folder / _MARK).touch()
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    def layer(self, base: str, folder: Path) -> Path:
        """A venv of a job's own over ``base``'s packages, for what its script installs."""
        python = folder / "bin" / "python"
        facts = facts_of(base)
        packages = folder / "lib" / f"python{facts['version']}" / "site-packages"
        packages.mkdir(parents=True, exist_ok=True)
        python.parent.mkdir(exist_ok=True)
        home = Path(facts["executable"]).parent
        (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        (packages / "_base.pth").write_text("\n".join(facts["site"]) + "\n")
        for name in ("python", "python3"):
            with contextlib.suppress(FileExistsError):
                python.with_name(name).symlink_to(facts["executable"])
        for name in ("pip", "pip3"):  # the base's own installs into the base
            program = python.with_name(name)
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -m pip "$@"\n')
            program.chmod(0o755)
        return python

    def _requirements(self, framework: str, *, gpu: bool) -> list[Path]:
        """What is installed, in order; ``-nodeps`` files without their dependencies."""
        folder = self._containers / framework
        special = folder / "requirements-gpu.txt"
        first = special if gpu and special.exists() else folder / "requirements.txt"
        return [path for path in (first, folder / "requirements-nodeps.txt") if path.exists()]

    def _completion(self, framework: str) -> Path | None:
        """What is run in the environment once all is installed, as in the image."""
        path = self._containers / framework / "complete.py"
        return path if path.exists() else None

    def _folder(self, framework: str, *, gpu: bool) -> Path:
        made_of = [*self._requirements(framework, gpu=gpu), self._completion(framework)]
        content = b"".join(path.read_bytes() for path in made_of if path is not None)
        key = hashlib.sha256(content + sys.version.encode() + sys.base_prefix.encode()).hexdigest()
        return self._root / f"{framework}-{'gpu' if gpu else 'cpu'}-{key[:12]}"

    def _install(
        self, folder: Path, requirements: Path, progress: Progress, *, local_wheels: bool
    ) -> None:
        command = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar",
            "off",
            "-r",
            str(requirements),
        ]
        if requirements.stem.endswith("-nodeps"):
            command.append("--no-deps")
        for wheels in self._wheels.folders() if local_wheels else ():  # they are CPU builds
            command += ["--find-links", str(wheels)]
        said: list[str] = []

        def tell(line: str) -> None:
            said.append(line)
            if line.startswith(("Collecting", "Downloading", "Installing", "Building")):
                progress(line[:100])

        if run(command, progress, tell) != 0:
            reason = [line for line in said if line.startswith("ERROR")] or said[-3:]
            raise Unavailable(
                f"pip could not install {requirements}: {' '.join(reason)[:800]} "
                "(A proxy or package index is set as for any pip; then run the same command again.)"
            )


def _complete(folder: Path, completion: Path) -> None:
    python = folder / "bin" / "python"
    done = subprocess.run([python, completion], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{completion} failed in {folder}: {done.stderr.strip()[-400:]}")


def facts_of(python: str) -> dict[str, Any]:
    """What an interpreter says of itself: version, executable, package folders.

    Raises:
        Unavailable: it is no Python that runs.
    """
    try:
        done = subprocess.run(
            [python, "-c", _FACTS], check=True, capture_output=True, text=True, timeout=60
        )
        facts: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Unavailable(f"{python} is not a Python interpreter that runs: {error}") from None
    return facts


_FACTS = """
import json, site, sys, sysconfig
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "executable": getattr(sys, "_base_executable", sys.executable),
    "site": [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))],
}))
"""


@contextlib.contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """One maker at a time, over all processes."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress("waiting for another sagelet to finish the environment")
                if progress.cancelled():
                    raise Cancelled from None
                time.sleep(0.2)
        yield
