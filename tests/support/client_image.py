"""A training image whose jobs can call AWS: the small one, with boto3 and the SDK installed."""

import io
import tarfile

import docker
from docker.errors import ImageNotFound

from support.clients import PINS

NAME = "sagelet-test/sdk:" + PINS["sagemaker2"][0].rpartition("=")[2]

#: The Python of the base has no pip of its own; a venv brings one.
DOCKERFILE = """
FROM {base}
RUN python3 -m venv /opt/sdk && /opt/sdk/bin/pip install --no-cache-dir -q {pins}
ENV PATH=/opt/sdk/bin:/opt/sagelet-toolkit/bin:/usr/local/bin:/usr/bin:/bin
"""


def build_client_image(base: str) -> str:
    """Build it where it is missing; installing the SDK takes a minute or two."""
    api = docker.APIClient(version="auto", timeout=900)
    try:
        inside = api.inspect_image(NAME)["RootFS"]["Layers"]
        below = api.inspect_image(base)["RootFS"]["Layers"]
        if inside[: len(below)] == below:  # made on this very toolkit
            return NAME
    except ImageNotFound:
        pass
    finally:
        api.close()
    content = DOCKERFILE.format(base=base, pins=" ".join(PINS["sagemaker2"][:2])).encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    context.seek(0)
    api = docker.APIClient(version="auto", timeout=900)
    for message in api.build(fileobj=context, custom_context=True, tag=NAME, decode=True, rm=True):
        assert "error" not in message, message
    api.close()
    return NAME
