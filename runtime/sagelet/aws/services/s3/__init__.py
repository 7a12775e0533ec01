"""Amazon S3 over plain, immutable files: what stock clients and SageMaker's SDK use of it.

``front`` carries HTTP, ``documents`` follows the service model, one module a kind of operation
holds what they do. An operation without a function here is answered with NotImplemented.
"""

from sagelet.aws.services.s3 import buckets, copying, listing, multipart, objects, tagging
from sagelet.aws.services.s3.front import serve

__all__ = ["buckets", "copying", "listing", "multipart", "objects", "serve", "tagging"]
