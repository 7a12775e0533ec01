"""What the inspector shows of a call. Pure; secrets are left out."""

import re
from typing import Any

from sagelet.store.calls import Call

_SECRET = re.compile(
    r"(SecretAccessKey|SessionToken|X-Amz-Signature|X-Amz-Security-Token|Signature)"
    r"(\"\s*:\s*\"|>|=)([^\"<&\s]+)"
)

#: A member of a JSON document whose value is a text, which may be cut short.
_MEMBER = re.compile(r'"([^"\\]{1,200})"(\s*:\s*)"((?:[^"\\]|\\.)+)', re.DOTALL)

#: A name whose value is a secret, as environments have them (HF_TOKEN, AWS_SECRET_ACCESS_KEY); no
#: NextToken, no TOKENIZERS_PARALLELISM, no max_tokens.
_SECRET_NAME = re.compile(
    r"(?i:password|passwd|secret|api[_-]?key|private[_-]?key)"
    r"|TOKEN(?!IZ)|(?<![A-Za-z])[Tt]oken(?!iz|s)"
)


def call_row(number: int, call: Call) -> dict[str, Any]:
    """One line of the table; times in epoch seconds, ``took`` in milliseconds."""
    return {
        "number": number,
        "time": call.time,
        "took": round(call.took * 1000, 2),
        "service": call.service,
        "operation": call.operation,
        "method": call.method,
        "path": _hide(call.path),
        "region": call.region,
        "status": call.status,
        "error": call.error,
        "requestSize": call.request_size,
        "responseSize": call.response_size,
    }


def call_document(number: int, call: Call) -> dict[str, Any]:
    """All of it."""
    return {
        **call_row(number, call),
        "id": call.id,
        "agent": call.agent,
        "door": call.door,
        "request": _text(call.request),
        "requestCut": len(call.request) < call.request_size,
        "response": _text(call.response),
        "responseCut": len(call.response) < call.response_size,
    }


def _text(body: bytes) -> str | None:
    """The body as text; None when it is none."""
    text = body.decode("utf-8", "replace")
    if text.count("�") > 1 or "\0" in text:
        return None
    return _hide(text)


def _hide(text: str) -> str:
    return _MEMBER.sub(_hidden, _SECRET.sub(r"\1\2***", text))


def _hidden(member: re.Match[str]) -> str:
    name, between, _ = member.groups()
    return f'"{name}"{between}"***' if _SECRET_NAME.search(name) else member[0]
