"""Puts back together the lines that mpirun cuts, and labels them the way SageMaker does.

`mpirun --tag-output` puts `[1,0]<stdout>:` before whatever a process writes at once, so a line
written in parts has it several times, with other processes' parts in between.
"""

from __future__ import annotations

import os
import re

from sagelet_toolkit.stderr import STDERR, STDOUT, Copy

LONGEST_PART = 8 * 1024  # of a line without an end: shown as it is from here on
_TAG = re.compile(rb"\[(\d+),(\d+)\]<(stdout|stderr)>:")
_END = re.compile(rb"[\r\n]")


class Relay(Copy):
    """Both streams of mpirun, passed on in whole lines to stdout; their end is kept."""

    def __init__(self, hosts: list[str], per_host: int) -> None:
        super().__init__([STDOUT, STDERR], to=STDOUT)
        self._hosts = hosts
        self._per_host = per_host
        self._parts: dict[bytes, bytes] = {}  # label -> what has come of its line
        self._label = b""
        self._unread = b""  # the beginning of a tag, perhaps

    def finish(self) -> bytes:
        """Show what has no end, too."""
        self._sort(self._unread, last=True)
        for label, text in self._parts.items():
            self._show(label, text + b"\n")
        return super().finish()

    def take(self, data: bytes) -> None:
        """Pass on the lines that are whole now."""
        self._sort(self._unread + data, last=False)

    def _sort(self, data: bytes, *, last: bool) -> None:
        self._unread = b""
        if not last:
            cut = data.rfind(b"[", max(len(data) - 40, 0))
            if cut >= 0 and b":" not in data[cut:]:
                data, self._unread = data[:cut], data[cut:]
        place = 0
        for tag in _TAG.finditer(data):
            self._add(data[place : tag.start()])
            self._label = self._label_of(tag)
            place = tag.end()
        self._add(data[place:])

    def _add(self, text: bytes) -> None:
        while text:
            end = _END.search(text)
            line, text = (text[: end.end()], text[end.end() :]) if end else (text, b"")
            whole = self._parts.pop(self._label, b"") + line
            if end or len(whole) > LONGEST_PART:
                self._show(self._label, whole)
            else:
                self._parts[self._label] = whole
            if end and end.group() == b"\n":
                self._label = b""  # what follows has a tag, or is mpirun's own

    def _show(self, label: bytes, text: bytes) -> None:
        if text:
            super().take(label + text)

    def _label_of(self, tag: re.Match[bytes]) -> bytes:
        job, rank, stream = tag.groups()
        host = self._hosts[min(int(rank) // self._per_host, len(self._hosts) - 1)]
        return b"[%s,mpirank:%s,%s]<%s>:" % (job, rank, os.fsencode(host), stream)
