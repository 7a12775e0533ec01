"""Which file of a channel each object becomes, and what a manifest lists."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.channels import (
    Layout,
    Location,
    Unplaceable,
    below,
    lay_out,
    location_of,
    manifest_file,
    place_of,
    sources_of,
)
from sagelet.domain.errors import ValidationException
from sagelet.domain.manifest import read_manifest


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3://b/a/c", Location("b", "a/c")),
        ("s3://b/", Location("b", "")),
        ("s3://b", Location("b", "")),
        ("s3://b//a", Location("b", "/a")),
        ("s3:///a", None),
        ("file:///a", None),
    ],
)
def test_s3_uris(uri, location):
    assert location_of(uri) == location


def test_a_location_below_another():
    assert str(below(Location("b", "out/"), "job", "output")) == "s3://b/out/job/output"
    assert str(below(Location("b", ""), "job")) == "s3://b/job"


@pytest.mark.parametrize(
    ("prefix", "key", "place"),
    [
        # one object
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("train.csv", "train.csv", "train.csv"),
        # a folder, with and without the slash
        ("data/", "data/train.csv", "train.csv"),
        ("data", "data/train.csv", "train.csv"),
        ("data", "data/a/b.csv", "a/b.csv"),
        ("", "data/a.csv", "data/a.csv"),
        # a part of a name
        ("data/train", "data/train.csv", "train.csv"),
        ("data/train.csv", "data/train.csv.bak", "train.csv.bak"),
        ("data/train", "data/train2/x", "train2/x"),
        ("tr", "train/x", "train/x"),
        # folders made in a console
        ("data/", "data/", ""),
        ("data", "data/", ""),
        ("data", "data/sub/", "sub/"),
        ("dat", "data/", "data/"),
    ],
)
def test_where_a_key_goes(prefix, key, place):
    assert place_of(key, prefix) == place


def test_folders_and_files():
    assert lay_out("b", ["d/", "d/a", "d/e/", "d/s/t/u", "d/s/v"], "d") == Layout(
        ("e", "s", "s/t"), (("a", "d/a"), ("s/t/u", "d/s/t/u"), ("s/v", "d/s/v"))
    )


def test_unzipped_files_lose_their_suffix():
    layout = lay_out("b", ["d/a.csv.gz", "d/b", "d/.gz"], "d/", unzipped=True)
    assert [place for place, _ in layout.files] == ["a.csv", "b", ".gz"]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["d/p", "d/p/q"], ["s3://b/d/p ", "s3://b/d/p/q", "a file and a folder"]),
        (["d/p/q/r", "d/p"], ["s3://b/d/p ", "s3://b/d/p/q/r"]),
        (["d/../x"], ["s3://b/d/../x", "'..'"]),
        (["d/./x"], ["s3://b/d/./x", "'.'"]),
        (["d//x"], ["S3 key: s3://b/d//x has an illegal char sub-sequence '//' in it"]),
        (["d/x//"], ["has an illegal char sub-sequence '//'"]),
        (["d/a\0b"], ["NUL"]),
        (["d/" + "ü" * 128], ["longer than 255 bytes"]),
    ],
)
def test_keys_that_cannot_be_files_are_named(keys, names):
    with pytest.raises(Unplaceable) as caught:
        lay_out("b", keys, "d/")
    for name in names:
        assert name in str(caught.value)


def test_keys_that_meet_in_one_file_are_named():
    with pytest.raises(Unplaceable, match=r"s3://b/d/a and s3://b/d/a.gz cannot both be files"):
        lay_out("b", ["d/a", "d/a.gz"], "d/", unzipped=True)
    with pytest.raises(Unplaceable, match=r"the file 'train\.csv'"):
        lay_out("b", ["d/train.csv", "d/train/train.csv"], "d/train")


@given(
    st.lists(st.text(st.sampled_from("ab./"), min_size=1, max_size=6), unique=True),
    st.text(st.sampled_from("ab./"), max_size=3),
)
def test_no_file_leaves_the_channel_or_meets_another(keys, prefix):
    keys = [prefix + key for key in keys]
    try:
        layout = lay_out("b", keys, prefix)
    except Unplaceable:
        return
    places = [place for place, _ in layout.files]
    assert len(set(places)) == len(places)
    assert not set(places) & set(layout.folders)
    for place in [*places, *layout.folders]:
        assert all(part not in ("", ".", "..") for part in place.split("/"))
        parent = place.rpartition("/")[0]
        assert not parent or parent in layout.folders


def test_the_manifest_beside_a_channel():
    assert manifest_file("d/", "b", ["d/x", "d/y"]) == "d/\ns3://b/d/x\ns3://b/d/y\n"


def test_sources_of_a_job(job_of, channel_of):
    job = job_of(
        InputDataConfig=[
            channel_of("a", "s3://b/m", {"S3DataType": "ManifestFile"}, CompressionType="Gzip"),
            channel_of("c"),
        ]
    )
    first, second = sources_of(job)
    assert (first.location, first.manifest, first.gzipped) == (Location("b", "m"), True, True)
    assert (second.location, second.manifest, second.gzipped) == (None, False, False)


def test_a_manifest_lists_keys():
    manifest = read_manifest(
        json.dumps([{"prefix": "s3://b/some/prefix/"}, "x/1", "x/2", "x/1"]).encode(), "s3://b/m"
    )
    assert manifest.prefix == Location("b", "some/prefix/")
    assert manifest.keys == ("some/prefix/x/1", "some/prefix/x/2")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"{}", "must be a JSON array"),
        (b"[]", "must be a JSON array"),
        (b'["a"]', "must begin with"),
        (b'[{"prefix": "/data"}, "a"]', "must begin with"),
        (b'[{"prefix": 1}, "a"]', "must begin with"),
        (b'[{"prefix": "s3://b/"}]', "lists no objects"),
        (b'[{"prefix": "s3://b/"}, "a", 2]', "no object at index 2: 2"),
        (b'[{"prefix": "s3://b"}, ""]', "no object at index 1"),
    ],
)
def test_a_malformed_manifest_is_refused(text, says):
    with pytest.raises(ValidationException) as caught:
        read_manifest(text, "s3://b/m.json")
    assert str(caught.value).startswith("The manifest s3://b/m.json ")
    assert says in str(caught.value)
