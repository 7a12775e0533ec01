"""Let scripts for scikit-learn 0.20 find what has moved since; run by the Python that has it.

SageMaker's first image has 0.20, and its published examples are written for it: they import joblib
from `sklearn.externals`, and give make_column_transformer columns first. Both are added here, and
count only where SAGELET_SKLEARN=0.20, which jobs of that image get: for all others scikit-learn is
as it was.
"""

import sysconfig
from pathlib import Path

MARK = "# Added for scripts for scikit-learn 0.20."

JOBLIB = f"""{MARK}
import os
import sys

if os.environ.get("SAGELET_SKLEARN") != "0.20":
    raise ModuleNotFoundError(f"No module named {{__name__!r}}", name=__name__)
import joblib

sys.modules[__name__] = joblib
"""

COLUMNS = f"""

{MARK}
if __import__("os").environ.get("SAGELET_SKLEARN") == "0.20":
    _WORDS = "drop", "passthrough"
    _in_this_order = make_column_transformer

    def make_column_transformer(*transformers, **options):
        return _in_this_order(*map(_turned, transformers), **options)

    def _turned(pair):
        first, second = pair
        return pair if _transforms(first) or not _transforms(second) else (second, first)

    def _transforms(thing):
        return hasattr(thing, "fit") or (isinstance(thing, str) and thing in _WORDS)
"""


def main() -> None:
    """Add them, once."""
    package = Path(sysconfig.get_path("platlib")) / "sklearn"
    (package / "externals" / "joblib.py").write_text(JOBLIB)
    module = package / "compose" / "_column_transformer.py"
    if MARK not in module.read_text():
        with module.open("a") as file:
            file.write(COLUMNS)


if __name__ == "__main__":
    main()
