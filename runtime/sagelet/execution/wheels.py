"""Wheels to prefer over what the package index calls the same version.

On Linux the index's torch carries CUDA, several gigabytes that a CPU job never uses. Where pip
(with its own configuration, or TORCH_INDEX_URL) knows a CPU build of the pinned version, that wheel
is fetched once and given to environments and image builds alike.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from sagelet.execution.backend import Progress
from sagelet.execution.commands import run

#: The interpreter in the images; environments on another Python ask for their own.
IMAGE_PYTHON = "3.11"


class Wheels:
    """Wheel files under ``cache``/wheels and in ``containers``/wheels."""

    def __init__(self, containers: Path, cache: Path, index: str | None) -> None:
        self._containers = containers
        self._cache = cache / "wheels"
        self._index = index

    def folders(self) -> Sequence[Path]:
        """Where wheels may lie."""
        return [f for f in (self._containers / "wheels", self._cache) if any(f.glob("*.whl"))]

    def files(self, framework: str) -> list[Path]:
        """The wheels of a framework's own package, one a file name."""
        package = {"pytorch": "torch"}.get(framework, framework)
        found = {
            path.name: path for folder in self.folders() for path in folder.glob(f"{package}-*.whl")
        }
        return [found[name] for name in sorted(found)]

    def fetch_cpu_build(self, framework: str, python: str, progress: Progress) -> None:
        """Fetch a CPU build where there is one to be had; without one the index decides."""
        pin = self._pin(framework)
        if pin is None:
            return
        tag = "cp" + python.replace(".", "")
        version = re.escape(pin.partition("==")[2])
        wanted = re.compile(rf"torch-{version}\+cpu-{tag}-")
        if any(wanted.match(path.name) for path in self.files(framework)):
            return
        progress(f"looking for a CPU build of {pin}")
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary=:all:", "--python-version", python),
            *("--dest", str(self._cache), f"{pin}+cpu"),
        ]
        if self._index:
            command += ["--extra-index-url", self._index]
        self._cache.mkdir(parents=True, exist_ok=True)
        run(command, progress, lambda _line: None)

    def _pin(self, framework: str) -> str | None:
        if framework != "pytorch":  # the others have packages of their own for the CPU
            return None
        text = (self._containers / framework / "requirements.txt").read_text()
        match = re.search(r"^torch==\S+$", text, re.MULTILINE)
        return match[0] if match else None
