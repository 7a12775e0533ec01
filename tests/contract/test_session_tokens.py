"""Temporary credentials at the gateway: with their token, in their time, and not otherwise."""

import pytest
from botocore.exceptions import ClientError

from sagelet.aws.gateway import Key
from sagelet.aws.operation import Registered
from support.wire import plane


def list_jobs(_context, _request):
    return {"TrainingJobSummaries": []}


def identity(context, _request):
    return {"Account": context.account, "Arn": context.access_key, "UserId": "x"}


OPERATIONS = [
    Registered("sagemaker", "ListTrainingJobs", list_jobs, quick=True),
    Registered("sts", "GetCallerIdentity", identity, quick=True),
]
KEYS = {
    "AKIDMINE": Key("secret"),
    "ASIASESSION": Key("lent", token="token"),
    "ASIAOVER": Key("lent", token="token", expired=True),
}


@pytest.fixture(scope="module")
def strict(cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    with plane(cache, folder, OPERATIONS, keys=KEYS, anyone=False) as made:
        yield made


@pytest.mark.parametrize(
    ("service", "codes"),
    [
        ("sagemaker", ("UnrecognizedClientException", "ExpiredTokenException")),
        ("sts", ("InvalidClientTokenId", "ExpiredToken")),
        ("s3", ("InvalidToken", "ExpiredToken")),
    ],
)
def test_temporary_credentials_are_good_with_their_token_and_in_their_time(strict, service, codes):
    call = {
        "sagemaker": "list_training_jobs",
        "sts": "get_caller_identity",
        "s3": "list_buckets",
    }[service]
    wrong, over = codes
    for key, code in (
        (("ASIASESSION", "lent"), wrong),
        (("ASIASESSION", "lent", "tokem"), wrong),
        (("AKIDMINE", "secret", "token"), wrong),
        (("ASIAOVER", "lent", "token"), over),
    ):
        with strict.client(service, key=key) as client, pytest.raises(ClientError) as caught:
            getattr(client, call)()
        assert caught.value.response["Error"]["Code"] == code, key
    if service != "s3":  # no objects behind this gateway
        with strict.client(service, key=("ASIASESSION", "lent", "token")) as client:
            getattr(client, call)()
