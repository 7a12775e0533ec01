"""How a job runs on this machine: its ``sagelet:`` tags.

On AWS they are harmless labels; here a tag that is no option, or cannot be read, is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagelet.domain.errors import ValidationException

Document = Mapping[str, Any]

#: Tags that start with this steer how a job runs here.
OPTION_PREFIX = "sagelet:"

#: Where a job may be told to run.
BACKENDS = ("auto", "docker", "process")

#: SageMaker gives a stopped container this long between SIGTERM and SIGKILL, in seconds.
DEFAULT_GRACE = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the tags say.

    ``cpus`` in cores, ``memory`` and ``shm`` in bytes, ``grace`` in seconds. ``gpus`` is the number
    of devices, -1 for all there are. ``simulate``: whether the instance type sets limits.
    ``warm``: the hosts that are kept after it have the framework imported.
    None: decided by the instance type or the machine.
    """

    backend: str | None = None
    gpus: int | None = None
    cpus: float | None = None
    memory: int | None = None
    shm: int | None = None
    grace: float = DEFAULT_GRACE
    model: str | None = None
    python: str | None = None
    simulate: bool | None = None
    warm: bool = False


def read_options(request: Document) -> Options:
    """The options in a request's tags.

    Raises:
        ValidationException: an unknown option or a value that cannot be read.
    """
    given = {
        tag["Key"].removeprefix(OPTION_PREFIX): tag["Value"]
        for tag in request.get("Tags") or ()
        if tag["Key"].startswith(OPTION_PREFIX)
    }
    values: dict[str, Any] = {}
    for key, text in given.items():
        read = _OPTIONS.get(key)
        if read is None:
            known = ", ".join(OPTION_PREFIX + name for name in sorted(_OPTIONS))
            raise ValidationException(
                f"Tag '{OPTION_PREFIX}{key}' is no option here. Known: {known}."
            )
        try:
            values[key] = read(text)
        except ValueError as error:
            raise ValidationException(f"Tag '{OPTION_PREFIX}{key}': {error}") from None
    return Options(**values)


def size_in_bytes(text: str) -> int:
    """``512m``, ``8g``, ``1073741824``: a size as container engines write it.

    Raises:
        ValueError: not such a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([bkmgt]?)b?", text.strip().lower())
    size = float(match[1]) * 1024 ** "bkmgt".index(match[2] or "b") if match else 0.0
    if not 1 <= size < 2**63:
        raise ValueError(f"'{text}' is not a size; write for example 512m or 8g.")
    return int(size)


def size_in_words(count: float) -> str:
    """Bytes for people, in powers of a thousand."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _memory(text: str) -> int:
    size = size_in_bytes(text)
    if size < 6 * 1024**2:
        raise ValueError(f"'{text}' is too little: no container starts with less than 6m.")
    return size


def _cpus(text: str) -> float:
    value = _positive(text)
    if value < 0.01:
        raise ValueError(f"'{text}' is too little: at least 0.01 of a CPU.")
    return value


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"'{text}' is neither on nor off.")
    return text == "on"


def _backend(text: str) -> str:
    if text not in BACKENDS:
        raise ValueError(f"'{text}' is not a backend; choose auto, docker or process.")
    return text


def _gpus(text: str) -> int:
    if text == "all":
        return -1
    if not text.isdigit():
        raise ValueError(f"'{text}' is not a number of GPUs; give 0, 1, 2, ... or all.")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ValueError(f"'{text}' is not a number above zero.")
    return value


def _seconds(text: str) -> float:
    return 0.0 if text == "0" else _positive(text)


def _model(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError(
            f"'{text}' is not a model name: letters, digits, '.', '_', '-', at most 63."
        )
    return text


_OPTIONS: dict[str, Any] = {
    "backend": _backend,
    "gpus": _gpus,
    "cpus": _cpus,
    "memory": _memory,
    "shm": size_in_bytes,
    "grace": _seconds,
    "model": _model,
    "python": str,
    "simulate": _switch,
    "warm": _switch,
}
