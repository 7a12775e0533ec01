"""A client of our own wire: JSON 1.1, and the plane's own doors, over the control socket.

For the command line, whose start-up counts: HTTP/1.1 is read here (our server is the only one this
ever talks to), and nothing but the standard library's sockets and JSON is imported. No signature
is made: whoever may open the socket is the home's owner. The credential scope only says for which
region the request is.
"""

import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BufferedReader
from typing import Any
from urllib.parse import quote

from sagelet.domain.errors import (
    DomainError,
    Refusal,
    ResourceInUse,
    ResourceLimitExceeded,
    Unavailable,
    ValidationException,
)

Document = dict[str, Any]

#: Services whose protocol is JSON 1.1, and what stands before the operation in X-Amz-Target.
_TARGETS = {"sagemaker": "SageMaker", "logs": "Logs_20140328"}

_ERRORS: dict[str, type[DomainError]] = {
    error.code: error
    for error in (ValidationException, ResourceInUse, ResourceLimitExceeded, Unavailable)
}


class Client:
    """One kept-alive connection, for one region.

    ``connect`` gives a connected socket. It is called once, and again when the connection broke:
    the control plane may have been ended meanwhile, and ``connect`` may start another.
    """

    def __init__(self, connect: Callable[[], socket.socket], region: str) -> None:
        self.region = region
        self._connect = connect
        self._link: tuple[socket.socket, BufferedReader] | None = None

    def call(
        self, service: str, operation: str, request: Document, *, repeatable: bool = True
    ) -> Document:
        """An operation's answer; a ``repeatable`` one is sent again when the connection broke.

        Raises:
            DomainError: AWS's error, with its code and message.
            Unavailable: the control plane went away, or none can be started.
        """
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{_TARGETS[service]}.{operation}",
            "X-Amz-Date": stamp,
            "Authorization": "AWS4-HMAC-SHA256 "
            f"Credential=sagelet/{stamp[:8]}/{self.region}/{service}/aws4_request, "
            f"SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}",
        }
        body = json.dumps(request).encode()
        return _document(self._request("POST", "/", headers, body, repeatable=repeatable))

    def get(self, path: str, **query: object) -> Document:
        """What one of the plane's own doors says (``/_cli/...``)."""
        return _document(self.fetch(path, **query))

    def fetch(self, path: str, **query: object) -> bytes:
        """The bytes behind one of the plane's own doors."""
        return self._request("GET", self._target(path, query), {}, b"", repeatable=True)

    def post(self, path: str, **query: object) -> Document:
        """Ask one of the plane's own doors to do something; sent again if need be."""
        return _document(self._request("POST", self._target(path, query), {}, b"", repeatable=True))

    def connect(self) -> None:
        """Connect now, and not with the first request."""
        self._open()

    def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            for end in reversed(self._link):
                end.close()
        self._link = None

    def _target(self, path: str, query: Mapping[str, object]) -> str:
        given = {"region": self.region, **query}
        return f"{path}?" + "&".join(f"{k}={quote(str(v), safe='')}" for k, v in given.items())

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join([*lines, "", ""]).encode() + body
        try:
            try:
                status, answer = self._exchange(message)
            except ConnectionError:
                self.close()
                if not repeatable:
                    raise
                status, answer = self._exchange(message)
        except ConnectionError as error:
            self.close()
            raise Unavailable(
                "The control plane went away in the middle of this; `sagelet jobs` shows what is."
            ) from error
        except BaseException:  # cut off in the middle: what comes next is another answer's rest
            self.close()
            raise
        if status >= 400:
            raise _error(status, answer)
        return answer

    def _exchange(self, message: bytes) -> tuple[int, bytes]:
        connection, answers = self._open()
        connection.sendall(message)
        return read_answer(answers)

    def _open(self) -> tuple[socket.socket, BufferedReader]:
        if self._link is None:
            connection = self._connect()
            self._link = connection, connection.makefile("rb")
        return self._link


def read_answer(answers: BufferedReader) -> tuple[int, bytes]:
    """The status and the body of the next answer.

    Raises:
        ConnectionError: the connection ended before the answer did.
    """
    while True:
        status = int(_line(answers).split(maxsplit=2)[1])
        headers: dict[bytes, bytes] = {}
        while line := _line(answers):
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        if status >= 200:
            break
    if headers.get(b"transfer-encoding") == b"chunked":
        return status, b"".join(_chunks(answers))
    return status, _exactly(answers, int(headers.get(b"content-length", b"0")))


def _chunks(answers: BufferedReader) -> list[bytes]:
    chunks = []
    while size := int(_line(answers).partition(b";")[0], 16):
        chunks.append(_exactly(answers, size))
        _line(answers)
    while _line(answers):
        pass
    return chunks


def _line(answers: BufferedReader) -> bytes:
    line = answers.readline()
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the control plane hung up")
    return line.rstrip(b"\r\n")


def _exactly(answers: BufferedReader, size: int) -> bytes:
    data = answers.read(size)
    if len(data) < size:
        raise ConnectionResetError("the control plane hung up")
    return data


def _document(answer: bytes) -> Document:
    document: Document = json.loads(answer or b"{}")
    return document


def _error(status: int, answer: bytes) -> DomainError:
    """The error class for AWS's code; an answer that is no document shows as it is."""
    document: Any = None
    with suppress(ValueError):
        document = json.loads(answer)
    if not isinstance(document, dict):
        text = answer.decode("utf-8", "replace").strip()
        return Refusal("InternalFailure", f"The control plane answered {status}: {text}", status)
    code = str(document.get("__type", "InternalFailure")).rpartition("#")[2].partition(":")[0]
    text = str(document.get("message") or document.get("Message") or f"{code} ({status})")
    return _ERRORS[code](text) if code in _ERRORS else Refusal(code, text, status)
