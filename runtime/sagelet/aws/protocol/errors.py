"""Errors as a service's clients know them: the modelled shape, its code, its status, its members.

Which envelope they come in, each protocol knows.
"""

from dataclasses import dataclass
from typing import Any

from sagelet.aws.model import Operation, Shape
from sagelet.domain.errors import DomainError, ValidationException


@dataclass(frozen=True, slots=True)
class Fault:
    """An error on the wire.

    ``name`` is that of its shape, ``code`` what query clients know it by (mostly the same);
    ``members`` is a document of the shape, message included.
    """

    name: str
    code: str
    status: int
    message: str
    members: dict[str, Any]
    shape: str | None

    @property
    def sender(self) -> bool:
        """Whether the client is to blame."""
        return self.status < 500


def fault_of(error: DomainError, operation: Operation | None, *, query: bool = False) -> Fault:
    """The error, in the words of the operation's model where it has any for it."""
    code, message = error.code, str(error)
    if code == ValidationException.code:
        code = _own_validation_error(operation, query=query)
    members: dict[str, Any] = dict(getattr(error, "members", {}))
    for name in operation.errors if operation else ():
        shape = (operation.shapes if operation else {})[name]
        traits = shape.get("error", {})
        if code in (name, traits.get("code")):
            members[_message_member(shape)] = message
            status = traits.get("httpStatusCode", error.status)
            return Fault(name, traits.get("code", name), status, message, members, name)
    return Fault(code, code, error.status, message, {**members, "message": message}, None)


def _own_validation_error(operation: Operation | None, *, query: bool) -> str:
    """Services differ in what they call a request that breaks its model."""
    errors = operation.errors if operation else ()
    for name in (ValidationException.code, "InvalidParameterException", "ValidationError"):
        if name in errors:
            return name
    return "ValidationError" if query else ValidationException.code


def _message_member(shape: Shape) -> str:
    return "Message" if "Message" in shape["members"] else "message"
