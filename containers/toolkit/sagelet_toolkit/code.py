"""Puts the user's code into the code directory and installs what it asks for.

Does not fetch from S3: the platform puts such code into the code directory before the start.
"""

from __future__ import annotations

import os

from sagelet_toolkit import entrypoint
from sagelet_toolkit.failure import ClientError, FrameworkError
from sagelet_toolkit.log import Log
from sagelet_toolkit.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

    from sagelet_toolkit.process import Supervisor


def unpack(uri: str, paths: Paths, log: Log) -> None:
    """Fill an empty code directory from `uri`: an archive, a directory or a single file."""
    try:
        os.makedirs(paths.code, exist_ok=True)
        empty = not os.listdir(paths.code)
    except OSError as error:
        raise FrameworkError(
            f"The code directory {paths.code} cannot be used: {error.strerror}.", error.errno
        ) from None
    if uri == paths.code:
        return
    if not empty:
        # Code that the platform put in place from this very source is no news.
        tell = log.debug if uri.startswith(("file://", "s3://")) else log.info
        tell(f"{paths.code} already holds code; {uri} is not unpacked")
        return
    if uri.startswith("s3://"):
        raise ClientError(
            f"The source is {uri} and {paths.code} is empty: this toolkit does not download from"
            " S3. Put the code into that directory before the container starts, or give"
            " 'sagemaker_submit_directory' a local path, such as that of a channel."
        )
    _copy(_local_path(uri), paths.code, log)


def install(entry_kind: str, paths: Paths, env: Mapping[bytes, bytes], child: Supervisor) -> None:
    """Install a package, or the requirements of a script, with pip."""
    requirements = os.path.exists(os.path.join(paths.code, "requirements.txt"))
    command = [entrypoint.python(), "-m", "pip", "install"]
    if entry_kind == entrypoint.PACKAGE:
        child.log.info("Installing module.")
        error = "InstallModuleError"
        command.append(".")
    elif entry_kind == entrypoint.PROGRAM and requirements:
        child.log.info("Installing dependencies from requirements.txt")
        error = "InstallRequirementsError"
    else:
        return
    if requirements:
        if b"CA_REPOSITORY_ARN" in env:
            raise ClientError(
                "CA_REPOSITORY_ARN is set, but this toolkit does not ask CodeArtifact for an"
                " index. Set PIP_INDEX_URL to the repository's address instead."
            )
        command += ["-r", "requirements.txt"]
    child.check(error, command, env, paths.code)


def _local_path(uri: str) -> str:
    if not uri.startswith("file://"):
        return uri
    from urllib.parse import unquote, urlsplit  # rare, and costs milliseconds

    return unquote(urlsplit(uri).path)


def _copy(source: str, code_dir: str, log: Log) -> None:
    import shutil  # a job with its code in place needs none of these

    from sagelet_toolkit import archive

    try:
        if os.path.isdir(source):
            for name in os.listdir(source):
                item, target = os.path.join(source, name), os.path.join(code_dir, name)
                if os.path.isdir(item):
                    shutil.copytree(item, target, symlinks=False)
                else:
                    shutil.copy2(item, target)
        elif not os.path.isfile(source):
            raise ClientError(
                f"The source {source} does not exist. 'sagemaker_submit_directory' must name a"
                " directory, a tar.gz archive or a file inside the container."
            )
        elif archive.is_archive(source):
            archive.extract(source, code_dir, log)
        else:
            shutil.copy2(source, code_dir)
    except (OSError, shutil.Error) as error:
        raise ClientError(f"The source {source} cannot be copied to {code_dir}: {error}.") from None
