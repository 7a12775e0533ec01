"""IAM roles: what one is, and those that are always there. Nobody is allowed or refused by them."""

import hashlib
import json
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The role every caller plays, and the one ``sagelet env`` names.
CALLER = "sagelet"

#: What the AWS console, tutorials and the SDKs call a SageMaker execution role.
_KNOWN = re.compile(
    r"sagelet|SageMakerRole|AmazonSageMaker-DefaultRole|AmazonSageMaker-ExecutionRole(-.+)?"
    r"|(Amazon)?SageMaker-?ExecutionRole",
    re.IGNORECASE,
)

#: SageMaker's first day, in epoch seconds.
_ALWAYS = 1511913600.0

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role; ``created`` in epoch seconds, ``trust`` a JSON policy, ``extras`` as the API's."""

    account: str
    name: str
    path: str
    created: float
    trust: str
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"

    @property
    def id(self) -> str:
        """AROA...: the same for a role of that name and age."""
        return role_id(self.account, self.name, self.created)


def role_id(account: str, name: str, created: float = _ALWAYS) -> str:
    """A role's unique id."""
    digest = hashlib.sha256(f"{account}/{name.lower()}/{created}".encode()).digest()
    return "AROA" + b32encode(digest).decode()[:17]


def standing_role(account: str, name: str) -> Role | None:
    """The role of that name that exists without anybody having made it."""
    if not _KNOWN.fullmatch(name):
        return None
    path = "/service-role/" if name.startswith("AmazonSageMaker-ExecutionRole") else "/"
    return Role(account, name, path, _ALWAYS, json.dumps(_TRUST), {"MaxSessionDuration": 3600})


def assumed_role_arn(account: str, role: str, session: str) -> str:
    """Who somebody is that plays ``role``."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
