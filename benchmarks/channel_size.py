"""Whether a job starts later when its channel is large: both backends, four channels.

Usage: python benchmarks/channel_size.py [--rounds N]
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rounds import Sample, arguments, collect, excess, pairwise, ratio, spread, table
from workshop import FIRST_LINE, Workshop, workshop

SMALL = "1 MB, one file"
#: name -> (bytes, files)
CHANNELS = {
    SMALL: (1_000_000, 1),
    "5 GB, one file": (5_000_000_000, 1),
    "5 GB, 1,000 files": (5_000_000_000, 1000),
    "80 MB, 20,000 files": (80_000_000, 20_000),
}


def start(
    shop: Workshop, name: str, backend: str, channel: Path, script: Path, image: str | None
) -> Sample:
    ran = shop.job(shop.request(backend, channel, script, image))
    return {f"{backend}, {name}/first": ran.first, f"{backend}, {name}/wall": ran.wall}


def main() -> None:
    parser = arguments(9)
    parser.add_argument("--image", default="pytorch-training", help="an image with the toolkit")
    given = parser.parse_args()
    print("""## Size of a channel

Submit to the script's first line, and to the job's end, with channels of several sizes. The files
are sparse (truncated to their size, no data on disk): nobody reads them, and that is the point. The
ratio is to the small channel of the same round and backend.
""")
    with workshop() as shop:
        script = shop.script("train.py", FIRST_LINE)
        backends: dict[str, str | None] = {"process": None}
        if shop.no_docker:
            print(f"The rows of Docker are left out: {shop.no_docker}.\n")
        else:
            backends["docker"] = given.image
        contenders: list[Callable[[], Sample]] = []
        for name, (size, files) in CHANNELS.items():
            channel = shop.channel(name.replace(" ", "-"), size, files)
            contenders += [
                partial(start, shop, name, backend, channel, script, image)
                for backend, image in backends.items()
            ]
        samples = collect(contenders, given.rounds)
    print(
        f"Medians (least to most) of {given.rounds} rounds, in milliseconds. "
        f"Python {sys.version.split()[0]}, load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for backend in backends:
        small = [1e3 * value for value in samples[f"{backend}, {SMALL}/first"]]
        for name in CHANNELS:
            first, wall = (
                [1e3 * v for v in samples[f"{backend}, {name}/{what}"]]
                for what in ("first", "wall")
            )
            other = name != SMALL
            rows.append(
                [
                    f"{backend}, {name}",
                    spread(first, 0),
                    spread(wall, 0),
                    spread(pairwise(first, small, ratio), 2) if other else "1",
                    spread(pairwise(first, small, excess), 0) if other else "-",
                    "1, within noise" if other else "-",
                ]
            )
    print(table(["channel", "first line", "job", "ratio", "difference", "budget"], rows))


if __name__ == "__main__":
    main()
