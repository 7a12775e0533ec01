"""Which file of a channel each object becomes, and what a manifest lists."""

import json
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.channels import (
    Layout,
    Location,
    Unplaceable,
    below,
    folders_of,
    lay_out,
    location_of,
    manifest_file,
    partial_prefix,
    place_of,
)
from sagelet.domain.errors import ValidationException
from sagelet.domain.manifest import read_augmented, read_manifest


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
    uris = [Location("b", "d/x"), Location("b", "d/y")]
    assert manifest_file("d/", uris) == "d/\ns3://b/d/x\ns3://b/d/y\n"


@given(st.lists(st.text(st.sampled_from("ab/"), min_size=1, max_size=6)))
def test_folders_of_files(paths):
    paths = ["/".join(part for part in path.split("/") if part) for path in paths]
    found = folders_of(paths)
    assert set(found) == {str(p) for path in paths for p in PurePosixPath(path).parents} - {"."}
    for place, folder in enumerate(found):
        parent = folder.rpartition("/")[0]
        assert not parent or parent in found[:place]


@pytest.mark.parametrize(
    ("prefix", "keys", "other"),
    [
        ("d/train", ["d/train/a", "d/train/s/b"], None),
        ("d/train/", ["d/train/a"], None),
        ("d/train.csv", ["d/train.csv"], None),
        ("", ["a", "d/b"], None),
        ("d/train", ["d/train/a", "d/train-old/b"], "d/train-old/b"),
        ("d/tr", ["d/train/a"], "d/train/a"),
    ],
)
def test_a_fast_file_prefix_ends_with_a_name(prefix, keys, other):
    refusal = partial_prefix(prefix, keys)
    if other is None:
        assert refusal is None
        return
    assert refusal == (
        "Failed to download data. For FastFile mode, partial S3 prefix is not supported. S3 prefix "
        "has to end with a full file or folder. Add a trailing '/' to the S3 prefix if it ends "
        "with a folder name that is also a prefix for other folders. Current S3 prefix: "
        f"[{prefix}], found S3 object: [{other}]."
    )


def augmented(*lines, names=("image-ref", "label")):
    text = b"".join(line + b"\n" for line in lines)
    return list(read_augmented(text.splitlines(keepends=True), "s3://b/m", names))


def test_an_augmented_manifest_gives_objects_and_texts_in_the_attributes_order():
    lines = [
        b'{"label": "a cat", "other": 1, "image-ref": "s3://c/1.jpg"}',
        b"",
        b'{"image-ref": "s3://c/2.jpg", "label": {"boxes": [1, 2], "of": "\xc3\xa9"}}',
        b'{"image-ref": "s3://c/1.jpg", "label": 0}',
    ]
    assert augmented(*lines) == [
        [Location("c", "1.jpg"), "a cat"],
        [Location("c", "2.jpg"), '{"boxes":[1,2],"of":"é"}'],
        [Location("c", "1.jpg"), "0"],
    ]
    assert augmented(lines[0], names=["label", "other"]) == [["a cat", "1"]]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "is not JSON in line 2: "),
        (b"[1]", "must have a JSON object a line; line 2 is none"),
        (b'{"image-ref": "s3://c/2"}', "has no attribute 'label' in line 2"),
        (b'{"image-ref": "file:///c", "label": 1}', "names no object (s3://bucket/key) as 'im"),
        (b'{"image-ref": "s3://c", "label": 1}', "names no object"),
        (b'{"image-ref": 7, "label": 1}', "names no object"),
    ],
)
def test_what_is_wrong_with_an_augmented_manifest_is_said(line, says):
    with pytest.raises(ValidationException) as caught:
        augmented(b'{"image-ref": "s3://c/1", "label": 1}', line)
    assert str(caught.value).startswith(f"The manifest s3://b/m {says}")


def test_an_augmented_manifest_has_lines():
    with pytest.raises(ValidationException, match="has no lines"):
        augmented(b" ", b"")


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
