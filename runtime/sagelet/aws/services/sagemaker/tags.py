"""AddTags, ListTags, DeleteTags, for every kind of resource that says it can be tagged.

    @taggable("training-job")
    def known(store: Store, name: str) -> bool: ...

A name comes as it stands in the ARN, in lower case.
"""

import re
from collections.abc import Callable

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import token_of
from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.store import Store

Known = Callable[[Store, str], bool]

_LIMIT = 50
_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]*):(\d{12}):([a-z0-9-]+)/(.+)", re.IGNORECASE
)

_KINDS: dict[str, Known] = {}


def taggable(kind: str) -> Callable[[Known], Known]:
    """Make resources of this kind (as their ARNs name it) known to the tag operations."""

    def register(known: Known) -> Known:
        _KINDS[kind] = known
        return known

    return register


@taggable("training-job")
def _training_job(store: Store, name: str) -> bool:
    return store.training_jobs.has(name)


@taggable("processing-job")
def _processing_job(store: Store, name: str) -> bool:
    return store.processing_jobs.has(name)


@operation("sagemaker", "AddTags")
def add_tags(context: Context, request: Document) -> Document:
    """Set tags; answers with all that were given."""
    arn = _resource(context, request)
    tags = read_tags(request["Tags"])
    if not context.store.tags.put(arn, tags, limit=_LIMIT):
        raise ResourceLimitExceeded(
            f"The maximum number of tags per resource is {_LIMIT}. {arn} would have more: delete "
            "some first."
        )
    return {"Tags": request["Tags"]}


@operation("sagemaker", "ListTags", quick=True)
def list_tags(context: Context, request: Document) -> Document:
    """All tags: a page holds no fewer than a resource can have."""
    token_of("ListTags", request, "NextToken")  # there is no second page, so any is wrong
    tags = context.store.tags.of(_resource(context, request))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@operation("sagemaker", "DeleteTags")
def delete_tags(context: Context, request: Document) -> Document:
    """Drop tags; keys that are not there do not matter."""
    context.store.tags.remove(_resource(context, request), request["TagKeys"])
    return {}


def read_tags(given: list[Document]) -> dict[str, str]:
    """Key -> value of a request's tags.

    Raises:
        ValidationException: a key comes twice, or is AWS's own.
    """
    tags = {tag["Key"]: tag["Value"] for tag in given}
    if len(tags) < len(given):
        raise ValidationException("Duplicate tag keys are not allowed: give each key once.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise ValidationException(
                f"aws: prefixed tag key names are not allowed for external use: '{key}'."
            )
    return tags


def _resource(context: Context, request: Document) -> str:
    arn: str = request["ResourceArn"]
    match = _ARN.fullmatch(arn)
    if match and match[1] == context.region and match[2] == context.account:
        known = _KINDS.get(match[3].lower())
        if known is not None and known(context.store, match[4].lower()):
            return arn
    raise ValidationException(
        f"Could not find resource with ARN '{arn}' in account {context.account}, region "
        f"{context.region}."
    )
