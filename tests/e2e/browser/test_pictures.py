"""The pictures in docs/ can be taken again by the command that they say they come from."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_pictures_of_the_documentation_can_be_taken(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/screenshots.py", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    taken = {picture.stem: picture.stat().st_size for picture in tmp_path.iterdir()}
    kept = {picture.stem for picture in (ROOT / "docs/images").glob("page-*.webp")}
    assert taken.keys() == kept
    assert min(taken.values()) > 5000, taken
