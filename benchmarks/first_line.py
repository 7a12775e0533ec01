"""How long until the script's first line: ours and the floor below it, on both backends.

The script's first statement writes the time. Usage: python benchmarks/first_line.py [--rounds N]
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rounds import Sample, Samples, arguments, collect, excess, pairwise, ratio, spread, table
from workshop import (
    FIRST_LINE,
    MINIMAL_IMAGE,
    PYTHON,
    Workshop,
    engine_start,
    first_line,
    minimal_image,
    workshop,
)

TOOLKIT, MINIMAL = "Docker, framework image", "Docker, minimal image"
PROCESS, SHELL, TERMINAL = "process", "shell, process", "shell, process: seen on the terminal"

#: A tiny process between us and the client: its children's peak is not hidden by ours.
PEAK = """
import os, sys
out = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss / 1e3 if status == 0 else sys.exit("the client failed"))
"""


def command(shop: Workshop, script: Path, channel: Path, *more: str) -> list[str]:
    """``sagelet train`` as it is typed."""
    beside = Path(PYTHON).with_name("sagelet")
    program = [str(beside)] if beside.exists() else [PYTHON, "-m", "sagelet"]
    return [
        *program,
        "train",
        *more,
        "--channel",
        f"training={channel}",
        "--output",
        str(shop.folder / "output"),
        str(script),
    ]


def job(shop: Workshop, name: str, channel: Path, script: Path | None, image: str | None) -> Sample:
    backend = "process" if image is None else "docker"
    return {f"{name}/ours": shop.job(shop.request(backend, channel, script, image)).first}


def engine(
    shop: Workshop, name: str, channel: Path, script: Path | None, image: str, reference: str
) -> Sample:
    (host,) = shop.prepared(shop.request("docker", channel, script, image))
    return {f"{name}/peer": engine_start(shop.docker, host, reference).first}


def typed(shop: Workshop, who: str, names: tuple[str, ...], line: list[str]) -> Sample:
    """Run a command; when its script began, and when we read that line from it."""
    started = time.time_ns()
    process = subprocess.Popen(
        line, env=shop.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    heard = b""
    while b"first line" not in heard:  # the toolkit may have had a word before
        line_read = process.stdout.readline()
        arrived = time.time_ns()
        heard += line_read
        if not line_read:
            break
    rest, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{line[0]} ended with {process.returncode}: {errors.decode()}{rest!r}")
    figures = ((first_line(heard) - started) / 1e9, (arrived - started) / 1e9)
    return {f"{name}/{who}": figure for name, figure in zip(names, figures, strict=False)}


def peak(shop: Workshop, name: str, line: list[str]) -> Sample:
    said = subprocess.run(
        [PYTHON, "-IS", "-c", PEAK, *line], env=shop.environ, check=True, capture_output=True
    ).stdout
    return {f"{name}/memory": float(said)}


def contenders(shop: Workshop, image: str) -> list[Callable[[], Sample]]:
    script = shop.script("train.py", FIRST_LINE)
    channel = shop.channel("small", 1 << 20)
    python = [PYTHON, str(script)]
    process = ("--backend", "process", "--python", PYTHON)
    there: list[Callable[[], Sample]] = [
        partial(job, shop, PROCESS, channel, script, None),
        partial(typed, shop, "peer", (PROCESS,), python),
        partial(typed, shop, "ours", (SHELL, TERMINAL), command(shop, script, channel, *process)),
        partial(typed, shop, "peer", (SHELL, TERMINAL), python),
        partial(peak, shop, "process", command(shop, script, channel, *process)),
    ]
    if shop.no_docker:
        print(f"The rows of Docker are left out: {shop.no_docker}.\n")
        return there
    # The first job builds what it needs; whatever it takes is not measured.
    shop.job(shop.request("docker", channel, script, image))
    reference = shop.resolve(shop.request("docker", channel, script, image))
    minimal = minimal_image(shop.docker, reference)
    docker = ("--backend", "docker", "--image", image)
    return [
        *there,
        partial(job, shop, TOOLKIT, channel, script, image),
        partial(engine, shop, TOOLKIT, channel, script, image, reference),
        partial(job, shop, MINIMAL, channel, None, minimal),
        partial(engine, shop, MINIMAL, channel, None, minimal, minimal),
        partial(peak, shop, "docker", command(shop, script, channel, *docker)),
    ]


def report(samples: Samples, rounds: int) -> None:
    budgets = {
        TOOLKIT: "ratio 1.25 (aim 1.1)",
        MINIMAL: "ratio 1.25 (aim 1.1)",
        PROCESS: "250 ms more",
        SHELL: "700 ms more",
        TERMINAL: "-",
    }
    print(
        f"Medians (least to most) of {rounds} rounds, in milliseconds; ratio and difference are "
        f"taken round by round. Python {sys.version.split()[0]}, "
        f"load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for name, budget in budgets.items():
        if f"{name}/ours" not in samples:
            continue
        ours, peer = ([1e3 * v for v in samples[f"{name}/{who}"]] for who in ("ours", "peer"))
        rows.append(
            [
                name,
                spread(ours, 0),
                spread(peer, 0),
                spread(pairwise(ours, peer, ratio), 2),
                spread(pairwise(ours, peer, excess), 0),
                budget,
            ]
        )
    rows += [
        [f"peak memory of the client, {name}, MB", spread(memory, 1), "-", "-", "-", "80 MB"]
        for name in ("process", "docker")
        if (memory := samples.get(f"{name}/memory"))
    ]
    print(table(["first line after", "ours", "peer", "ratio", "difference", "budget"], rows))


def main() -> None:
    parser = arguments(25)
    parser.add_argument("--image", default="pytorch-training", help="an image with the toolkit")
    given = parser.parse_args()
    print("""## Submit to first line

The script's first statement writes the time. Docker: `Engine.submit` and a supervisor in a thread,
against the engine API's own create and start (docker SDK, loaded beforehand) of the same image and
command with the same mounts (an overlay volume each for the channel and the code), environment and
files, those prepared beforehand. The minimal image has no toolkit: its `train` is the script.
Process: the same submission without Docker, against `python train.py` by the same interpreter.
Shell: the whole command `sagelet train ... --backend process`, against `python train.py`; its
caches are warm. Memory: the peak of a whole `sagelet train`, in a run of its own.
""")
    with workshop() as shop:
        samples = collect(contenders(shop, given.image), given.rounds)
        if not shop.no_docker:
            shop.docker.remove_image(MINIMAL_IMAGE, force=True)
    report(samples, given.rounds)


if __name__ == "__main__":
    main()
