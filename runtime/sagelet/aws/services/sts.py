"""STS: who the caller is, and throw-away credentials.

Every caller plays the role ``sagelet`` unless its access key was given away here. There is one
account a server, so a role of another account is played by the one of that name here.
"""

import re
import secrets
import string
import time

from sagelet.aws.operation import Context, Document, operation
from sagelet.domain.errors import Refusal
from sagelet.domain.roles import CALLER, assumed_role_arn, role_id
from sagelet.store.roles import SESSION_PREFIX, Session

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/(?:[!-~]*/)?([\w+=,.@-]+)", re.ASCII)

_HOUR = 3600
_TWELVE_HOURS = 43200


@operation("sts", "GetCallerIdentity", quick=True)
def get_caller_identity(context: Context, _request: Document) -> Document:
    """The caller, as an assumed role."""
    arn = _caller(context)
    return {"Arn": arn, "UserId": _user_id(context, arn), "Account": context.account}


@operation("sts", "AssumeRole")
def assume_role(context: Context, request: Document) -> Document:
    """Credentials of whoever plays the role."""
    role = _ROLE_ARN.fullmatch(request["RoleArn"])
    if role is None:
        raise Refusal("ValidationError", f"{request['RoleArn']} is invalid")
    arn = assumed_role_arn(context.account, role[1], request["RoleSessionName"])
    document: Document = {
        "Credentials": _open(context, arn, request.get("DurationSeconds") or _HOUR),
        "AssumedRoleUser": {"AssumedRoleId": _user_id(context, arn), "Arn": arn},
    }
    if request.get("SourceIdentity"):
        document["SourceIdentity"] = request["SourceIdentity"]
    return document


@operation("sts", "GetSessionToken")
def get_session_token(context: Context, request: Document) -> Document:
    """Credentials of the caller itself."""
    duration = request.get("DurationSeconds") or _TWELVE_HOURS
    return {"Credentials": _open(context, _caller(context), duration)}


@operation("sts", "GetAccessKeyInfo", quick=True)
def get_access_key_info(context: Context, _request: Document) -> Document:
    """The account of an access key: there is one."""
    return {"Account": context.account}


def _caller(context: Context) -> str:
    session = context.store.roles.session(context.access_key)
    if session is not None:
        return session.arn
    return assumed_role_arn(context.account, CALLER, "SageMaker" if context.confined else CALLER)


def _user_id(context: Context, arn: str) -> str:
    _, role, session = arn.split("/")
    return f"{role_id(context.account, role)}:{session}"


def _open(context: Context, arn: str, duration: int) -> Document:
    now = time.time()
    letters = string.ascii_uppercase + "234567"
    session = Session(
        access_key=SESSION_PREFIX + "".join(secrets.choice(letters) for _ in range(16)),
        secret=secrets.token_urlsafe(30),
        token=secrets.token_urlsafe(120),
        arn=arn,
        expires=now + duration,
        confined=context.confined,
        opened_by=context.access_key,
    )
    context.store.roles.open_session(session, now)
    return {
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": session.expires,
    }
