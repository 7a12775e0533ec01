"""Multipart uploads in a real home: what is put together early is what is asked for in the end."""

import errno
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelet.domain.errors import Refusal
from sagelet.store import open_store
from sagelet.store.assembly import LIMIT
from sagelet.store.blobs import Draft
from sagelet.store.traits import Traits


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "home")
    store.objects.create_bucket("bucket", "eu-west-1")
    yield store
    store.database.close()


def begin(store, key="k"):
    return store.uploads.create("bucket", key, Traits())


def add(store, upload, number, data):
    draft = store.objects.blobs.draft()
    draft.write(data)
    return store.uploads.add_part(upload, number, draft, hashlib.md5(data).hexdigest(), None)


def complete(store, upload, numbers):
    parts = {part.number: part for part in store.uploads.parts(upload.id)}
    chosen = [parts[number] for number in numbers]
    store.uploads.complete(upload, chosen, "etag-1", lambda traits: traits)
    return content(store, upload.key)


def content(store, key):
    _, descriptor = store.objects.open("bucket", key)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def files(store):
    return [path for path in (store.home.root / "objects").rglob("*") if path.is_file()]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sent=st.lists(st.tuples(st.integers(1, 6), st.binary(max_size=9)), min_size=1, max_size=12),
    data=st.data(),
)
def test_any_order_any_choice(store, sent, data):
    before = files(store)  # of examples that were not played to their end
    upload = begin(store)
    there = {}
    for number, part in sent:
        add(store, upload, number, part)
        there[number] = part
    chosen = sorted(data.draw(st.sets(st.sampled_from(sorted(there)), min_size=1)))
    assert complete(store, upload, chosen) == b"".join(there[number] for number in chosen)
    store.objects.delete("bucket", "k")
    assert set(files(store)) <= set(before)


def test_the_bytes_are_there_before_the_completion(store, monkeypatch):
    upload = begin(store)
    for number in range(1, 4):
        add(store, upload, number, b"%d" % number)

    def fail(*_):
        raise AssertionError("copied at the end")

    monkeypatch.setattr(Draft, "append", fail)
    assert complete(store, upload, [1, 2, 3]) == b"123"


def test_a_completion_that_fails_can_be_repeated(store):
    upload = begin(store)
    add(store, upload, 1, b"one")
    (part,) = store.uploads.parts(upload.id)

    def refuse(_):
        raise Refusal("PreconditionFailed", "no", 412)

    with pytest.raises(Refusal, match="no"):
        store.uploads.complete(upload, [part], "etag", lambda traits: traits, refuse)
    add(store, upload, 2, b"two")
    assert complete(store, upload, [1, 2]) == b"onetwo"


def test_an_aborted_upload_leaves_nothing(store):
    upload = begin(store)
    add(store, upload, 1, b"one")
    store.uploads.abort(upload)
    assert files(store) == []


def test_uploads_that_went_with_their_bucket_leave_nothing(store):
    add(store, begin(store), 1, b"one")
    store.objects.delete_bucket("bucket")
    store.objects.create_bucket("bucket", "eu-west-1")
    begin(store)
    assert files(store) == []


def test_many_uploads_at_once(store):
    uploads = [begin(store, f"k{number}") for number in range(3 * LIMIT)]
    for number in (1, 2):
        for upload in uploads:
            add(store, upload, number, upload.key.encode() + b"-%d " % number)
    drafts = store.objects.blobs.drafts()
    assert len(drafts) <= LIMIT
    for upload in uploads:
        expected = f"{upload.key}-1 {upload.key}-2 ".encode()
        assert complete(store, upload, [1, 2]) == expected


def test_parts_and_completions_at_once(store):
    """Ten threads bring parts, again and again; two complete."""
    upload = begin(store)
    with ThreadPoolExecutor(10) as pool:
        for _ in pool.map(lambda n: add(store, upload, n % 40 + 1, b"%03d" % (n % 40)), range(120)):
            pass
    made, barrier = [], threading.Barrier(2)

    def end(_):
        barrier.wait()
        try:
            made.append(complete(store, upload, range(1, 41)))
        except (Refusal, KeyError):  # the other was first
            made.append(None)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(end, range(2)))
    expected = b"".join(b"%03d" % number for number in range(40))
    assert expected in made
    assert content(store, "k") == expected
    assert store.objects.blobs.drafts() == []


def test_a_full_disk_costs_the_head_start_only(store, monkeypatch):
    upload = begin(store)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "append", full)
        add(store, upload, 1, b"one")
        add(store, upload, 2, b"two")
    assert store.objects.blobs.drafts() == []
    assert complete(store, upload, [1, 2]) == b"onetwo"
