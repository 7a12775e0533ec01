"""The image of the Docker tests: a base with Python, plus the toolkit."""

import io
import tarfile
from pathlib import Path

import docker
from docker.errors import ImageNotFound

ROOT = Path(__file__).parents[2]
NAME = "sagelet-test/toolkit:1"

DOCKERFILE = """
FROM {base}
COPY toolkit/ /opt/sagelet-toolkit/
COPY framework/ /opt/framework/
ENV PATH=/opt/sagelet-toolkit/bin:/usr/local/bin:/usr/bin:/bin
LABEL sagelet.door=1
"""

#: Stands for a framework in tests of kept hosts; found where PYTHONPATH names its folder.
FRAMEWORK = """
import os, sys
TOKEN = os.urandom(4).hex()
print("framework imported", file=sys.stderr, flush=True)
"""


def build_test_image() -> str:
    api = docker.APIClient(version="auto")
    try:
        api.inspect_image("sagelet/base:bookworm")
        base = "sagelet/base:bookworm"
    except ImageNotFound:
        base = "python:3.11-slim-bookworm"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        own = {"Dockerfile": DOCKERFILE.format(base=base), "framework/torch.py": FRAMEWORK}
        for name, text in own.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
        toolkit = ROOT / "containers" / "toolkit"
        for path in sorted(toolkit.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                tar.add(path, f"toolkit/{path.relative_to(toolkit)}")
    context.seek(0)
    for message in api.build(fileobj=context, custom_context=True, tag=NAME, decode=True, rm=True):
        assert "error" not in message, message
    api.close()
    return NAME
