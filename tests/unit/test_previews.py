"""What is shown of a file: by its name, from its beginning, and of what is in an archive."""

import base64
import gzip
import io
import random
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sagelet.domain.errors import Refusal
from sagelet.web import archives
from sagelet.web.previews import MEMBERS, TEXT, member_preview, preview

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def shown(folder: Path, name: str, data: bytes):
    path = folder / "blob"
    path.write_bytes(data)
    return preview(name, path, len(data))


def packed(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        folder = tarfile.TarInfo("code")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in files.items():
            info = tarfile.TarInfo(f"code/{name.replace('_', '.')}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_text_is_shown_from_its_beginning(tmp_path):
    assert shown(tmp_path, "a.json", b'{"a": 1}') == {
        "kind": "text",
        "text": '{"a": 1}',
        "cut": False,
    }
    long = shown(tmp_path, "a.csv", b"1,2\n" * TEXT)
    assert (len(long["text"]), long["cut"]) == (TEXT, True)
    assert shown(tmp_path, "a.csv.gz", gzip.compress(b"x,y\n"))["text"] == "x,y\n"
    assert shown(tmp_path, "weights", bytes(100))["kind"] == "none"


def test_arrays_tell_their_values_and_show_their_images(tmp_path):
    file = io.BytesIO()
    np.save(file, np.arange(2 * 28 * 28, dtype=np.float32).reshape(2, 784))
    found = shown(tmp_path, "a.npy", file.getvalue())
    assert (found["dtype"], found["shape"]) == ("float32", [2, 784])
    assert (found["min"], found["max"], sum(found["counts"])) == (0.0, 1567.0, 1568)
    images = found["images"]
    assert (images["count"], images["height"], images["width"]) == (2, 28, 28)
    assert len(base64.b64decode(images["data"])) == 1568


def test_members_of_an_archive_are_listed_and_looked_at(tmp_path):
    data = {"a_json": b'{"lr": 0.1}', "b_png": PNG, "c_bin": bytes(9)}
    archive = packed(tmp_path / "model.tar.gz", **data)
    found = preview("model.tar.gz", archive, archive.stat().st_size)
    assert [(each["name"], each["size"]) for each in found["members"] if not each["folder"]] == [
        ("code/a.json", 11),
        ("code/b.png", len(PNG)),
        ("code/c.bin", 9),
    ]
    assert found["cut"] is False
    assert member_preview(archive, "code/a.json") == {
        "size": 11,
        "preview": {"kind": "text", "text": '{"lr": 0.1}', "cut": False},
    }
    image = member_preview(archive, "code/b.png")["preview"]
    assert image["data"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert member_preview(archive, "code/c.bin")["preview"]["kind"] == "none"
    for name in ("code", "nothing", "../blob"):
        with pytest.raises(Refusal):
            member_preview(archive, name)


def test_members_of_a_zip_are_looked_at(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("in/a.txt", "hello")
        archive.writestr("large.txt", bytes(65 << 20), compress_type=zipfile.ZIP_DEFLATED)
    assert member_preview(path, "in/a.txt")["preview"]["text"] == "hello"
    assert "only 64 MiB" in member_preview(path, "large.txt")["preview"]["reason"]
    with pytest.raises(Refusal):
        member_preview(path, "in/")


def test_what_is_not_what_its_name_says_is_said_so(tmp_path):
    for name in ("a.npy", "a.tar.gz", "a.zip", "a.csv.gz"):
        assert shown(tmp_path, name, b"something else")["kind"] == "none", name
    damaged = tmp_path / "model.tar.gz"
    damaged.write_bytes(packed(tmp_path / "whole.tar.gz", a_txt=b"x" * 1000).read_bytes()[:60])
    assert "cannot be read" in member_preview(damaged, "code/a.txt")["preview"]["reason"]


def test_a_long_archive_is_cut(tmp_path):
    archive = packed(tmp_path / "many.tar.gz", **{f"f{n}_txt": b"" for n in range(MEMBERS + 5)})
    found = preview("many.tar.gz", archive, 1)
    assert (len(found["members"]), found["cut"]) == (MEMBERS, True)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_shown_alike_in_either_order(tmp_path, order):
    file = io.BytesIO()
    values = np.arange(3 * 784, dtype=np.float32).reshape(3, 784)
    np.save(file, np.asarray(values, order=order))
    found = shown(tmp_path, "a.npy", file.getvalue())
    assert found["first"] == [float(each) for each in range(24)]
    assert (found["min"], found["max"], found["sampled"]) == (0.0, 2351.0, 2352)
    pixels = base64.b64decode(found["images"]["data"])
    assert pixels == (values / 2351 * 255).astype(np.uint8).tobytes()


def test_a_large_array_in_the_other_order_is_not_copied(tmp_path):
    path = tmp_path / "a.npy"
    large = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.uint8, shape=(1 << 14, 1 << 13), fortran_order=True
    )
    large.flush()
    tracemalloc.start()
    try:
        assert preview("a.npy", path, path.stat().st_size)["kind"] == "array"
        assert tracemalloc.get_traced_memory()[1] < large.size // 2
    finally:
        tracemalloc.stop()


@pytest.fixture
def bounded(monkeypatch):
    """As if archives were looked at to 1 MiB only."""
    monkeypatch.setattr(archives, "MOST", 1 << 20)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_an_archive_is_decompressed_to_a_bound(tmp_path, bounded, kind):
    path = tmp_path / f"model.tar.{kind}"
    with tarfile.open(path, f"w:{kind}") as tar:
        for name, size in (("small", 9), ("large", 3 << 20), ("after", 9)):
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    found = preview("model.tar.gz", path, 1)
    assert [each["name"] for each in found["members"]] == ["small", "large"]
    assert (found["cut"], found["looked"]) == (True, 1 << 20)
    assert member_preview(path, "small")["size"] == 9
    for name in ("after", "nothing"):
        assert "only the first 1 MiB" in member_preview(path, name)["preview"]["reason"]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_header_without_end_is_not_read(tmp_path, mode):
    path = tmp_path / "a.tar.gz"
    for size, kind in ((1 << 10, "archive"), (2 << 20, "none")):
        with tarfile.open(path, mode, pax_headers={"comment": "x" * size}) as tar:
            tar.addfile(tarfile.TarInfo("a"))
        assert preview("a.tar.gz", path, 1)["kind"] == kind


def test_what_is_not_compressed_is_passed_over(tmp_path, bounded):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in (("large", bytes(3 << 20)), ("after.txt", b"here")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = preview("a.tar", path, 1)
    assert [each["name"] for each in found["members"]] == ["large", "after.txt"]
    assert found["cut"] is False
    assert member_preview(path, "after.txt")["preview"]["text"] == "here"


def test_damaged_and_unusual_files_have_no_preview(tmp_path):
    path = tmp_path / "blob"
    broken = bytearray(gzip.compress(random.Random(1).randbytes(4000)))
    broken[40:60] = bytes(20)
    assert shown(tmp_path, "a.txt.gz", bytes(broken))["kind"] == "none"
    assert shown(tmp_path, "a.tar.gz", bytes(broken))["kind"] == "none"
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    assert shown(tmp_path, "a.npy", file.getvalue())["kind"] == "none"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    whole = path.read_bytes()
    entry = whole.index(b"PK\1\2")
    for at, value in ((8, 1), (10, 97)):  # encrypted; a compression that nobody knows
        changed = bytearray(whole)
        changed[entry + at] = value
        changed[at - 2] = value
        path.write_bytes(changed)
        assert "cannot be read" in member_preview(path, "a.txt")["preview"]["reason"]
