"""Buckets. They belong to the account; their names are shared by all regions."""

import hashlib
from collections.abc import Mapping

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import token_for, token_of
from sagelet.aws.services.s3.traits import check_tags, refuse_unsupported
from sagelet.domain.errors import Refusal, ValidationException

#: The region whose name a location constraint leaves out.
_FIRST = "us-east-1"
#: What a location constraint may say of a region, in old words.
_OLD_NAMES = {"EU": "eu-west-1"}

_MAX_TAGS = 50

#: Buckets of one page, at most.
_MOST = 10_000


def owner(account: str) -> Document:
    """The account as an owner: S3 knows it by a long id of its own."""
    return {"DisplayName": account, "ID": hashlib.sha256(account.encode()).hexdigest()}


@operation("s3", "ListBuckets")
def list_buckets(context: Context, request: Document) -> Document:
    """All buckets, by name."""
    prefix = request.get("Prefix", "")
    after = _after(request)
    region = request.get("BucketRegion")
    most = request.get("MaxBuckets", _MOST)
    if not 1 <= most <= _MOST:
        text = f"Argument max-buckets must be an integer between 1 and {_MOST}"
        raise _wrong(text, "max-buckets", most)
    found = [
        bucket
        for bucket in context.store.objects.buckets()
        if bucket.name.startswith(prefix)
        and bucket.name > after
        and region in (None, bucket.region)
    ]
    answer: Document = {
        "Buckets": [
            {"Name": bucket.name, "CreationDate": bucket.created, "BucketRegion": bucket.region}
            for bucket in found[:most]
        ],
        "Owner": owner(context.account),
    }
    if prefix:
        answer["Prefix"] = prefix
    if len(found) > most:
        last = found[most - 1].name
        answer["ContinuationToken"] = token_for(
            "ListBuckets", request, "ContinuationToken", last, without=["MaxBuckets"]
        )
    return answer


def _after(request: Document) -> str:
    """The name that the last page ended with."""
    try:
        return token_of("ListBuckets", request, "ContinuationToken", without=["MaxBuckets"]) or ""
    except ValidationException:
        text = "The continuation token provided is incorrect"
        raise _wrong(text, "continuation-token", request["ContinuationToken"]) from None


def _wrong(text: str, name: str, value: object) -> Refusal:
    return Refusal("InvalidArgument", text, ArgumentName=name, ArgumentValue=str(value))


@operation("s3", "CreateBucket")
def create_bucket(context: Context, request: Document) -> Document:
    """Make a bucket, in the request's region."""
    refuse_unsupported(request)
    name = request["Bucket"]
    configuration: Mapping[str, object] = request.get("CreateBucketConfiguration", {})
    if "Location" in configuration or "Bucket" in configuration:
        raise Refusal("NotImplemented", "This S3 has no directory buckets.", 501)
    region = _region(context, configuration.get("LocationConstraint"))
    tags = _tags(request.get("CreateBucketConfiguration", {}).get("Tags", []))
    objects = context.store.objects
    try:
        objects.create_bucket(name, region)
    except Refusal as refusal:
        # Old clients rely on it, so in the first region making a bucket twice is no mistake.
        if refusal.code != "BucketAlreadyOwnedByYou" or context.region != _FIRST:
            raise
    if tags:
        objects.tag_bucket(name, tags)
    return {"Location": f"/{name}"}


def _region(context: Context, constraint: object) -> str:
    if not constraint:
        if context.region == _FIRST:
            return _FIRST
        raise Refusal(
            "IllegalLocationConstraintException",
            "The unspecified location constraint is incompatible for the region specific endpoint"
            " this request was sent to.",
        )
    wanted = _OLD_NAMES.get(str(constraint), str(constraint))
    if wanted == _FIRST and context.region == _FIRST:
        raise Refusal(
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            LocationConstraint=wanted,
        )
    if context.region not in (wanted, _FIRST):
        raise Refusal(
            "IllegalLocationConstraintException",
            f"The {wanted} location constraint is incompatible for the region specific endpoint"
            " this request was sent to.",
        )
    return wanted


@operation("s3", "HeadBucket")
def head_bucket(context: Context, request: Document) -> Document:
    """Whether there is such a bucket, and where."""
    found = context.store.objects.bucket(request["Bucket"])
    return {"BucketRegion": found.region, "BucketArn": f"arn:aws:s3:::{found.name}"}


@operation("s3", "GetBucketLocation")
def get_bucket_location(context: Context, request: Document) -> Document:
    """A bucket's region; nothing for the first one."""
    region = context.store.objects.bucket(request["Bucket"]).region
    return {} if region == _FIRST else {"LocationConstraint": region}


@operation("s3", "DeleteBucket")
def delete_bucket(context: Context, request: Document) -> Document:
    """Delete an empty bucket."""
    context.store.objects.delete_bucket(request["Bucket"])
    return {}


@operation("s3", "GetBucketVersioning")
def get_bucket_versioning(context: Context, request: Document) -> Document:
    """Versioning was never switched on."""
    context.store.objects.bucket(request["Bucket"])
    return {}


@operation("s3", "GetBucketAcl")
def get_bucket_acl(context: Context, request: Document) -> Document:
    """The owner may do all."""
    context.store.objects.bucket(request["Bucket"])
    return _acl(context)


@operation("s3", "GetObjectAcl")
def get_object_acl(context: Context, request: Document) -> Document:
    """The owner may do all."""
    context.store.objects.get(request["Bucket"], request["Key"])
    return _acl(context)


def _acl(context: Context) -> Document:
    grantee = {**owner(context.account), "Type": "CanonicalUser"}
    return {
        "Owner": owner(context.account),
        "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}],
    }


@operation("s3", "GetBucketTagging")
def get_bucket_tagging(context: Context, request: Document) -> Document:
    """A bucket's tags."""
    found = context.store.objects.bucket(request["Bucket"])
    if not found.tags:
        raise Refusal(
            "NoSuchTagSet", "The TagSet does not exist", 404, BucketName=request["Bucket"]
        )
    return {"TagSet": [{"Key": key, "Value": value} for key, value in found.tags]}


@operation("s3", "PutBucketTagging")
def put_bucket_tagging(context: Context, request: Document) -> Document:
    """Replace a bucket's tags."""
    context.store.objects.bucket(request["Bucket"])
    tags = _tags(request["Tagging"]["TagSet"])
    context.store.objects.tag_bucket(request["Bucket"], tags)
    return {}


@operation("s3", "DeleteBucketTagging")
def delete_bucket_tagging(context: Context, request: Document) -> Document:
    """Take a bucket's tags away."""
    context.store.objects.bucket(request["Bucket"])
    context.store.objects.tag_bucket(request["Bucket"], [])
    return {}


def _tags(tag_set: list[Document]) -> list[tuple[str, str]]:
    return check_tags([(tag["Key"], tag["Value"]) for tag in tag_set], _MAX_TAGS)
