"""The rules of S3: names, listing, ETags."""

import bisect
import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.errors import Refusal
from sagelet.domain.objects import (
    check_bucket_name,
    check_key,
    list_page,
    multipart_etag,
    successor,
    tree_path,
)

KEYS = st.text(st.sampled_from(["a", "b", "/", "-", "\ud7ff", "\ue000", "\U0010ffff"]), max_size=6)
NAMED = st.sets(KEYS.filter(bool))


@dataclass(frozen=True)
class Item:
    key: str


@pytest.mark.parametrize("name", ["abc", "a.b-c", "sagemaker-us-east-1-123456789012", "0" * 63])
def test_bucket_names_that_are_allowed(name):
    check_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "ab", "a" * 64, "Abc", "a_b", "a..b", "-abc", "abc-", "1.2.3.4", "xn--abc", "a-s3alias",
     "a/b", "..", "abc\n"],
)  # fmt: skip
def test_bucket_names_that_are_not(name):
    with pytest.raises(Refusal) as refused:
        check_bucket_name(name)
    assert refused.value.code == "InvalidBucketName"


def test_keys_are_measured_in_bytes():
    check_key("é" * 512)
    with pytest.raises(Refusal) as refused:
        check_key("é" * 512 + "x")
    assert (refused.value.code, refused.value.members["Size"]) == ("KeyTooLongError", "1025")
    with pytest.raises(Refusal):
        check_key("\ud800")


def test_the_etag_of_parts():
    one, two = hashlib.md5(b"1"), hashlib.md5(b"2")
    joined = hashlib.md5(one.digest() + two.digest()).hexdigest()
    assert multipart_etag([one.hexdigest(), two.hexdigest()]) == f"{joined}-2"


@pytest.mark.parametrize(
    ("key", "path"),
    [("a/b.txt", ("a", "b.txt")), ("ü", ("ü",)), ("...", ("...",)), ("a/", None), ("/a", None),
     ("a//b", None), ("../a", None), ("a/.", None), ("a\0b", None), ("é" * 128, None),
     ("é" * 127, ("é" * 127,))],
)  # fmt: skip
def test_which_keys_have_a_readable_path(key, path):
    assert tree_path(key) == path


@given(KEYS, KEYS)
def test_the_successor_bounds_what_has_the_prefix(prefix, other):
    end = successor(prefix)
    assert other.startswith(prefix) == (prefix <= other and (end is None or other < end))


@given(NAMED, KEYS, st.sampled_from(["", "/", "-", "/-"]), st.integers(1, 5))
def test_pages_together_are_the_listing(keys, prefix, delimiter, limit):
    ordered = sorted(keys, key=str.encode)

    def seek(start, inclusive):
        for key in ordered:
            if key > start or (inclusive and key == start):
                yield Item(key)

    matching = [key for key in ordered if key.startswith(prefix)]
    wanted_keys, wanted_prefixes = [], []
    for key in matching:
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if not found:
            wanted_keys.append(key)
        elif prefix + head + delimiter not in wanted_prefixes:
            wanted_prefixes.append(prefix + head + delimiter)

    got_keys, got_prefixes, after = [], [], ""
    while True:
        page = list_page(seek, prefix, delimiter, after, limit)
        assert len(page.items) + len(page.prefixes) <= limit
        got_keys += [item.key for item in page.items]
        got_prefixes += page.prefixes
        if not page.more:
            break
        assert page.last > after or not after
        after = page.last
    assert (got_keys, got_prefixes) == (wanted_keys, wanted_prefixes)


def test_what_is_under_a_common_prefix_is_not_read():
    ordered = [f"d{n // 1000:02}/{n % 1000:03}" for n in range(100_000)]
    read = []

    def seek(start, inclusive):
        for key in ordered[bisect.bisect_left(ordered, start) :]:
            read.append(key)
            yield Item(key)

    page = list_page(seek, "", "/", "", 1000)
    assert len(page.prefixes) == 100
    assert len(read) == 100
