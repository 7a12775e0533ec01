"""What is remembered of a call when it was answered, for people to look at."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sagelet.aws.request import Request
from sagelet.store.calls import BODY, Call

#: Where S3, which answers for itself, says which error it was.
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]+)</Code>")


#: Operations on experiments and what is in them: all but those that only look.
_TRACKING = re.compile(
    r"BatchPutMetrics|((Create|Update|Delete)(Experiment|Trial|TrialComponent|Artifact|Context|Action)"
    r"|(Disa|A)ssociateTrialComponent|(Add|Delete)(Association|Tags))"
)

#: Operations of S3 that change which buckets and objects there are, or what is in them.
_STORING = frozenset(
    {
        "CreateBucket",
        "DeleteBucket",
        "PutObject",
        "CopyObject",
        "CompleteMultipartUpload",
        "DeleteObject",
        "DeleteObjects",
    }
)


class Answer:
    """A ``send`` that notes what is sent: whether it began, the status, the start of the body."""

    __slots__ = ("_send", "body", "error", "size", "started", "status")

    def __init__(self, send: Callable[[Any], Any]) -> None:
        self._send = send
        self.started = False
        self.status = 0
        self.size = 0
        self.body = b""
        self.error = ""

    async def __call__(self, message: Mapping[str, Any]) -> None:
        """Pass it on."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
        else:
            part = message.get("body", b"")
            self.size += len(part) or message.get("count") or 0
            if part and len(self.body) < BODY:
                self.body += bytes(part[: BODY - len(self.body)])
        await self._send(message)


def testify(
    request: Request,
    answer: Answer,
    *,
    began: float,
    took: float,
    id: str,  # noqa: A002 - the request's
    service: str,
    operation: str,
    region: str,
    body: bytes,
) -> Call:
    """The call as it was."""
    path = f"{request.path}?{request.query}" if request.query else request.path
    error, response = answer.error, answer.body
    if service == "s3":
        found = _CODE.search(response) if answer.status >= 400 else None
        error = error or (found[1].decode() if found else "")
        if operation == "GetObject" and not error:
            response = b""  # it is data of the user's
    return Call(
        time=began,
        took=took,
        id=id,
        service=service,
        operation=operation[:200],
        method=request.method,
        path=path[:2000],
        region=region,
        agent=request.headers.get("user-agent", "")[:300],
        door=request.door,
        status=answer.status,
        error=error,
        request=body[:BODY],
        request_size=len(body) or int(request.headers.get("content-length") or 0),
        response=response,
        response_size=answer.size,
    )


def changes_tracking(call: Call) -> bool:
    """Whether an experiment, or what is in one, is another one since this call."""
    return call.status < 400 and _TRACKING.fullmatch(call.operation) is not None


def changes_storage(call: Call) -> bool:
    """Whether a bucket, or an object in one, is another one since this call."""
    return call.service == "s3" and call.status < 400 and call.operation in _STORING
