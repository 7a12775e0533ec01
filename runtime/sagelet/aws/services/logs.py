"""CloudWatch Logs: what the hosts of jobs printed, as groups, streams and events.

Nothing is written here. There is a group a kind of job; it exists once a job of the region has a
log. Tokens are places in log files (GetLogEvents) or in the order of all events (FilterLogEvents),
so they hold while jobs go on printing.
"""

import re
import time
from typing import Any
from zlib import crc32

from sagelet.aws.filter_pattern import read_pattern
from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import token_for, token_of
from sagelet.domain.errors import Refusal, ValidationException
from sagelet.store.log_streams import LogStream, LogStreams, Place, interleave
from sagelet.store.logs import PAGE_LIMIT, Log, LogEvent

TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
PROCESSING_JOBS = "/aws/sagemaker/ProcessingJobs"

_PAGE = 10_000
_LIST = 50

#: FilterLogEvents gives up a page after so many events, found or not.
_SCAN = 100_000

#: An event of this age, in milliseconds, is followed by none that is older: what hosts print side
#: by side is noted by threads side by side.
_SETTLED = 1000

_BEHIND_ALL = 1 << 62

#: What may change from page to page.
_FREE = ("limit", "startTime")

_STREAMS, _EVENTS = "DescribeLogStreams", "FilterLogEvents"


def _groups(context: Context) -> dict[str, LogStreams]:
    """The streams of each group, by its name."""
    return {
        PROCESSING_JOBS: context.store.processing_logs,
        TRAINING_JOBS: context.store.logs,
    }


@operation("logs", "DescribeLogGroups")
def describe_log_groups(context: Context, request: Document) -> Document:
    """The groups of which a job has a log, as far as the filters let them through."""
    prefix, part = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    if prefix and part:
        raise _invalid("logGroupNamePrefix and logGroupNamePattern cannot be specified together.")
    groups = _groups(context)
    asked = [_group_name(name) for name in request.get("logGroupIdentifiers") or groups]
    found = []
    for name, streams in groups.items():
        begun = streams.first()
        if (
            begun is not None
            and name in asked
            and name.startswith(prefix or "")
            and (part or "") in name
            and request.get("logGroupClass", "STANDARD") == "STANDARD"
        ):
            found.append(_shown(context, name, begun))
    return {"logGroups": found}


def _shown(context: Context, name: str, begun: float) -> Document:
    return {
        "logGroupName": name,
        "creationTime": int(begun * 1000),
        "metricFilterCount": 0,
        "arn": f"{_arn(context, name)}:*",
        "logGroupArn": _arn(context, name),
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    }


def _arn(context: Context, group: str) -> str:
    return f"arn:aws:logs:{context.region}:{context.account}:log-group:{group}"


@operation("logs", "DescribeLogStreams")
def describe_log_streams(context: Context, request: Document) -> Document:
    """One page of the group's streams."""
    streams = _group(context, request)
    descending = bool(request.get("descending"))
    limit, last = request.get("limit") or _LIST, _last(_STREAMS, request)
    if request.get("orderBy") == "LastEventTime":
        if request.get("logStreamNamePrefix"):
            raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        return _by_last_event(context, streams, request, limit, last)
    prefix = request.get("logStreamNamePrefix") or ""
    page: list[LogStream] = []
    for stream in streams.named(prefix, after=last, descending=descending):
        if len(page) == limit:
            return {
                "logStreams": [_stream(context, request, stream) for stream in page],
                "nextToken": _next(_STREAMS, request, page[-1].name),
            }
        page.append(stream)
    return {"logStreams": [_stream(context, request, stream) for stream in page]}


def _by_last_event(
    context: Context, streams: LogStreams, request: Document, limit: int, last: Any
) -> Document:
    descending = bool(request.get("descending"))
    found = [_stream(context, request, stream) for stream in streams.named()]
    place = {id(s): (s.get("lastEventTimestamp", 0), s["logStreamName"]) for s in found}
    found.sort(key=lambda stream: place[id(stream)], reverse=descending)
    if last is not None:
        last = tuple(last)
        found = [s for s in found if (place[id(s)] < last if descending else place[id(s)] > last)]
    document: Document = {"logStreams": found[:limit]}
    if len(found) > limit:
        document["nextToken"] = _next(_STREAMS, request, place[id(found[limit - 1])])
    return document


def _stream(context: Context, request: Document, stream: LogStream) -> dict[str, Any]:
    arn = _arn(context, _asked_group(request))
    document: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": int(stream.begun * 1000),
        "arn": f"{arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    try:
        log = stream.open()
    except FileNotFoundError:
        return document
    with log:
        first, last = log.forward(0, count=1, size=0), log.backward(log.end, count=1, size=0)
    if first.events:
        document["firstEventTimestamp"] = first.events[0].time
        document["lastEventTimestamp"] = last.events[0].time
        document["lastIngestionTime"] = last.events[0].time
    return document


