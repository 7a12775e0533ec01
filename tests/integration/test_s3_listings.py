"""Listings of S3 as stock boto3 asks for them: prefixes, delimiters, pages."""

import pytest

from support.s3_client import code_of


@pytest.fixture
def listed(s3, bucket):
    for key in ("a", "b/1", "b/2", "b/c/3", "d/", "e", "ü/x"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    return bucket


def names(answer):
    return (
        [one["Key"] for one in answer.get("Contents", ())],
        [one["Prefix"] for one in answer.get("CommonPrefixes", ())],
    )


def test_listings(s3, listed):
    everything = ["a", "b/1", "b/2", "b/c/3", "d/", "e", "ü/x"]
    for call in (s3.list_objects, s3.list_objects_v2):
        assert names(call(Bucket=listed)) == (everything, [])
        assert names(call(Bucket=listed, Prefix="b/")) == (["b/1", "b/2", "b/c/3"], [])
        assert names(call(Bucket=listed, Delimiter="/")) == (["a", "e"], ["b/", "d/", "ü/"])
        assert names(call(Bucket=listed, Delimiter="/", Prefix="b/")) == (["b/1", "b/2"], ["b/c/"])
        assert names(call(Bucket=listed, Prefix="none")) == ([], [])
        assert names(call(Bucket=listed, MaxKeys=0)) == ([], [])
    assert names(s3.list_objects_v2(Bucket=listed, StartAfter="b/2"))[0] == everything[3:]
    assert names(s3.list_objects(Bucket=listed, Marker="b/2"))[0] == everything[3:]
    assert "Owner" not in s3.list_objects_v2(Bucket=listed)["Contents"][0]
    assert "Owner" in s3.list_objects_v2(Bucket=listed, FetchOwner=True)["Contents"][0]
    versions = s3.list_object_versions(Bucket=listed)["Versions"]
    assert [(one["Key"], one["VersionId"]) for one in versions] == [
        (key, "null") for key in everything
    ]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages(s3, listed, operation, size):
    pages = s3.get_paginator(operation).paginate(
        Bucket=listed, Delimiter="/", PaginationConfig={"PageSize": size}
    )
    keys, prefixes = [], []
    for page in pages:
        keys += [one["Key"] for one in page.get("Contents", page.get("Versions", ()))]
        prefixes += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
    assert (keys, prefixes) == (["a", "e"], ["b/", "d/", "ü/"])


def test_listings_that_are_refused(s3, listed):
    call = s3.list_objects_v2
    assert code_of(call, Bucket=listed, ContinuationToken="!!") == "InvalidArgument"
    assert code_of(call, Bucket=listed, MaxKeys=-1) == "InvalidArgument"
