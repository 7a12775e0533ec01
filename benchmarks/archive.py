"""Packing a model: sagelet's archive against tarfile's ``w:gz``, seconds and bytes.

Usage: python benchmarks/archive.py [--rounds N] [--megabytes N]
"""

import os
import random
import sys
import tarfile
import tempfile
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rounds import Sample, arguments, collect, pairwise, ratio, spread, table

from sagelet.store.archive import pack

MEGABYTE = 1_000_000
FILES = 4
#: Deflate looks back 32 KiB, so a payload that repeats after megabytes packs like one that doesn't.
BLOCK = 4 * MEGABYTE


def weights() -> bytes:
    """Normally distributed float32 numbers."""
    return array("f", (random.gauss(0, 1) for _ in range(BLOCK // 4))).tobytes()


def text() -> bytes:
    """The standard library's sources."""
    content = b""
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        content += path.read_bytes()
        if len(content) >= BLOCK:
            break
    return content


def payload(folder: Path, block: bytes, size: int) -> Path:
    """``size`` bytes in a few files."""
    folder.mkdir()
    for number in range(FILES):
        left = size // FILES
        with (folder / f"part-{number}.bin").open("wb") as file:
            while left > 0:
                left -= file.write(block[:left])
    return folder


def ours(name: str, source: Path, target: Path) -> Sample:
    started = time.perf_counter()
    size = pack([source], target)
    return {f"{name}/ours": time.perf_counter() - started, f"{name}/ours size": size}


def tarfile_default(name: str, source: Path, target: Path) -> Sample:
    started = time.perf_counter()
    with tarfile.open(target, "w:gz") as tar:
        tar.add(source, arcname=".")
    return {
        f"{name}/peer": time.perf_counter() - started,
        f"{name}/peer size": target.stat().st_size,
    }


def main() -> None:
    parser = arguments(3)
    parser.add_argument("--megabytes", type=int, default=1000, help="of weights; default 1000")
    given = parser.parse_args()
    sizes = {"float32 weights": given.megabytes, "text (Python sources)": given.megabytes // 4}
    print(f"""## Packing a model

Normally distributed float32 weights, and text, in {FILES} files each, packed by
`sagelet.store.archive.pack` (which also flushes to disk) and by Python's `tarfile` with `w:gz` and
its default level, which is what the SageMaker SDK's local mode does. The files are in the page
cache. Size: our archive over tarfile's.
""")
    with tempfile.TemporaryDirectory(prefix="sagelet-") as folder:
        root = Path(folder)
        contenders: list[Callable[[], Sample]] = []
        for (name, megabytes), make in zip(sizes.items(), (weights, text), strict=True):
            source = payload(root / make.__name__, make(), megabytes * MEGABYTE)
            contenders += [
                partial(ours, name, source, root / "ours.tar.gz"),
                partial(tarfile_default, name, source, root / "peer.tar.gz"),
            ]
        samples = collect(contenders, given.rounds, warm=False)
    print(
        f"Medians (least to most) of {given.rounds} rounds. Python {sys.version.split()[0]}, "
        f"load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for name, megabytes in sizes.items():
        mine, peer = samples[f"{name}/ours"], samples[f"{name}/peer"]
        smaller = pairwise(samples[f"{name}/ours size"], samples[f"{name}/peer size"], ratio)
        rows.append(
            [
                f"{name}, {megabytes} MB",
                spread(mine, 2),
                spread([megabytes / t for t in mine], 0),
                spread(peer, 2),
                spread([megabytes / t for t in peer], 0),
                spread(pairwise(peer, mine, ratio), 1),
                f"{smaller[0]:.4f}",
                "5 x faster, size 1.03" if name == "float32 weights" else "-",
            ]
        )
    print(
        table(
            ["payload", "ours, s", "MB/s", "tarfile, s", "MB/s", "times faster", "size", "budget"],
            rows,
        )
    )


if __name__ == "__main__":
    main()
