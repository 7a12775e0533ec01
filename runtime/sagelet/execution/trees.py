"""What a tree of processes uses, from /proc.

A few files a process, and only of the tree: a library would read the whole table of processes to
find the tree.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

#: A process of this size may share much with its children, in bytes.
_LARGE = 32 << 20


def used(pid: int) -> tuple[float, int] | None:
    """CPU time in seconds, ended children's included, and memory in bytes; None: it has ended."""
    time, sizes = 0.0, {}
    for each in _tree(pid):
        try:
            time += _cpu(each)
            sizes[each] = _resident(each)
        except (OSError, ValueError, IndexError):  # it has ended meanwhile
            continue
    if not sizes:
        return None
    if sum(size > _LARGE for size in sizes.values()) > 1:
        # Forked processes have most of their pages in common, which must not count twice. To find
        # out takes the kernel time, so it is asked only where it matters.
        sizes = {each: _share(each) or size for each, size in sizes.items()}
    return time / _TICKS, sum(sizes.values())


def _tree(pid: int) -> Iterator[int]:
    """The process and all below it."""
    pending, seen = [pid], {pid}
    while pending:
        current = pending.pop()
        yield current
        for child in _children(current):
            if child not in seen:  # a number may be taken anew meanwhile
                seen.add(child)
                pending.append(child)


def _children(pid: int) -> Iterator[int]:
    """A process's children, whichever of its threads made them."""
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (thread / "children").read_text().split())
    except OSError:
        return


def _cpu(pid: int) -> float:
    """Its time and that of the children it has waited for, in the system's ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(float, fields[11:15]))


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _share(pid: int) -> int | None:
    """Its memory, with its part of what it shares; None if that may not be seen."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open(encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024
