"""A script that prints a million lines: how long it takes, and whether all of them arrive in order.

Usage: python benchmarks/logs.py [--rounds N] [--lines N]
"""

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rounds import Sample, arguments, collect, pairwise, ratio, spread, table
from workshop import FIRST_LINE, PYTHON, Workshop, workshop

from sagelet.domain.hosts import HostPlan

FILL = "x" * 72


def printer(lines: int) -> str:
    """A script that prints numbered lines, 80 bytes or so each."""
    return FIRST_LINE + f"for n in range({lines}):\n    print(f'line {{n}} {FILL}')\n"


def verified(log: Path, lines: int) -> None:
    """Every line is there, whole and in order.

    Raises:
        SystemExit: one is not.
    """
    wanted = 0
    with log.open("rb") as file:
        for line in file:  # the toolkit may have had a word before the script
            if b"first line" in line:
                break
        for line in itertools.islice(file, lines):  # and after it
            if not line.endswith(f"line {wanted} {FILL}\n".encode()):
                break
            wanted += 1
    if wanted != lines:
        raise SystemExit(f"only {wanted} lines of {lines} arrived whole and in order")


def job(
    shop: Workshop, name: str, lines: int, channel: Path, script: Path, image: str | None
) -> Sample:
    ran = shop.job(shop.request("process" if image is None else "docker", channel, script, image))
    assert ran.log is not None
    verified(ran.log, lines)
    ran.log.unlink()
    return {name: ran.wall}


def to_file(shop: Workshop, name: str, lines: int, line: Sequence[str]) -> Sample:
    target = shop.folder / "printed"
    with target.open("wb") as file:
        started = time.perf_counter()
        done = subprocess.run(
            line, env=shop.environ, stdout=file, stderr=subprocess.PIPE, check=False
        )
        wall = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    verified(target, lines)
    return {name: wall}


def engine_to_file(
    shop: Workshop, name: str, lines: int, make: Callable[[], HostPlan], image: str
) -> Sample:
    host = make()
    line = ["docker", "run", "--rm", "--hostname", host.name]
    for key, value in host.environment.items():
        line += ["--env", f"{key}={value}"]
    for mount in host.mounts:
        line += ["--mount", f"type=bind,source={mount.source},target={mount.target}"]
    return to_file(shop, name, lines, [*line, image, *host.command])


def main() -> None:
    parser = arguments(3)
    parser.add_argument("--lines", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--image", default="pytorch-training", help="an image with the toolkit")
    given = parser.parse_args()
    lines: int = given.lines
    print("""## Logs

A script prints numbered lines of about 80 bytes. Time from the start to the end of everything: the
job from its submission, a peer from its command. Every line of every run is checked: there, whole,
in order. A job's Python is unbuffered, as SageMaker's is, so each line is two writes; `python -u`
is the peer of that, `python` the one that buffers. `docker run` has the same image and folders.
`sagelet train` is the whole command, which keeps the log and prints it too.
""")
    with workshop() as shop:
        script = shop.script("train.py", printer(lines))
        channel = shop.channel("small", 1 << 20)
        typed = [
            PYTHON,
            "-m",
            "sagelet",
            "train",
            "--backend",
            "process",
            "--python",
            PYTHON,
            "--channel",
            f"training={channel}",
            "--output",
            str(shop.folder / "output"),
            str(script),
        ]
        peers = {
            "process": "python -u > file",
            "sagelet train, process > file": "python -u > file",
            "python > file": "python -u > file",
        }
        contenders: list[Callable[[], Sample]] = [
            partial(job, shop, "process", lines, channel, script, None),
            partial(to_file, shop, "sagelet train, process > file", lines, typed),
            partial(to_file, shop, "python > file", lines, [PYTHON, str(script)]),
            partial(to_file, shop, "python -u > file", lines, [PYTHON, "-u", str(script)]),
        ]
        if shop.no_docker or not shutil.which("docker"):
            print(f"The rows of Docker are left out: {shop.no_docker or 'no docker command'}.\n")
        else:
            first = shop.script("first.py", FIRST_LINE)
            shop.job(shop.request("docker", channel, first, given.image))  # builds what it needs
            image = shop.resolve(shop.request("docker", channel, first, given.image))

            def prepared() -> HostPlan:
                return shop.prepared(shop.request("docker", channel, script, given.image))[0]

            peers["docker"] = "docker run > file"
            contenders += [
                partial(job, shop, "docker", lines, channel, script, given.image),
                partial(engine_to_file, shop, "docker run > file", lines, prepared, image),
            ]
        samples = collect(contenders, given.rounds, warm=False)
    print(
        f"{lines:,} lines; medians (least to most) of {given.rounds} rounds; all lines of all "
        f"runs arrived whole and in order. Python {sys.version.split()[0]}, "
        f"load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for name, times in samples.items():
        peer = peers.get(name)
        rows.append(
            [
                name,
                spread(times, 2),
                spread([lines / t / 1e3 for t in times], 0),
                f"{spread(pairwise(times, samples[peer], ratio), 2)} of {peer}" if peer else "-",
                "complete, in order" if name in ("process", "docker") else "-",
            ]
        )
    print(table(["way", "seconds", "thousand lines/s", "ratio", "budget"], rows))


if __name__ == "__main__":
    main()
