"""Tags of objects."""

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.services.s3.traits import check_tags, refuse_unsupported, with_tags

_MAX_TAGS = 10


@operation("s3", "GetObjectTagging")
def get_object_tagging(context: Context, request: Document) -> Document:
    """An object's tags."""
    refuse_unsupported(request)
    found = context.store.objects.get(request["Bucket"], request["Key"])
    return {"TagSet": [{"Key": key, "Value": value} for key, value in found.traits.tags]}


@operation("s3", "PutObjectTagging")
def put_object_tagging(context: Context, request: Document) -> Document:
    """Replace an object's tags."""
    refuse_unsupported(request)
    tag_set = request["Tagging"]["TagSet"]
    tags = check_tags([(tag["Key"], tag["Value"]) for tag in tag_set], _MAX_TAGS)
    context.store.objects.revise(
        request["Bucket"], request["Key"], lambda traits: with_tags(traits, tags)
    )
    return {}


@operation("s3", "DeleteObjectTagging")
def delete_object_tagging(context: Context, request: Document) -> Document:
    """Take an object's tags away."""
    refuse_unsupported(request)
    context.store.objects.revise(
        request["Bucket"], request["Key"], lambda traits: with_tags(traits, [])
    )
    return {}
