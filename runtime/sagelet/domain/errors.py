"""Errors a user can cause or meet, in the API's own words.

::

    DomainError                 code, HTTP status, one message that says what to do next
    ├── ValidationException     the request is wrong
    ├── ResourceInUse           the name is taken
    ├── ResourceLimitExceeded   more than this machine has
    ├── Unavailable             a needed program, engine or environment is not there
    └── Refusal                 any other error of AWS's, by its code

    HostFault                   the platform's own failure while a job runs (ends the job as Failed)
"""


class DomainError(Exception):
    """A refusal that reaches the user: on the wire as ``code``, in the shell as exit code 2."""

    code = "InternalFailure"
    status = 500


class ValidationException(DomainError):
    """The request is malformed or asks for what cannot be."""

    code = "ValidationException"
    status = 400


#: What SageMaker says of a training job's name that is taken.
NAME_TAKEN = (
    "Training job names must be unique within an AWS account and region, and a training job with "
    "this name already exists ({arn})"
)


class ResourceInUse(DomainError):
    """The name is taken."""

    code = "ResourceInUse"
    status = 400


class ResourceLimitExceeded(DomainError):
    """More was asked for than this machine has."""

    code = "ResourceLimitExceeded"
    status = 400


class Unavailable(DomainError):
    """A needed engine, image, program or environment is missing; the message says how to get it."""

    code = "ServiceUnavailable"
    status = 503


class Refusal(DomainError):
    """An error that AWS knows by ``code`` and that needs no class of its own here."""

    def __init__(self, code: str, message: str, status: int = 400, **members: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        #: Further members of the error's shape (S3's BucketName, Key, ...).
        self.members = members


class HostFault(Exception):
    """The platform could not do its part (staging, launching, storing): the job is Failed.

    The text is the FailureReason, with SageMaker's prefix (``ClientError: ``,
    ``InternalServerError: ``).
    """
