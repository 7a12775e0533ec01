"""How the people's door answers: JSON, refusals, the headers of every page, the token of writes."""

import hmac
import secrets
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from sagelet.domain.errors import DomainError, Refusal

#: Nothing is loaded from elsewhere, nothing that came as text becomes a script.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

#: The header that a write carries; a page of another origin can neither set nor read it.
TOKEN = "X-Sagelet-Token"  # noqa: S105 - the header's name


class Json(Response):
    """A JSON document that is never kept by a cache."""

    media_type = "application/json"

    def __init__(self, content: Any = None, status_code: int = 200) -> None:
        super().__init__(content, status_code, {"Cache-Control": "no-store", **HEADERS})

    def render(self, content: Any) -> bytes:
        """The document's bytes."""
        return orjson.dumps(content)


def refuse(_request: Request, error: Exception) -> Response:
    """A refusal in the words it has."""
    if not isinstance(error, DomainError):
        raise error
    return Json({"code": error.code, "message": str(error)}, error.status)


class Token:
    """The token of this process's pages."""

    def __init__(self) -> None:
        self.value = secrets.token_urlsafe(24)

    def check(self, request: Request) -> None:
        """Let a write through that one of our own pages sent.

        Raises:
            Refusal: AccessDenied.
        """
        given = request.headers.get(TOKEN, "")
        if not hmac.compare_digest(given.encode(), self.value.encode()):
            raise Refusal(
                "AccessDenied",
                f"What changes something needs the header {TOKEN} with the text that GET "
                "/_api/token gives. Reload the page.",
                403,
            )
