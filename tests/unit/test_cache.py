"""A bounded cache whose files are shared by links."""

import os

import pytest

from sagelet.store.cache import Cache


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", limit=1000)


def kept(tmp_path):
    return sorted(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file())


def writes(data):
    return lambda place: place.write_bytes(data)


def never(place):
    raise AssertionError("it is in the cache")


def test_a_file_is_made_once_and_shared(cache, tmp_path):
    cache.give("a", 3, tmp_path / "1", writes(b"abc"))
    cache.give("a", 3, tmp_path / "2", never)
    assert (tmp_path / "2").read_bytes() == b"abc"
    assert (tmp_path / "1").stat().st_ino == (tmp_path / "2").stat().st_ino


def test_the_least_recently_used_goes_first(cache, tmp_path):
    for number in range(3):
        cache.give(str(number), 300, tmp_path / "x", writes(bytes(300)))
        (tmp_path / "x").unlink()
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, ns=(1, 1))
    cache.give("0", 300, tmp_path / "used", never)  # used again
    (tmp_path / "used").unlink()
    cache.give("3", 300, tmp_path / "new", writes(bytes(300)))
    cache.give("0", 300, tmp_path / "there", never)
    assert sum(kept(tmp_path)) <= 1000


def test_what_a_job_has_stays(cache, tmp_path):
    for number in range(5):
        cache.give(str(number), 300, tmp_path / str(number), writes(bytes(300)))
    for number in range(5):
        cache.give(str(number), 300, tmp_path / f"again-{number}", never)


def test_an_evicted_file_stays_with_who_has_it(cache, tmp_path):
    cache.give("a", 900, tmp_path / "a", writes(b"a" * 900))
    os.link(tmp_path / "a", tmp_path / "mine")
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            path.unlink()
    assert (tmp_path / "mine").read_bytes() == b"a" * 900


def test_what_is_larger_than_the_cache_is_not_kept(cache, tmp_path):
    cache.give("big", 2000, tmp_path / "big", writes(bytes(2000)))
    assert (tmp_path / "big").stat().st_size == 2000
    assert not (tmp_path / "cache").exists()


def test_a_failure_leaves_nothing(cache, tmp_path):
    def half(place):
        place.write_bytes(b"half")
        raise OSError("disk full")

    for size in (10, 2000):
        with pytest.raises(OSError, match="disk full"):
            cache.give("a", size, tmp_path / "a", half)
    assert kept(tmp_path) == []
    assert not (tmp_path / "a").exists()


def test_a_target_without_a_folder_is_an_error(cache, tmp_path):
    with pytest.raises(FileNotFoundError):
        cache.give("a", 3, tmp_path / "no" / "a", writes(b"abc"))
