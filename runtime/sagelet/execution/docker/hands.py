"""Root's hands: give the caller what containers wrote as root, through the engine itself.

A container made of nothing but this machine's own /usr and /bin (read-only) runs chown. It is
needed only where the engine runs as root and the caller does not.
"""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from docker import APIClient
from docker.errors import DockerException, ImageNotFound
from docker.types import Mount
from requests.exceptions import RequestException

from sagelet.domain.errors import HostFault

_IMAGE = ("sagelet/hands", "1")


def give_back(api: APIClient, folders: Iterable[Path], labels: dict[str, str]) -> None:
    """Make the caller the owner of everything in ``folders`` that is not theirs.

    Raises:
        HostFault: it could not be done.
    """
    uid, gid = os.geteuid(), os.getegid()
    foreign = [folder for folder in folders if uid != 0 and _has_foreign(folder, uid)]
    if not foreign:
        return
    image = ":".join(_IMAGE)
    try:
        try:
            api.inspect_image(image)
        except ImageNotFound:
            api.import_image_from_data(_empty_tar(), repository=_IMAGE[0], tag=_IMAGE[1])
        mounts = [
            Mount(path, path, type="bind", read_only=True)
            for path in ("/usr", "/bin", "/lib", "/lib64")
            if Path(path).is_dir()
        ]
        mounts += [Mount(f"/give/{n}", str(path), type="bind") for n, path in enumerate(foreign)]
        container = api.create_container(
            image,
            command=["chown", "-hR", f"{uid}:{gid}", "/give"],
            labels=labels,
            environment={"PATH": "/usr/bin:/bin"},
            network_disabled=True,
            host_config=api.create_host_config(
                mounts=mounts, network_mode="none", userns_mode="host"
            ),
        )["Id"]
        try:
            api.start(container)
            code = api.wait(container)["StatusCode"]
        finally:
            api.remove_container(container, force=True, v=True)
    except (DockerException, RequestException) as error:
        raise HostFault(
            f"ClientError: files the container wrote as root could not be given to you: {error}"
        ) from None
    if code != 0:
        raise HostFault(f"ClientError: chown of {foreign[0]} ended with exit code {code}.")


def _has_foreign(folder: Path, uid: int) -> bool:
    return any(owner != uid for owner in _owners(folder))


def _owners(folder: Path) -> Iterator[int]:
    try:
        entries = list(os.scandir(folder))
    except PermissionError:
        yield -1
        return
    except FileNotFoundError:
        return
    for entry in entries:
        yield entry.stat(follow_symlinks=False).st_uid
        if entry.is_dir(follow_symlinks=False):
            yield from _owners(Path(entry.path))


def _empty_tar() -> bytes:
    with io.BytesIO() as data:
        tarfile.open(fileobj=data, mode="w").close()
        return data.getvalue()
