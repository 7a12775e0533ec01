"""Finds, in what a launcher wrote, the process that failed first and its own words.

torchrun and mpirun report at the end in their own way, after what all processes wrote at once.
Loaded only when something failed.
"""

from __future__ import annotations

import re

from sagelet_toolkit.reason import HEADER, last_traceback

# How a script words that another host or process went away: never the cause.
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
_TAGS = (  # the second within the first under pytorchddp
    re.compile(r"^\[\d+,mpirank:(\d+),[^]]*\]<std(?:err|out)>:"),  # mpirun, as `labels` has it
    re.compile(r"^\[rank(\d+)\]: "),  # torch.distributed, once it knows the rank
)
_PRINTED = re.compile(r"^\[\d+,mpirank:\d+,[^]]*\]<stdout>:")
_TORCHRUN_NOTE = re.compile(r"^[IWE]\d{4} \d\d:\d\d:\d\d\.\d+ \d+ \S*torch/distributed/")
_TORCHRUN_REPORT = re.compile(
    r"Root Cause \(first observed failure\):.*?host +: (\S+).*?rank +: (\d+).*?exitcode +: (-?\d+)",
    re.DOTALL,
)
_MPI_EXIT = re.compile(r"Process name: \[\[\d+,\d+\],(\d+)\]\s+Exit code: +(\d+)")
_MPI_SIGNAL = re.compile(r"process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)")
_MPI_ABORT = re.compile(
    r"MPI_ABORT was invoked on rank (\d+) in communicator.*?errorcode (\d+)", re.DOTALL
)
_MPI4PY = re.compile(r'^  File "(<frozen runpy>|.*/mpi4py/\w+\.py)", line')


class Fault:
    """The first process to fail: its status, what it wrote, and which one it was, in words."""

    def __init__(self, status: int, text: str, where: str = "") -> None:
        self.status = status
        self.text = text.encode("utf-8", "surrogateescape")
        self.where = where


def lost_a_peer(text: str) -> bool:
    """Tell whether a failure is the consequence of another one elsewhere."""
    return any(phrase in text for phrase in _LOST)


def first_to_fail(text: str, status: int) -> Fault:
    """Read the end of a launcher's stderr; `status` is the launcher's own."""
    report = _TORCHRUN_REPORT.search(text)
    if report:
        host, rank, code = report.groups()
        spoken = _by_rank(_without_torchrun(text))
        rank = _better(rank, spoken)
        words = "\n".join(spoken.get(rank) or spoken.get("") or [])
        return Fault(int(code) or status, words, f"Rank {rank} on {host} failed first")
    spoken = _by_rank(_without_mpirun(text))
    killed = _MPI_SIGNAL.search(text)
    if killed:
        rank, _, number = killed.groups()
        status = -int(number)
    else:
        ended = _MPI_ABORT.search(text) or _MPI_EXIT.search(text)  # not always written in time
        rank, code = ended.groups() if ended else ("", "0")
        rank = _better(rank, spoken)
        status = int(code) or status
    if not rank:
        return Fault(status, text)
    host = killed.group(2) if killed else _host_of(rank, text)
    words = "\n".join(_without_mpi4py(spoken.get(rank, [])))
    return Fault(status, words, f"Rank {rank} on {host} failed first")


def _by_rank(lines: list[str]) -> dict[str, list[str]]:
    """Sort lines by the rank in front of them; those of nobody in particular under ''."""
    spoken: dict[str, list[str]] = {}
    for line in lines:
        if _PRINTED.match(line):
            continue
        rank = ""
        for tag in _TAGS:  # the second within the first under pytorchddp
            found = tag.match(line)
            if found:
                rank = found.group(1)
                line = line[found.end() :]  # noqa: PLW2901
        spoken.setdefault(rank, []).append(line)
    return spoken


def _better(rank: str, spoken: dict[str, list[str]]) -> str:
    """Look past a process that failed only because another one did, or find one where none is."""
    cause = _cause(spoken.get(rank, []))
    if rank and not lost_a_peer(cause):
        return rank
    for other in sorted(spoken):
        cause = _cause(spoken[other])
        if other and cause and not lost_a_peer(cause):
            return other
    return rank


def _cause(lines: list[str]) -> str:
    found = last_traceback(lines)
    return lines[found[1]] if found else ""


def _host_of(rank: str, text: str) -> str:
    found = re.search(rf"\[\d+,mpirank:{rank},([^]]*)\]", text)
    return found.group(1) if found else "an unknown host"


def _without_torchrun(text: str) -> list[str]:
    """Drop torchrun's log lines and the traceback of its own that it ends with."""
    before = text[: text.rfind("ChildFailedError")]
    lines = before[: before.rfind(HEADER)].splitlines()
    return [line for line in lines if not _TORCHRUN_NOTE.match(line)]


def _without_mpirun(text: str) -> list[str]:
    """Drop mpirun's reports, which stand between lines of dashes."""
    kept = []
    inside = False
    for line in text.splitlines():
        if len(line) > 70 and not line.strip("-"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return kept


def _without_mpi4py(lines: list[str]) -> list[str]:
    """Drop the frames between `python -m mpi4py` and the script."""
    kept: list[str] = []
    source = False
    for line in lines:
        source = bool(_MPI4PY.match(line)) or (source and line.startswith("    "))
        if not source:
            kept.append(line)
    return kept
