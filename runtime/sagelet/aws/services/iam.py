"""IAM: roles and their policies, kept and shown, never evaluated: everything is allowed.

The role ``sagelet`` is always there, and so are the names that the SDKs, the console and tutorials
give to SageMaker's execution role.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from sagelet.aws.operation import Context, Document, operation
from sagelet.domain.errors import Refusal
from sagelet.domain.roles import CALLER, Role

_PAGE = 100

#: CreateRole's members that GetRole shows as they were given.
_EXTRAS = ("Description", "MaxSessionDuration", "Tags")


@operation("iam", "GetRole", quick=True)
def get_role(context: Context, request: Document) -> Document:
    """One role."""
    return {"Role": _shown(_role(context, request))}


@operation("iam", "CreateRole")
def create_role(context: Context, request: Document) -> Document:
    """Make a role; it may take the place of one that is there without having been made."""
    name = request["RoleName"]
    extras = {"MaxSessionDuration": 3600} | {
        key: request[key] for key in _EXTRAS if request.get(key)
    }
    if request.get("PermissionsBoundary"):
        extras["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": request["PermissionsBoundary"],
        }
    role = Role(
        context.account,
        name,
        request.get("Path") or "/",
        time.time(),
        _policy(request["AssumeRolePolicyDocument"]),
        extras,
    )
    if name.lower() == CALLER or not context.store.roles.add(role):
        raise Refusal("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
    return {"Role": _shown(role)}


@operation("iam", "DeleteRole")
def delete_role(context: Context, request: Document) -> Document:
    """Drop a role that has no policies any more."""
    role = _role(context, request)
    if role.name.lower() == CALLER:
        raise Refusal("UnmodifiableEntity", f"The role {CALLER} is always there.")
    if not context.store.roles.delete(role):
        attached = None in context.store.roles.policies(role).values()
        hint = "detach all policies" if attached else "delete policies"
        raise Refusal("DeleteConflict", f"Cannot delete entity, must {hint} first.", 409)
    return {}


@operation("iam", "ListRoles")
def list_roles(context: Context, request: Document) -> Document:
    """Roles that were made, and ``sagelet``."""
    roles = context.store.roles.made(context.account)
    caller = context.store.roles.find(context.account, CALLER)
    if caller is not None and caller.name not in {role.name for role in roles}:
        roles.append(caller)
    shown = {r.name: r for r in roles if r.path.startswith(request.get("PathPrefix") or "/")}
    names, document = _page(request, sorted(shown, key=str.lower))
    return {"Roles": [_shown(shown[name]) for name in names], **document}


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(context: Context, request: Document) -> Document:
    """Change who may take the role."""
    trust = _policy(request["PolicyDocument"])
    context.store.roles.save_trust(replace(_role(context, request), trust=trust))
    return {}


@operation("iam", "AttachRolePolicy")
def attach_role_policy(context: Context, request: Document) -> Document:
    """Attach any managed policy: none is looked into."""
    context.store.roles.put_policy(_role(context, request), request["PolicyArn"], None)
    return {}


@operation("iam", "DetachRolePolicy")
def detach_role_policy(context: Context, request: Document) -> Document:
    """Detach a managed policy."""
    if not context.store.roles.remove_policy(_role(context, request), request["PolicyArn"]):
        raise _missing(f"Policy {request['PolicyArn']} was not found.")
    return {}


@operation("iam", "ListAttachedRolePolicies", quick=True)
def list_attached_role_policies(context: Context, request: Document) -> Document:
    """The managed policies of a role."""
    policies = context.store.roles.policies(_role(context, request))
    prefix = request.get("PathPrefix") or "/"
    arns = [
        arn
        for arn, document in policies.items()
        if document is None and arn.partition(":policy")[2].startswith(prefix)
    ]
    page, document = _page(request, arns)
    attached = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in page]
    return {"AttachedPolicies": attached, **document}


@operation("iam", "PutRolePolicy")
def put_role_policy(context: Context, request: Document) -> Document:
    """Give a role a policy of its own."""
    role, document = _role(context, request), _policy(request["PolicyDocument"])
    context.store.roles.put_policy(role, request["PolicyName"], document)
    return {}


@operation("iam", "GetRolePolicy", quick=True)
def get_role_policy(context: Context, request: Document) -> Document:
    """A role's own policy."""
    role, name = _role(context, request), request["PolicyName"]
    document = context.store.roles.policies(role).get(name)
    if document is None:
        raise _missing(f"The role policy with name {name} cannot be found.")
    return {
        "RoleName": role.name,
        "PolicyName": name,
        "PolicyDocument": quote(document, safe=""),
    }


@operation("iam", "ListRolePolicies", quick=True)
def list_role_policies(context: Context, request: Document) -> Document:
    """The names of a role's own policies."""
    policies = context.store.roles.policies(_role(context, request))
    names, document = _page(request, [name for name, text in policies.items() if text is not None])
    return {"PolicyNames": names, **document}


@operation("iam", "DeleteRolePolicy")
def delete_role_policy(context: Context, request: Document) -> Document:
    """Drop a role's own policy."""
    name = request["PolicyName"]
    if not context.store.roles.remove_policy(_role(context, request), name):
        raise _missing(f"The role policy with name {name} cannot be found.")
    return {}


@operation("iam", "SimulatePrincipalPolicy", quick=True)
def simulate_principal_policy(_context: Context, request: Document) -> Document:
    """Everything is allowed."""
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns") or ["*"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


@operation("iam", "GetUser", quick=True)
def get_user(_context: Context, request: Document) -> Document:
    """There are no users: every caller plays a role."""
    name = request.get("UserName")
    if name is None:
        raise Refusal(
            "ValidationError", "Must specify userName when calling with non-User credentials"
        )
    raise _missing(f"The user with name {name} cannot be found.")


def _role(context: Context, request: Document) -> Role:
    name = request["RoleName"]
    role = context.store.roles.find(context.account, name)
    if role is None:
        raise _missing(f"The role with name {name} cannot be found.")
    return role


def _shown(role: Role) -> Document:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": quote(role.trust, safe=""),
        **role.extras,
    }


def _policy(text: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refusal("MalformedPolicyDocument", "This policy contains invalid Json")
    return text


def _page(request: Document, names: Sequence[str]) -> tuple[list[str], Document]:
    """The names behind the marker, and what the answer says of the rest."""
    marker, size = request.get("Marker"), request.get("MaxItems") or _PAGE
    first = 0
    if marker is not None:
        if marker not in names:
            raise Refusal("ValidationError", f"Invalid Marker: {marker}")
        first = names.index(marker)
    page = list(names[first : first + size])
    rest = names[first + size :]
    return page, {"IsTruncated": True, "Marker": rest[0]} if rest else {"IsTruncated": False}


def _missing(message: str) -> Refusal:
    return Refusal("NoSuchEntity", message, 404)
