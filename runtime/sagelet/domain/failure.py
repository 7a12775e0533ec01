"""FailureReason: the text SageMaker makes of how a host ended."""

from dataclasses import dataclass
from signal import Signals

#: API limit on FailureReason, in characters.
LIMIT = 1024

OUT_OF_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data "
    "processed on an instance."
)


@dataclass(frozen=True, slots=True)
class LastWords:
    """The file in /opt/ml/output with which a host says how it ended.

    ``condemns``: that it is there makes the job fail, whatever the exit code. ``silence`` is what
    is said of a host that failed without a word.
    """

    file: str
    condemns: bool
    silence: str = ""


_FAILURE = LastWords("failure", condemns=True)

#: How frameworks word that another host went away.
_LOST = (
    "Connection closed by peer",
    "Connection reset by peer",
    "Connection refused",
    "Broken pipe",
    "Socket closed",
    "ncclRemoteError",
    "ncclSystemError",
    "DistNetworkError",
    "failed to connect to all addresses",
    "recvValue failed",
    "sendBytes failed",
)


def host_failure(
    failure_file: str | None,
    code: int,
    *,
    oom: bool,
    error: str | None,
    host: str | None,
    words: LastWords = _FAILURE,
) -> str | None:
    """Why a host failed, or None when it succeeded.

    Args:
        failure_file: content of the file of its last words (/opt/ml/output/failure for a training
            job), None when there is no such file.
        code: the exit code, 128 + n after signal n.
        oom: the kernel killed it for want of memory.
        error: why it never started.
        host: its name, where the job has several.
        words: what that file means.
    """
    where = f" ({host})" if host else ""
    if error:
        return _cut(f"ClientError: {error}", where)
    if oom and code != 0:
        return _cut(OUT_OF_MEMORY, where)
    if code == 0 and (failure_file is None or not words.condemns):
        return None
    suffix = f", exit code: {code}{where}"
    room = LIMIT - len("AlgorithmError: ") - len(suffix)
    text = (failure_file or "").strip() or _signalled(code) or words.silence
    return f"AlgorithmError: {text[:room]}{suffix}"


def blames_another(failure_file: str) -> bool:
    """Whether a host says that it failed because another one was gone: never the cause."""
    return any(words in failure_file for words in _LOST)


def _signalled(code: int) -> str:
    """What is known of a host that was killed before it could say anything."""
    try:
        return f"the host was killed by {Signals(code - 128).name}"
    except ValueError:
        return ""


def _cut(text: str, end: str) -> str:
    room = LIMIT - len(end)
    return (text if len(text) <= room else text[: room - 3] + "...") + end
