"""Ask an ASGI application without a server."""

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode


def ask(app: Any, path: str, /, method: str = "GET", **query: Any) -> tuple[int, Any]:
    """(status, document) of a request."""
    sent: list[Any] = []
    text = urlencode({key: value for key, value in query.items() if value is not None}, doseq=True)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": text.encode(),
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    body = b"".join(each.get("body", b"") for each in sent[1:])
    return sent[0]["status"], json.loads(body) if body else None
