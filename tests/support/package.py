"""A package that pip installs with nothing but itself: no index, no build tool."""

from pathlib import Path


def write_package(package: Path) -> None:
    """Write ``sixfold``, whose ANSWER is 42."""
    package.mkdir(parents=True)
    (package / "sixfold.py").write_text("ANSWER = 42")
    (package / "pyproject.toml").write_text(
        '[project]\nname = "sixfold"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (package / "backend.py").write_text(
        """
import zipfile
def build_wheel(target, *_args, **_kw):
    name = "sixfold-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{target}/{name}", "w") as wheel:
        wheel.write("sixfold.py")
        info = "sixfold-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA",
                       "Metadata-Version: 2.1\\nName: sixfold\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\n"
                       "Root-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
    )
