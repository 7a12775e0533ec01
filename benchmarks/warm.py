"""The second run of a script that imports a framework: in hosts kept warm, and cold.

Usage: python benchmarks/warm.py [--rounds N] [--image FRAMEWORK=URI ...]
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rounds import Sample, Samples, arguments, collect, pairwise, ratio, spread, table
from workshop import PYTHON, NoProgress, Workshop, first_line, workshop

from sagelet.app import environments
from sagelet.settings import Settings

MODULES = {"pytorch": "torch", "tensorflow": "tensorflow"}

SCRIPT = """\
import {module}
import time
print('first line', time.time_ns(), flush=True)  # edited: {number}
"""

#: After a run its successor is given this long to import the framework, in seconds.
READY = 8.0


class Place:
    """One backend and framework, warm or cold, in a home of its own with its control plane."""

    def __init__(
        self, shop: Workshop, backend: str, framework: str, image: str, *, warm: bool
    ) -> None:
        self.name = f"{framework}, {backend}/{'warm' if warm else 'cold'}"
        self._script = shop.folder / f"{backend}-{framework}-{warm}" / "train.py"
        self._script.parent.mkdir()
        self._module = MODULES[framework]
        self._environ = {**shop.environ, "SAGELET_HOME": str(self._script.parent / "home")}
        self._environ["SAGELET_CACHE"] = str(Settings.from_environ().cache)
        self._warm = warm
        given = ["--image", image] if backend == "docker" and image else ["--framework", framework]
        self._command = [PYTHON, "-m", "sagelet", "train", str(self._script), "--backend", backend]
        self._command += [*given, *(["--warm"] if warm else [])]
        self._runs = 0

    def run(self) -> Sample:
        """Edit the script and run it; seconds from the command to the line after the import."""
        self._runs += 1
        self._script.write_text(SCRIPT.format(module=self._module, number=self._runs))
        started = time.time_ns()
        ran = subprocess.run(self._command, env=self._environ, capture_output=True, check=False)
        if ran.returncode != 0:
            raise SystemExit(f"{self.name}: {(ran.stdout + ran.stderr).decode()}")
        if self._warm:
            time.sleep(READY)
        return {self.name: (first_line(ran.stdout) - started) / 1e9}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The control plane, as in a terminal of its own; in the end nothing is kept."""
        process = subprocess.Popen(
            [PYTHON, "-m", "sagelet", "serve", "--port", "0", "--test-mode"],
            env=self._environ,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        url = re.search(rb"http://[0-9.:]+", process.stdout.readline())
        assert url
        yield
        reset = urllib.request.Request(f"{url[0].decode()}/_api/reset", method="POST")
        urllib.request.urlopen(reset).close()
        process.terminate()
        process.wait()


def places(shop: Workshop, images: dict[str, str]) -> list[Place]:
    """All of them; what an environment or image takes to be made is not measured."""
    made = environments(Settings.from_environ())
    backends = ["process", *([] if shop.no_docker else ["docker"])]
    for framework in MODULES:
        made.ensure(framework, NoProgress())
    return [
        Place(shop, backend, framework, images.get(framework, ""), warm=warm)
        for backend in backends
        for framework in MODULES
        for warm in (True, False)
    ]


def report(samples: Samples, rounds: int) -> None:
    print(
        f"Medians (least to most) of {rounds} rounds, in milliseconds; ratios are taken round by "
        f"round. Python {sys.version.split()[0]}, load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for name in dict.fromkeys(name.partition("/")[0] for name in samples):
        warm, cold = ([1e3 * v for v in samples[f"{name}/{way}"]] for way in ("warm", "cold"))
        ratios = spread(pairwise(cold, warm, ratio), 1)
        rows.append([name, spread(warm, 0), spread(cold, 0), ratios, "300 ms"])
    print(table(["first line after an import of", "warm", "cold", "times faster", "budget"], rows))


def main() -> None:
    parser = arguments(10)
    parser.add_argument("--image", action="append", default=[], metavar="FRAMEWORK=URI")
    given = parser.parse_args()
    print("""## Warm start

A script whose first statement imports its framework and whose second writes the time is edited and
run again with `sagelet train`, beside a `sagelet serve`; the time is that from the start of the
command. Warm: with `--warm`, in the hosts that were kept after the run before. Cold: without.
""")
    with workshop() as shop, ExitStack() as planes:
        there = places(shop, dict(each.split("=", 1) for each in given.image))
        for place in there:
            planes.enter_context(place.serving())
        samples = collect([place.run for place in there], given.rounds)
    report(samples, given.rounds)


if __name__ == "__main__":
    main()
