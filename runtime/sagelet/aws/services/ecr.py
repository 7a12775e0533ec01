"""ECR: just enough for scripts that log in before they train. Images are the Docker engine's.

There are no repositories; jobs find their images by name among the engine's.
"""

import secrets
import time
from base64 import b64encode

from sagelet.aws.operation import Context, Document, operation
from sagelet.domain.errors import Refusal

_TWELVE_HOURS = 43200


@operation("ecr", "GetAuthorizationToken", quick=True)
def get_authorization_token(context: Context, _request: Document) -> Document:
    """A token that opens nothing."""
    token = b64encode(b"AWS:" + secrets.token_urlsafe(90).encode()).decode()
    registry = f"https://{context.account}.dkr.ecr.{context.region}.amazonaws.com"
    return {
        "authorizationData": [
            {
                "authorizationToken": token,
                "expiresAt": time.time() + _TWELVE_HOURS,
                "proxyEndpoint": registry,
            }
        ]
    }


@operation("ecr", "DescribeRepositories", quick=True)
def describe_repositories(context: Context, request: Document) -> Document:
    """None, whichever are asked for."""
    for name in request.get("repositoryNames") or ():
        raise Refusal(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id "
            f"'{request.get('registryId') or context.account}'",
        )
    return {"repositories": []}
