"""Stock boto3 as a client of the S3 service, and what it is answered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

MB = 1 << 20


@contextmanager
def connecting(url: str) -> Iterator[Callable[..., Any]]:
    """``connect(region, **config)``: clients of the service at ``url``, closed in the end."""
    clients = []

    def connect(region: str = "us-east-1", **config: Any) -> Any:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=region,
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )
        clients.append(client)
        return client

    try:
        yield connect
    finally:
        for client in clients:
            client.close()


def refused(call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """The answer to a call that must fail."""
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    response: dict[str, Any] = raised.value.response
    return response


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    """By which error code a call must fail."""
    return str(refused(call, **arguments)["Error"]["Code"])


def body_of(s3: Any, bucket: str, key: str, **arguments: Any) -> bytes:
    data: bytes = s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()
    return data
