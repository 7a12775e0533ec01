"""The control plane's image, built as a user builds it.

Where no registry can be reached, its base is the offline base image with the tester's own Python
on top: Debian's is too old for the control plane.
"""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = "sagelet-test/plane:1"
OFFLINE = "sagelet/base:bookworm"
OFFLINE_PYTHON = f"sagelet-test/python:{sys.version_info.major}.{sys.version_info.minor}"


def build_plane_image() -> str:
    """Build it; layers that did not change are the engine's cache's."""
    arguments = []
    if _exists(OFFLINE):
        arguments = ["--build-arg", f"BASE_IMAGE={_offline_python()}"]
    done = subprocess.run(
        ["docker", "build", "-t", NAME, *arguments, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return NAME


def _exists(image: str) -> bool:
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    return found.returncode == 0


def _offline_python() -> str:
    """The offline base with this interpreter in /usr/local."""
    if _exists(OFFLINE_PYTHON):
        return OFFLINE_PYTHON
    prefix = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        content = (
            f"FROM {OFFLINE}\nCOPY local/ /usr/local/\nRUN ldconfig && python3 --version\n".encode()
        )
        dockerfile = tarfile.TarInfo("Dockerfile")
        dockerfile.size = len(content)
        tar.addfile(dockerfile, io.BytesIO(content))
        tar.add((prefix / "bin" / version).resolve(), f"local/bin/{version}")
        for name in ("python3", "python"):
            link = tarfile.TarInfo(f"local/bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, version
            tar.addfile(link)
        tar.add(prefix / "lib" / version, f"local/lib/{version}", filter=_standard_library)
        for library in sorted((prefix / "lib").glob(f"lib{version}*.so*")):
            tar.add(library, f"local/lib/{library.name}")
    subprocess.run(
        ["docker", "build", "-q", "-t", OFFLINE_PYTHON, "-"],
        input=context.getvalue(),
        capture_output=True,
        check=True,
    )
    return OFFLINE_PYTHON


def _standard_library(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = member.name.split("/")
    unwanted = {"site-packages", "test", "__pycache__", "idlelib", "tkinter", "turtledemo"}
    return None if unwanted & set(parts) else member
