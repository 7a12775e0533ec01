"""Following a job over the wire: its state changes, its notes, and all hosts' lines."""

import re
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli.kinds import describe, door_of, group_of, named, shown, status_of
from sagelet.cli.render import Screen
from sagelet.cli.status import marks_of, status_line
from sagelet.domain.errors import DomainError
from sagelet.domain.jobs import Kind
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.processing import PROCESSING
from sagelet.domain.training import TRAINING

#: Between looks, in seconds: at first and while something happens; and at most, when nothing does.
POLL, PATIENT_POLL = 0.02, 0.1

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue")

# Everything that could move the cursor or ring the bell; tabs and colours stay.
_UNSAFE = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f]")

#: Text without any of these is shown as it is.
_UNUSUAL = re.compile(r"[^\t\n\x20-\x7e]")

#: What the description of a processing job lacks.
_BESIDE = ("SecondaryStatus", "SecondaryStatusTransitions")

#: How much of a line without an end yet is looked at, in bytes.
_UNFINISHED = 4096

Document = dict[str, Any]


def watch(client: Client, job: str, kind: Kind) -> Document:
    """A job's description, with its state changes, which SageMaker tells of training jobs only.

    Raises:
        ValidationException: there is no such job.
    """
    document = describe(client, job, kind)
    if kind is not TRAINING:
        beside = client.get(door_of(kind, job))
        # Asked for later, so never behind: what is over for the first is over for the second.
        document |= {name: beside[name] for name in _BESIDE}
    return document


def ask_to_stop(client: Client, job: str, kind: Kind = TRAINING) -> None:
    """StopTrainingJob, or that operation of another kind.

    Raises:
        ValidationException: there is no such job, or it has ended.
    """
    try:
        client.call("sagemaker", f"Stop{kind.name}", {f"{kind.name}Name": job})
    except DomainError as error:
        raise named(error, client, job, kind) from None


def is_over(document: Document) -> bool:
    """Whether nothing more will happen to a job."""
    return status_of(document) in ("Completed", "Failed", "Stopped")


def host_count(document: Document) -> int:
    """How many hosts a job has."""
    processing = document.get("ProcessingResources") or {}
    resources = document.get("ResourceConfig") or processing.get("ClusterConfig") or {}
    groups = resources.get("InstanceGroups") or [resources]
    return sum(int(group.get("InstanceCount", 1)) for group in groups)


def streams(client: Client, job: str, kind: Kind = TRAINING) -> dict[str, str]:
    """The hosts of the log streams of a job that are there by now.

    In the order of the attempts, and of the hosts in each.
    """
    found: dict[str, str] = {}
    request: Document = {
        "logGroupName": group_of(kind),
        "logStreamNamePrefix": f"{job}/",
    }
    while True:
        try:
            page = client.call("logs", "DescribeLogStreams", request)
        except DomainError as error:
            if error.code == "ResourceNotFoundException":  # no job has printed anything yet
                return {}
            raise
        for stream in page.get("logStreams") or []:
            name = str(stream["logStreamName"])
            found[name] = name.removeprefix(f"{job}/").rpartition("-")[0]
        if not page.get("nextToken"):
            return dict(sorted(found.items(), key=lambda s: (_number(s[0]), _number(s[1]))))
        request["nextToken"] = page["nextToken"]


class Events:
    """The events of one log stream, from its first on."""

    def __init__(self, client: Client, stream: str, kind: Kind = TRAINING) -> None:
        self._client = client
        self._request: Document = {
            "logGroupName": group_of(kind),
            "logStreamName": stream,
            "startFromHead": True,
        }

    def read(self) -> list[Document]:
        """What came since the last time; at most a page."""
        page = self._client.call("logs", "GetLogEvents", self._request)
        if page.get("nextForwardToken"):
            self._request["nextToken"] = page["nextForwardToken"]
        events: list[Document] = page.get("events") or []
        return events


class HostLines:
    """Prints a host's log as it grows, each line behind the host's name."""

    def __init__(
        self, screen: Screen, client: Client, job: str, host: str, stream: str, kind: Kind
    ) -> None:
        self._screen = screen
        self._client = client
        self._log = f"{door_of(kind, job)}/log"
        self._host = host
        self._events = Events(client, stream, kind)
        name = f"{host} | "
        colour = _COLOURS[(_number(host) - 1) % len(_COLOURS)]
        self._prefix = click.style(name, fg=colour) if screen.out.isatty() else name

    def pump(self) -> bool:
        """Print what is new; whether there was anything."""
        events = self._events.read()
        if not events:
            if self._screen.live:
                self._show_bar()
            return False
        texts = [event["message"] for event in events]
        if _UNUSUAL.search("\n".join(texts)):
            texts = [_visible(text) for text in texts]
        prefix = self._prefix
        self._screen.write("".join([f"{prefix}{text}\n" for text in texts]))
        return True

    def _show_bar(self) -> None:
        """A bar that a script draws over and over is no event yet: show its last state."""
        end = self._client.fetch(self._log, host=self._host, last=_UNFINISHED)
        unfinished = end.rpartition(b"\n")[2]
        if b"\r" in unfinished:
            state = _visible(unfinished.decode("utf-8", "replace"))
            if state:
                self._screen.progress(f"{self._host}: {state}")


