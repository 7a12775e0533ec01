"""Where the toolkit's `train` has the code from, what it installs, which entry points it runs."""

import io
import os
import tarfile
import zipfile

import pytest

from support.toolkit import WHEEL, failed, package, pip

# -- source


def archive_of(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o4755
                archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("kind", ["archive", "directory", "file"])
def test_source(job, tmp_path, scheme, kind):
    source = tmp_path / "the source" / "train.py"
    source.parent.mkdir()
    source.write_text("print('ran')")
    path = {"archive": tmp_path / "s.tar.gz", "directory": source.parent, "file": source}[kind]
    if kind == "archive":
        archive_of(path, ("./", "."), ("./train.py", source.read_bytes()))
    job.code.rmdir()
    job.configure(sagemaker_submit_directory=f"{scheme}{path}")
    assert job.run().stdout == "ran\n"


def test_source_does_not_replace_code_that_is_there(job):
    job.script("print('there')")
    job.configure(sagemaker_submit_directory="/some/where")
    result = job.run()
    assert result.stdout == "there\n"
    assert "/some/where is not unpacked" in result.stderr


def test_source_on_s3_was_put_in_place_by_the_platform(job):
    job.script("print('there')")
    job.configure(sagemaker_submit_directory='"s3://bucket/source.tar.gz"')
    result = job.run()
    assert result.stdout == "there\n"
    assert "source.tar.gz" not in result.stderr.replace("SM_MODULE_DIR", "")


def test_source_on_s3_and_source_that_is_not_there(job):
    job.configure(sagemaker_submit_directory="s3://bucket/source.tar.gz")
    failed(job, 1, "s3://bucket/source.tar.gz", "does not download from S3")
    (job.base / "output" / "failure").unlink()
    job.configure(sagemaker_submit_directory="/nowhere")
    failed(job, 1, "The source /nowhere does not exist")


def test_archive_cannot_leave_the_code_directory(job, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    path = archive_of(
        tmp_path / "s.tar.gz",
        ("train.py", b"import os; print(sorted(os.listdir('.')))"),
        ("../up.py", b""),
        ("/abs.py", b""),
        ("out", str(outside)),
        ("out/file", b"kept inside: the link above was left out"),
        ("in", "train.py"),
        ("self", "."),
        ("self/loop.py", b""),
        ("in", b"replaces the link, not what it points to"),
    )
    job.configure(sagemaker_submit_directory=str(path))
    result = job.run()
    assert result.returncode == 0, result.stderr
    assert result.stdout == "['abs.py', 'in', 'loop.py', 'out', 'self', 'train.py', 'up.py']\n"
    assert "Left out of" in result.stderr
    assert list(outside.iterdir()) == []
    assert not (job.base / "up.py").exists()
    assert (job.code / "train.py").stat().st_mode & 0o7777 == 0o755


def test_broken_archive(job, tmp_path):
    path = archive_of(tmp_path / "s.tar.gz", ("train.py", os.urandom(100_000)))
    path.write_bytes(path.read_bytes()[:60_000])
    job.configure(sagemaker_submit_directory=str(path))
    failed(job, 1, f"{path} cannot be unpacked")


# -- entry points and installs


@pytest.mark.parametrize("name", ["run.sh", "bin/tool"])
def test_shell_entry_point(job, name):
    job.configure(sagemaker_program=name, text="it's $HOME; *")
    job.script('printf "%s|" "$0" "$@"; exit ${RC:-0}', name).chmod(0o644)
    assert job.run().stdout == f"./{name}|--text|it's $HOME; *|"
    (job.base / "output" / "success").unlink()
    failed(job, 1, "ExitCode 5", "/bin/sh -c", RC="5")


def test_package_entry_point(job, tmp_path):
    package(job)
    result = job.run(**pip(tmp_path))
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("__main__ entry ['--lr', '1']\n")
    assert (tmp_path / "site" / "entry.py").exists()


def test_package_that_does_not_build(job, tmp_path):
    package(job, hook="raise RuntimeError('no compiler')")
    failed(job, 1, "InstallModuleError", "-m pip install .", **pip(tmp_path))
    assert "no compiler" in job.failure()


def test_requirements(job, tmp_path):
    with zipfile.ZipFile(job.code / "thing-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("thing.py", "NAME = 'a thing'")
        for file, text in WHEEL.items():
            wheel.writestr("thing-1.0.dist-info/" + file, text)
    job.script("./thing-1.0-py3-none-any.whl\n", "requirements.txt")
    job.script("import thing; print(thing.NAME)")
    result = job.run(**pip(tmp_path))
    assert result.stdout.endswith("a thing\n"), result.stderr
    assert "Installing dependencies from requirements.txt" in result.stderr


def test_requirements_that_cannot_be_had(job, tmp_path):
    job.script("no-such-thing==1.0\n", "requirements.txt")
    job.script("print('ran')")
    failed(job, 1, 'InstallRequirementsError:\nExitCode 1\nErrorMessage "ERROR: No matching '
                   "distribution found for no-such-thing==1.0", **pip(tmp_path))  # fmt: skip


def test_code_artifact_is_refused(job):
    job.script("x\n", "requirements.txt")
    job.script("")
    failed(job, 1, "CA_REPOSITORY_ARN", "PIP_INDEX_URL", CA_REPOSITORY_ARN="arn:aws:x")
