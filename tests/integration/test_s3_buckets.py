"""Buckets of S3 as stock boto3 uses them."""

import pytest

from support.s3 import ACCOUNT
from support.s3_client import code_of, refused


def test_a_missing_bucket_is_said_as_the_sdk_expects_it(s3):
    response = refused(s3.head_bucket, Bucket="no-such-bucket", ExpectedBucketOwner=ACCOUNT)
    assert response["Error"] == {"Code": "404", "Message": "Not Found"}
    response = refused(s3.list_objects_v2, Bucket="no-such-bucket")
    assert response["Error"]["Code"] == "NoSuchBucket"
    assert response["Error"]["Message"] == "The specified bucket does not exist"
    assert response["Error"]["BucketName"] == "no-such-bucket"
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects(Bucket="no-such-bucket")


def test_buckets_are_made_listed_and_deleted(s3, bucket):
    there = {one["Name"]: one for one in s3.list_buckets()["Buckets"]}
    assert there[bucket]["CreationDate"].tzinfo is not None
    assert [b["Name"] for b in s3.list_buckets(Prefix=bucket)["Buckets"]] == [bucket]
    head = s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)
    assert head["BucketRegion"] == "us-east-1"
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert code_of(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert code_of(s3.delete_bucket, Bucket=bucket) == "NoSuchBucket"


def test_another_owner_is_refused(s3, bucket):
    response = refused(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner="210987654321")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    response = refused(
        s3.put_object, Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner="210987654321"
    )
    assert response["Error"]["Code"] == "AccessDenied"


def test_location_constraints(connect):
    first, other = connect(), connect("eu-west-1")
    first.create_bucket(Bucket="in-us-east-1")
    first.create_bucket(Bucket="in-us-east-1")  # twice is no mistake there
    assert first.get_bucket_location(Bucket="in-us-east-1")["LocationConstraint"] is None
    make = other.create_bucket
    there = {"LocationConstraint": "eu-west-1"}
    assert code_of(make, Bucket="in-eu") == "IllegalLocationConstraintException"
    wrong = {"LocationConstraint": "eu-central-1"}
    assert (
        code_of(make, Bucket="in-eu", CreateBucketConfiguration=wrong)
        == "IllegalLocationConstraintException"
    )
    made = make(Bucket="in-eu", CreateBucketConfiguration=there)
    assert made["Location"] == "/in-eu"
    again = refused(make, Bucket="in-eu", CreateBucketConfiguration=there)
    assert again["Error"]["Code"] == "BucketAlreadyOwnedByYou"
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert other.get_bucket_location(Bucket="in-eu")["LocationConstraint"] == "eu-west-1"
    assert first.head_bucket(Bucket="in-eu")["BucketRegion"] == "eu-west-1"
    assert code_of(first.create_bucket, Bucket="No_Good") == "InvalidBucketName"


def test_bucket_tags(s3, bucket):
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    tags = [{"Key": "a", "Value": "1"}, {"Key": "ü", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"


def test_what_a_bucket_has_not(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert acl["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]
    for call in (s3.get_bucket_policy, s3.get_bucket_encryption, s3.get_bucket_website):
        response = refused(call, Bucket=bucket)
        assert response["Error"]["Code"] == "NotImplemented"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    response = refused(
        s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    assert "PutBucketVersioning" in response["Error"]["Message"]