@operation("logs", "GetLogEvents")
def get_log_events(context: Context, request: Document) -> Document:
    """One page of a stream."""
    count = request.get("limit") or _PAGE
    since, until, token = request.get("startTime"), request.get("endTime"), request.get("nextToken")
    with _opened(context, request) as file:
        first = 0 if since is None else file.since(since)
        stop = file.end if until is None else file.since(until)
        forward, place = bool(request.get("startFromHead")), None
        mark = f"{crc32(request['logStreamName'].encode()):08x}"
        if token is not None:
            match = re.fullmatch(rf"([fb])/(\d{{1,18}})/{mark}", token, re.ASCII)
            if match is None:
                raise _invalid("The specified nextToken is invalid.")
            forward, place = match[1] == "f", int(match[2])
        if forward:
            page = file.forward(max(place or 0, first), stop, count=count)
        else:
            page = file.backward(stop if place is None else min(place, stop), first, count=count)
    return {
        "events": [
            {"timestamp": event.time, "message": event.message, "ingestionTime": event.time}
            for event in page.events
        ],
        "nextForwardToken": f"f/{page.end:018d}/{mark}",
        "nextBackwardToken": f"b/{page.start:018d}/{mark}",
    }


@operation("logs", "FilterLogEvents")
def filter_log_events(context: Context, request: Document) -> Document:
    """One page of the events of many streams, in the order of their times."""
    if request.get("startFromHead") is False:
        raise _invalid("startFromHead=false is not supported here; GetLogEvents reads backwards.")
    matches = read_pattern(request.get("filterPattern") or "")
    since = request.get("startTime") or 0
    until = _BEHIND_ALL if request.get("endTime") is None else request["endTime"] + 1
    streams = _searched(context, request, since)
    if not all(stream.ended for stream in streams):
        until = min(until, int(time.time() * 1000) - _SETTLED)
    last = _last(_EVENTS, request)
    after: Place | None = (last[0], last[1], last[2]) if last else None
    found: list[Document] = []
    limit, room = request.get("limit") or _PAGE, PAGE_LIMIT
    document: Document = {"events": found, "searchedLogStreams": []}
    reached = after or (0, "", 0)
    for scanned, (stream, event) in enumerate(interleave(streams, since, until, after)):
        if len(found) == limit or scanned == _SCAN:
            document["nextToken"] = _next(_EVENTS, request, reached)
            break
        if matches(event.message):
            room -= len(event.message.encode()) + 26
            if room < 0 and found:
                document["nextToken"] = _next(_EVENTS, request, reached)
                break
            found.append(_found(stream, event))
        reached = event.time, stream, event.offset
    return document


def _found(stream: str, event: LogEvent) -> Document:
    return {
        "logStreamName": stream,
        "timestamp": event.time,
        "message": event.message,
        "ingestionTime": event.time,
        "eventId": f"{event.time:013d}{crc32(stream.encode()):010d}{event.offset:033d}",
    }


def _next(operation_: str, request: Document, cursor: Any) -> str:
    return token_for(operation_, request, "nextToken", cursor, without=_FREE)


def _last(operation_: str, request: Document) -> Any:
    """Where the page before this one ended."""
    try:
        return token_of(operation_, request, "nextToken", without=_FREE)
    except ValidationException:
        raise _invalid("The specified nextToken is invalid.") from None


def _searched(context: Context, request: Document, since: int) -> list[LogStream]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise _invalid("logStreamNames and logStreamNamePrefix cannot be specified together.")
    if names:
        return [_named(context, request, name) for name in dict.fromkeys(names)]
    streams = _group(context, request)
    return list(streams.named(prefix) if prefix else streams.since(since / 1000))


def _opened(context: Context, request: Document) -> Log:
    for _ in range(2):  # it may be put aside at this very moment
        try:
            return _named(context, request, request["logStreamName"]).open()
        except FileNotFoundError:
            continue
    raise _no_stream()


def _named(context: Context, request: Document, name: str) -> LogStream:
    streams = _groups(context).get(_asked_group(request))
    found = streams.get(name) if streams else None
    if found is None:
        _group(context, request)
        raise _no_stream()
    return found


def _group(context: Context, request: Document) -> LogStreams:
    streams = _groups(context).get(_asked_group(request))
    if streams is None or streams.first() is None:
        raise Refusal("ResourceNotFoundException", "The specified log group does not exist.")
    return streams


def _asked_group(request: Document) -> str:
    given = [request[key] for key in ("logGroupName", "logGroupIdentifier") if request.get(key)]
    if len(given) != 1:
        raise _invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return _group_name(given[0])


def _group_name(identifier: str) -> str:
    """The name in a name or ARN of a group."""
    return identifier.rpartition(":log-group:")[2].removesuffix(":*")


def _no_stream() -> Refusal:
    return Refusal("ResourceNotFoundException", "The specified log stream does not exist.")


def _invalid(reason: str) -> Refusal:
    return Refusal("InvalidParameterException", reason)
