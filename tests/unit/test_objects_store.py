"""Objects in a real home: the index, the files, the readable tree, what a crash leaves."""

import hashlib
import os
import stat

import pytest

from sagelet.domain.errors import Refusal
from sagelet.store import open_store
from sagelet.store.home import clear
from sagelet.store.traits import Checksum, PartTraits, Traits


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "home")
    store.objects.create_bucket("bucket", "eu-west-1")
    yield store
    store.database.close()


@pytest.fixture
def put(store):
    def put(key, data, traits=None, guard=None):
        draft = store.objects.blobs.draft()
        draft.write(data)
        etag = hashlib.md5(data).hexdigest()
        return store.objects.commit("bucket", key, draft, etag, traits or Traits(), guard)

    return put


def files(store):
    return sorted(p for p in (store.home.root / "objects").rglob("*") if p.is_file())


def content(store, key):
    _, descriptor = store.objects.open("bucket", key)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def test_an_object_is_an_immutable_file_and_a_readable_name(store, put):
    found = put("a/b.txt", b"hello")
    assert store.objects.find("bucket", "a/b.txt") == found
    assert content(store, "a/b.txt") == b"hello"
    (file,) = files(store)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    readable = store.home.root / "s3" / "bucket" / "a" / "b.txt"
    assert readable.samefile(file)
    store.objects.delete("bucket", "a/b.txt")
    assert store.objects.find("bucket", "a/b.txt") is None
    assert files(store) == []
    assert list((store.home.root / "s3" / "bucket").iterdir()) == []


def test_a_store_that_was_cleared_takes_objects_again(store, put):
    put("k", b"old")
    store.database.wipe()
    clear(store.home.root)
    assert files(store) == []
    store.objects.create_bucket("bucket", "eu-west-1")
    put("k", b"new")
    assert content(store, "k") == b"new"


def test_a_reader_and_a_link_keep_what_they_have(store, put, tmp_path):
    found = put("k", b"old")
    store.objects.fetch(found, tmp_path / "link")
    _, descriptor = store.objects.open("bucket", "k")
    put("k", b"new")
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == b"old"
    assert (tmp_path / "link").read_bytes() == b"old"
    assert content(store, "k") == b"new"
    with pytest.raises(Refusal) as refused:
        store.objects.fetch(found, tmp_path / "late")
    assert refused.value.code == "NoSuchKey"
    assert len(files(store)) == 1


def test_a_file_is_put_by_a_link(store, tmp_path):
    source = tmp_path / "model.tar.gz"
    source.write_bytes(b"model")
    store.objects.put("bucket", "m", source)
    assert store.objects.find("bucket", "m").etag == hashlib.md5(b"model").hexdigest()
    assert source.samefile(files(store)[0])
    with pytest.raises(Refusal) as refused:
        store.objects.put("nobody", "m", source)
    assert refused.value.code == "NoSuchBucket"
    assert len(files(store)) == 1


def test_a_guard_that_refuses_changes_nothing(store, put):
    put("k", b"old")

    def refuse(current):
        raise Refusal("PreconditionFailed", current.etag, 412)

    with pytest.raises(Refusal):
        put("k", b"new", guard=refuse)
    assert content(store, "k") == b"old"
    assert len(files(store)) == 1


def test_traits_come_back(store, put):
    traits = Traits(
        {"ContentType": "text/plain"},
        {"ü": "y"},
        [("k", "v")],
        Checksum("CRC32", "FULL_OBJECT", "AAAAAA=="),
        "upload",
        [PartTraits(1, 5, "x"), PartTraits(2, 6)],
    )
    put("k", b"data", traits)
    assert store.objects.get("bucket", "k").traits == traits


@pytest.mark.parametrize("key", ["a", "a/", "a//b", "../x", "a/b", ".", "\0", "x" * 1024, "ü/\n"])
def test_keys_that_no_file_can_have(store, put, key):
    put("a/b/c", b"other")
    put(key, key.encode())
    assert content(store, key) == key.encode()
    assert content(store, "a/b/c") == b"other"
    assert [found.key for found in store.objects.list("bucket")] == sorted(["a/b/c", key])
    assert not (store.home.root / "s3" / "x").exists()
    store.objects.delete("bucket", key)
    assert [found.key for found in store.objects.list("bucket")] == ["a/b/c"]


def test_a_bucket_is_deleted_when_it_is_empty(store, put):
    put("k", b"x")
    with pytest.raises(Refusal) as refused:
        store.objects.delete_bucket("bucket")
    assert refused.value.code == "BucketNotEmpty"
    store.objects.delete("bucket", "k")
    store.objects.delete_bucket("bucket")
    assert store.objects.buckets() == []
    with pytest.raises(Refusal) as refused:
        put("k", b"x")
    assert refused.value.code == "NoSuchBucket"
    assert files(store) == []


def test_a_provider_makes_what_it_knows(store, tmp_path):
    source = tmp_path / "f"
    source.write_bytes(b"x")

    def provider(name):
        if name != "samples" or store.objects.find_bucket(name) is not None:
            return False
        store.objects.create_bucket(name, "us-east-1")
        store.objects.put(name, "k", source)
        return True

    store.objects.provider = provider
    assert [found.key for found in store.objects.list("samples")] == ["k"]
    with pytest.raises(Refusal):
        list(store.objects.list("others"))


def test_what_a_crash_left_is_finished(store, put):
    """Files without rows go, rows keep their files, undone chores are done."""
    put("k", b"old")
    half = store.objects.blobs.draft()
    half.write(b"half")
    half._close()
    placed = store.objects.blobs.draft()
    placed.write(b"placed")
    placed.keep()
    committed = store.objects.blobs.draft()
    committed.write(b"new")
    etag = hashlib.md5(b"new").hexdigest()
    committed.settle = lambda: None
    store.objects.chores.do = lambda chores: None
    store.objects.commit("bucket", "k", committed, etag, Traits())
    assert len(files(store)) == 6  # old, half, and two names each of placed and new
    store.database.close()

    again = open_store(store.home.root)
    again.objects.recover()
    (file,) = files(again)
    assert file.read_bytes() == b"new"
    assert (again.home.root / "s3" / "bucket" / "k").samefile(file)
    assert content(again, "k") == b"new"
    count = again.database.connection().execute("SELECT count(*) FROM object_chores")
    assert count.fetchone()[0] == 0
    again.database.close()


def test_parts_stay_within_a_boot_of_the_machine_and_go_with_it(store):
    """They are not flushed one by one, so a loss of power may have emptied them."""
    upload = store.uploads.create("bucket", "k", Traits())
    store.uploads.recover()  # as at every start
    draft = store.objects.blobs.draft()
    draft.write(b"part")
    store.uploads.add_part(upload, 1, draft, hashlib.md5(b"part").hexdigest(), None)
    store.uploads.recover()
    assert [part.size for part in store.uploads.parts(upload.id)] == [4]
    store.objects.blobs.note_boot("an earlier one")
    store.uploads.recover()
    assert store.uploads.parts(upload.id) == []
    assert store.uploads.get("bucket", "k", upload.id) == upload
    assert [path.name for path in files(store)] == ["boot"]
