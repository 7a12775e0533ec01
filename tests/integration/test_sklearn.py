"""scikit-learn's image and environment: versions, and scripts of other days."""

from pathlib import Path

import pytest

from support.cli import sagelet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: As SageMaker's published example for its first image has it.
OLD = """
import sys
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.externals import joblib
from sklearn.preprocessing import OneHotEncoder, StandardScaler
table = pd.DataFrame({"age": [1, 2, 3], "trade": ["a", "b", "a"]})
made = make_column_transformer(
    (["age"], StandardScaler()),
    (OneHotEncoder(sparse=False), ["trade"]),
    (["trade"], "drop"),
)
joblib.dump(made.fit(table), "/tmp/made.joblib")
print("made", joblib.load("/tmp/made.joblib").transform(table).shape)
"""
NEW = """
import os, subprocess, sys
import numpy, pandas, pyarrow, scipy, sklearn
assert "SAGELET_SKLEARN" not in os.environ
try:
    from sklearn.externals import joblib
except ImportError as error:
    print("as it was:", error)
table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
table.to_parquet("/tmp/table.parquet")
print("read", pandas.read_parquet("/tmp/table.parquet").equals(table))
"""


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_each_version_s_scripts_find_what_they_know(
    home: Path, tmp_path: Path, backend: str
) -> None:
    (tmp_path / "old.py").write_text(OLD)
    (tmp_path / "new.py").write_text(NEW)
    where = ("--framework", "sklearn", "--backend", backend)
    done = sagelet(
        *("process", "old.py", *where, "--framework-version", "0.20"), cwd=tmp_path, timeout=800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | made (3, 3)" in done.stdout
    done = sagelet("process", "new.py", *where, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as it was: cannot import name 'joblib' from 'sklearn.externals'" in done.stdout
    assert "read True" in done.stdout
