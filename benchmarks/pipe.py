"""How fast a Pipe channel comes: the feeder against `cat` through a FIFO to the same reader.

Usage: python benchmarks/pipe.py [--rounds N] [--megabytes N]
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rounds import Sample, arguments, collect, pairwise, ratio, spread, table

from sagelet.domain.hosts import HostPlan, JobPlan, Pipe
from sagelet.domain.pipes import index_line
from sagelet.execution import feeding

MEGABYTE = 1_000_000
MANY = 1000


def objects(folder: Path, count: int, size: int) -> list[Path]:
    """Files of ``size`` bytes together, in the page cache."""
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f"{number:06}"
        # Random digits: they pack to half their size.
        path.write_bytes(os.urandom(size // count // 2).hex().encode())
        paths.append(path)
    return paths


def read(fifo: Path) -> float:
    """Read a FIFO to its end, 64 KiB at once as SageMaker's PipeModeDataset does; the seconds."""
    started = time.perf_counter()
    line = ["dd", f"if={fifo}", "of=/dev/null", "bs=64k", "status=none"]
    subprocess.run(line, check=True)
    return time.perf_counter() - started


def peer(name: str, folder: Path, paths: Sequence[Path], program: Sequence[str]) -> Sample:
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    line = 'exec "$@" > "$0"'
    with subprocess.Popen(["sh", "-c", line, str(fifo), *program, *map(str, paths)]):
        took = read(fifo)
    fifo.unlink()
    return {f"{name}/peer": took}


class Fed:
    """A host's folder with a feeder; every epoch is read once."""

    def __init__(
        self, folder: Path, paths: Sequence[Path], *, wrapped: bool, gzipped: bool
    ) -> None:
        self._data = folder / "ml" / "input" / "data"
        self._data.mkdir(parents=True)
        index = folder / "index"
        index.write_bytes(b"".join(index_line([(str(path), path.name)]) for path in paths))
        pipe = Pipe("c", str(index), wrapped=wrapped, gzipped=gzipped)
        host = HostPlan("algo-1", str(folder), None, (), {}, (), {}, pipes=(pipe,))
        self._plan = JobPlan("benchmark", "us-east-1", "", None, (host,), isolated=False, grace=0)
        self._lock = (folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        feeding.start(host, "sagelet.execution.feeder", {"lock": self._lock.name})
        self._epoch = 0

    def turn(self, name: str) -> Sample:
        """Read the next epoch."""
        fifo = self._data / f"c_{self._epoch}"
        self._epoch += 1
        while not fifo.exists():
            time.sleep(0.01)
        return {f"{name}/ours": read(fifo)}

    def close(self) -> None:
        """End the feeder."""
        feeding.end(self._plan)
        self._lock.close()


def main() -> None:
    parser = arguments(9)
    parser.add_argument("--megabytes", type=int, default=1000, help="an epoch; default 1000")
    given = parser.parse_args()
    size = given.megabytes * MEGABYTE
    print(f"""## Pipe mode

One epoch of a Pipe channel, {given.megabytes} MB in the page cache, from the open of its pipe to
the end, read 64 KiB at once by `dd`: the feeder, which fills it for a job's host, against `cat` of
the same files into a FIFO with the same reader (for Gzip, `gzip -dc`; a tenth of the data). The
feeder wraps each object as a RecordIO record where that is said; `cat` never does.
""")
    with tempfile.TemporaryDirectory(prefix="sagelet-") as place:
        root = Path(place)
        one, many = objects(root / "one", 1, size), objects(root / "many", MANY, size)
        packed = objects(root / "packed", 4, size // 10)
        subprocess.run(["gzip", "-1", *map(str, packed)], check=True)
        packed = [path.with_suffix(".gz") for path in packed]
        kinds = {
            "one object": (one, ["cat"], False, False),
            f"{MANY:,} objects": (many, ["cat"], False, False),
            f"{MANY:,} objects, RecordIO": (many, ["cat"], True, False),
            "4 objects, Gzip": (packed, ["gzip", "-dc"], False, True),
        }
        contenders: list[Callable[[], Sample]] = []
        fed = []
        for number, (name, (paths, program, wrapped, gzipped)) in enumerate(kinds.items()):
            feeder = Fed(root / f"host-{number}", paths, wrapped=wrapped, gzipped=gzipped)
            fed.append(feeder)
            contenders += [
                partial(feeder.turn, name),
                partial(peer, name, root, paths, program),
            ]
        try:
            samples = collect(contenders, given.rounds)
        finally:
            for feeder in fed:
                feeder.close()
    print(
        f"Medians (least to most) of {given.rounds} rounds, in GB/s. "
        f"Python {sys.version.split()[0]}, load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for name, (_, _, _, gzipped) in kinds.items():
        gigabytes = size / 1e9 / (10 if gzipped else 1)
        ours, cat = ([gigabytes / t for t in samples[f"{name}/{who}"]] for who in ("ours", "peer"))
        budget = "-" if gzipped else "1 GB/s, or 0.8 of cat"
        rows.append(
            [name, spread(ours, 2), spread(cat, 2), spread(pairwise(ours, cat, ratio), 2), budget]
        )
    print(table(["channel", "ours, GB/s", "cat, GB/s", "ratio", "budget"], rows))


if __name__ == "__main__":
    main()
