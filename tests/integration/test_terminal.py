"""What a person at a terminal sees of several hosts: lines above, one status line below."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Trainer, sagelet
from support.terminal import Terminal

#: Host 2 ends at once, the others wait for a file, in steps.
STEPS = """
import os, pathlib, time
print("first", "long " * 40, flush=True)
print("loss=0.5;", flush=True)
for gate in ("one", "two"):
    if os.environ["SM_CURRENT_HOST"] == "algo-2":
        break
    while not pathlib.Path(os.environ["GATES"], gate).exists():
        time.sleep(0.02)
    print("after", gate, flush=True)
"""


@pytest.fixture
def local(home: Path, tmp_path: Path) -> Iterator[Trainer]:
    (tmp_path / "gates").mkdir()
    return Trainer("process", str, tmp_path / "code")


def arguments(local: Trainer, tmp_path: Path) -> list[str]:
    return local.arguments(
        STEPS,
        *("--hosts", "3", "--name", "seen", "--metric", "loss=loss=([0-9.]+);"),
        *("--env", f"GATES={tmp_path}/gates"),
    )


def test_one_line_says_how_every_host_is(local: Trainer, tmp_path: Path) -> None:
    terminal = Terminal(70, *arguments(local, tmp_path))
    terminal.wait_for("algo-1 ●  algo-2 ✓  algo-3 ●  loss=0.5")
    assert max(map(len, terminal.statuses())) < 70
    terminal.resize(30)
    resized = len(terminal.text)
    (tmp_path / "gates/one").touch()
    terminal.wait_for("after one", resized)
    terminal.wait_for("\x1b[2mTraining", terminal.text.rindex("after one"))
    after = terminal.text.rindex("after one")
    assert 0 < max(map(len, terminal.statuses(after))) < 30
    (tmp_path / "gates/two").touch()
    assert terminal.end() == 0
    lines = terminal.lines()
    for host, number in (("algo-1", 4), ("algo-2", 2), ("algo-3", 4)):
        said = [line for line in lines if line.startswith(f"{host} | ") and "toolkit" not in line]
        assert said[:2] == [f"{host} | first {'long ' * 40}", f"{host} | loss=0.5;"]
        assert len(said) == number
    assert not [line for line in lines if line.startswith("Training ")]
    assert "\u25cf" not in terminal.text[terminal.text.index("Completed") :]


def test_json_and_pipes_get_none_of_it(local: Trainer, tmp_path: Path) -> None:
    for gate in ("one", "two"):
        (tmp_path / "gates" / gate).touch()
    given = arguments(local, tmp_path)
    terminal = Terminal(70, *given, "--json")
    assert terminal.end() == 0
    assert not terminal.statuses()
    given[given.index("seen")] = "piped"
    done = sagelet(*given)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u25cf" not in done.stdout + done.stderr