def _visible(line: str) -> str:
    """The line as a terminal would have left it: a bar drawn over and over shows its last state."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", line.rstrip("\r").rpartition("\r")[2])


def _number(host: str) -> int:
    digits = host.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


class JobView:
    """Follows a job.

    ``states``: tell its state changes and notes; ``lines``: print its logs; ``status``: keep a line
    at the bottom of the terminal, if there is one.
    """

    def __init__(
        self,
        screen: Screen,
        client: Client,
        job: str,
        *,
        states: bool = True,
        lines: bool = True,
        only: str | None = None,
        status: bool = False,
        kind: Kind = TRAINING,
    ) -> None:
        self._screen = screen
        self._client = client
        self._job = job
        self._kind = kind
        self._states = states
        self._lines = lines
        self._only = only
        self._status = status and screen.live
        self._marks = marks_of(sys.stderr.encoding)
        self._states_of_hosts: dict[str, str] = {}
        self._known: set[str] = set()
        self._hosts: dict[str, HostLines] = {}
        self._told = 0
        self._notes = 0
        self._entered = self._message = ""

    def follow(self, tick: Callable[[], None] = lambda: None) -> Document:
        """Print until the job is over; its last description.

        ``tick`` is called now and then. A reader that goes away ends the printing, not the job.
        """
        pause = POLL
        looked = 0.0
        document: Document = {}
        while True:
            tick()
            moved = False
            now = time.monotonic()
            if not document or now - looked >= pause:
                looked = now
                moved = self._guarded(self._tell_notes)  # before the state they may lead to
                document = watch(self._client, self._job, self._kind)
                moved |= self._guarded(self._tell, document)
            over = is_over(document)
            if self._lines:
                moved |= self._guarded(self._pump, document)
            if over:
                self._screen.status("")
                self._guarded(self.drain)
                return document
            if self._status:
                self._guarded(self._show_status, document)
            pause = POLL if moved else min(pause * 1.2, PATIENT_POLL)
            if not moved:
                time.sleep(pause)

    def drain(self) -> bool:
        """Print all that is there."""
        if not self._lines:
            return False
        self._meet_hosts()
        for host in self._hosts.values():
            while host.pump():
                pass
        self._screen.out.flush()
        return True

    def _guarded(self, show: Callable[..., bool], *document: Document) -> bool:
        try:
            return show(*document)
        except OSError:  # nobody reads any more
            self._screen.mute()
            return False

    def _pump(self, document: Document) -> bool:
        steps = document.get("SecondaryStatusTransitions") or []
        attempts = sum(step["Status"] == Secondary.TRAINING for step in steps)
        if len(self._known) < attempts * (1 if self._only else host_count(document)):
            self._meet_hosts()
        moved = False
        for host in self._hosts.values():
            try:
                moved |= host.pump()
            except DomainError as error:
                if error.code != "ResourceNotFoundException":
                    raise  # else its log is being put aside: the job begins again
        if moved:
            self._screen.out.flush()
        return moved

    def _meet_hosts(self) -> None:
        for stream, host in streams(self._client, self._job, self._kind).items():
            if stream not in self._known and self._only in (None, host):
                self._known.add(stream)
                earlier = self._hosts.get(host)
                while earlier and earlier.pump():  # of an attempt that was given up
                    pass
                self._hosts[host] = HostLines(
                    self._screen, self._client, self._job, host, stream, self._kind
                )

    def _tell(self, document: Document) -> bool:
        """State changes, and the progress of a long one; whether there were any."""
        steps = document.get("SecondaryStatusTransitions") or []
        if not self._states:
            return False
        new = steps[self._told :]
        for step in new:
            stamp = datetime.fromtimestamp(step["StartTime"]).strftime("%H:%M:%S")  # noqa: DTZ006
            status, message = step["Status"], step["StatusMessage"]
            # Its message may already be how far it has come: that is progress, told below.
            entered = (
                message if is_over(document) else str(self._kind.messages.get(status, message))
            )
            word = shown(status, processing=self._kind is PROCESSING)
            self._screen.say(f"{stamp} {word} - {entered}", dim=True)
            self._entered = self._message = entered
        self._told = len(steps)
        message = steps[-1]["StatusMessage"] if steps else ""
        changed = message != self._message
        if changed and message != self._entered:
            self._screen.progress(message)
        self._message = message
        return changed or bool(new)

    def _show_status(self, document: Document) -> bool:
        hosts = self._states_of_hosts
        self._screen.status(status_line(document, hosts, time.time(), self._marks))
        return False

    def _tell_notes(self) -> bool:
        if not self._states or not self._told:
            return False
        answer = self._client.get(f"{door_of(self._kind, self._job)}/notes", since=self._notes)
        found, self._states_of_hosts = answer["Notes"], answer["Hosts"]
        for note in found:
            self._screen.note(note)
        self._notes += len(found)
        return bool(found)
