"""Run every benchmark and write RESULTS.md: the machine, then each table as its script prints it.

Usage: python benchmarks/run.py [--quick] [--image IMAGE] [--output FILE] [--only SCRIPT...]

With --only the sections of these scripts are replaced, or added, and the others stay.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sagelet import __version__
from sagelet.execution.docker.ping import find_engine, why_silent
from sagelet.settings import Settings

HERE = Path(__file__).parent

#: script -> (arguments, arguments of --quick, whether it takes --image)
SCRIPTS: dict[str, tuple[Sequence[str], Sequence[str], bool]] = {
    "first_line.py": ((), ("--rounds", "2"), True),
    "hosts.py": ((), ("--rounds", "1", "--hosts", "1", "2"), True),
    "toolkit.py": ((), (), False),
    "channel_size.py": ((), ("--rounds", "2"), True),
    "pipe.py": ((), ("--rounds", "1", "--megabytes", "40"), False),
    "archive.py": ((), ("--rounds", "1", "--megabytes", "40"), False),
    "plane.py": (
        (),
        ("--rounds", "1", "--jobs", "300", "--seconds", "1", "--megabytes", "16"),
        False,
    ),
    "experiments.py": (
        (),
        (
            *("--rounds", "1", "--components", "2000", "--points", "16000"),
            *("--seconds", "1"),
        ),
        False,
    ),
    "page.py": (
        (),
        (
            *("--rounds", "1", "--jobs", "1000", "--components", "20"),
            *("--lines", "100000", "--seconds", "3"),
        ),
        False,
    ),
    "warm.py": ((), ("--rounds", "1"), False),
    "tuning.py": (
        (),
        ("--rounds", "1", "--trials", "4", "--seconds", "0.2", "--seeds", "1"),
        False,
    ),
    "logs.py": ((), ("--rounds", "1", "--lines", "100000"), True),
}

#: Scripts that print a table and nothing about it.
INTRODUCTIONS = {
    "toolkit.py": """## Toolkit alone

From the start of `train` to the script's first line, without a host around it, against Python that
does nothing and against sagemaker-training 5.1.4. Budget: at most 2.5 x `python -c pass`, and at
least 10 x faster than sagemaker-training.
""",
}

PREFACE = """# Results

Every benchmark runs sagelet and its peer in the same run: each round runs each contender once, in
random order, and a ratio compares the two values of one round. A figure is the median, with the
least and the most in brackets. The budgets are what we want to keep; no test fails on them, for
the machines that run tests are shared. To take these figures: `python benchmarks/run.py`.
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small n: proves the scripts only")
    parser.add_argument("--image", help="an image with the toolkit, instead of sagelet's own")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=[], metavar="SCRIPT")
    given = parser.parse_args()
    before = load()
    sections = []
    for name, (usual, quick, takes_image) in SCRIPTS.items():
        if given.only and name not in given.only:
            continue
        more = ["--image", given.image] if given.image and takes_image else []
        sections.append(run(name, [*(quick if given.quick else usual), *more]))
    if given.only:
        replace_sections(given.output, sections, before)
        return
    described = [*machine(), ("load average before and after", f"{before} and {load()}")]
    if given.quick:
        described.append(("kind of run", "quick: too few rounds for conclusions"))
    facts = "\n".join(f"- {key}: {value}" for key, value in described)
    given.output.write_text("\n".join([PREFACE, "## Machine\n", facts, "", *sections]))
    print(f"written: {given.output}", file=sys.stderr)


def replace_sections(output: Path, sections: Sequence[str], before: str) -> None:
    """Put sections in the place of those with the same title, or at the end, and say when."""
    there = re.split(r"(?m)^(?=## )", output.read_text())
    titles = []
    for section in sections:
        title = section.partition("\n")[0]
        titles.append(title.removeprefix("## "))
        old = [place for place, text in enumerate(there) if text.partition("\n")[0] == title]
        text = f"{section.rstrip()}\n\n"
        if old:
            there[old[0]] = text
        else:
            there.append(text)
    later = (
        f"- later, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load average before {before} and after"
    )
    place = next(n for n, text in enumerate(there) if text.startswith("## Machine"))
    there[place] = f"{there[place].rstrip()}\n{later} {load()}: {', '.join(titles)}\n\n"
    output.write_text("".join(there).rstrip() + "\n")
    print(f"written: {output}", file=sys.stderr)


def run(name: str, arguments: Sequence[str]) -> str:
    """What a benchmark prints; shown here too."""
    print(f"... {name}", file=sys.stderr)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, str(HERE / name), *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{name} failed")
    text = INTRODUCTIONS.get(name, "") + ("\n" if name in INTRODUCTIONS else "") + done.stdout
    print(text, flush=True)
    return text


def machine() -> list[tuple[str, str]]:
    """What the figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("memory", f"{memory / 2**30:.1f} GiB"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("engine", engine()),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("sagelet", __version__),
    ]


def processor() -> str:
    """Its model."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"


def engine() -> str:
    """The Docker engine, if there is one."""
    settings = Settings.from_environ()
    address = find_engine(settings.docker_host, settings.runtime_dir)
    if silent := why_silent(address):
        return f"none ({silent})"
    from docker import APIClient

    info = APIClient(base_url=address, version="auto").info()
    runc = (info.get("RuncCommit") or {}).get("ID", "unknown")[:12]
    cgroups = info.get("CgroupVersion", "1")
    return f"Docker {info['ServerVersion']}, {info['Driver']}, cgroup v{cgroups}, runc {runc}"


def load() -> str:
    """The load averages of one, five and fifteen minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


if __name__ == "__main__":
    main()
