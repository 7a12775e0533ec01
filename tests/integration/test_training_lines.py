"""What a training job prints is kept and shown, on every way to run a host."""

import os
import subprocess
from pathlib import Path

from support.cli import COMMAND, Trainer, log_of


def test_a_million_lines_arrive_complete_and_in_order(trainer: Trainer, home: Path) -> None:
    """A million by each way that logs take: processes write to the file, containers to a stream."""
    count = 100_000 if os.environ.get("SAGELET_NAMESPACES") == "off" else 1_000_000
    done = trainer.run(
        """
import os, sys
for start in range(0, int(os.environ["COUNT"]), 1000):
    sys.stdout.write("".join(f"line {i:07d} {'x' * 60}\\n" for i in range(start, start + 1000)))
""",
        "--name",
        "chatty",
        "--env",
        f"COUNT={count}",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    wanted = [f"line {i:07d}" for i in range(count)]
    assert [
        line[:12]
        for line in log_of(home, "chatty").decode().splitlines()
        if line.startswith("line")
    ] == wanted
    assert [
        line[9:21] for line in done.stdout.splitlines() if line.startswith("algo-1 | line")
    ] == wanted


def test_binary_garbage_and_a_line_of_ten_megabytes_are_kept_and_shown_safely(
    trainer: Trainer, home: Path
) -> None:
    done = trainer.run(
        """
import sys
out = sys.stdout.buffer
out.write(bytes(range(256)) * 4 + b"\\n")
out.write(b"\\x1b]0;title\\x07 \\x1b[31mred\\x1b[0m\\n")
out.write(b"y" * 10_000_000)
""",
        "--name",
        "garbage",
        "--metric",
        "never=never=([0-9]+)",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    log = log_of(home, "garbage")
    assert bytes(range(256)) * 4 + b"\n" in log
    assert log.count(b"y" * 10_000_000) == 1
    assert "\x1b[31mred" in done.stdout
    assert "\x1b]" not in done.stdout
    assert "\x07" not in done.stdout
    assert done.stdout.count("y") >= 10_000_000
    raw = subprocess.run([*COMMAND, "logs", "garbage", "--raw"], capture_output=True, check=True)
    assert raw.stdout == log
