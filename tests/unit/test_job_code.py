"""The code of jobs: which files it is, and the short name that is kept of it."""

import io
import os
import tarfile

import pytest

from sagelet.web.code import Digests, code_of


@pytest.fixture
def job(job_of, tmp_path):
    """A job whose code lies in the folder ``code``."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("one")
    return job_of(HyperParameters={"sagemaker_submit_directory": str(tmp_path / "code")})


def test_folders_that_hold_no_code_are_passed_over(job, tmp_path):
    for name in ("lib/util.py", ".venv/lib/a.py", "lib/__pycache__/util.pyc", ".git/config"):
        path = tmp_path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert code_of(job, None) == {"train.py": b"one", "lib/util.py": b"lib/util.py"}


def test_code_that_changes_has_another_digest(job, tmp_path):
    digests = Digests()
    before = digests(job, None)
    assert before == digests(job, None) == Digests()(job, None)
    (tmp_path / "code" / "train.py").write_text("other")
    changed = digests(job, None)
    assert changed not in (None, before)
    (tmp_path / "code" / "new.py").write_text("")
    assert digests(job, None) not in (None, before, changed)
    for name in ("train.py", "new.py"):
        (tmp_path / "code" / name).unlink()
    assert digests(job, None) is None


def test_code_that_has_not_changed_is_not_read_again(job, tmp_path):
    digests, path = Digests(), tmp_path / "code" / "train.py"
    before, times = digests(job, None), path.stat()
    path.write_text("two")  # as if it were untouched: only who reads it can tell
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digests(job, None) == before
    assert Digests()(job, None) != before


def test_an_archive_is_its_files(job_of, job, tmp_path):
    path = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("./train.py")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"one"))
    packed = job_of(HyperParameters={"sagemaker_submit_directory": f"file://{path}"})
    assert Digests()(packed, None) == Digests()(job, None)
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    assert code_of(packed, None) in ({}, {"train.py": b"one"})
