"""Words a failed command: the last exception first, in at most what SageMaker shows of it.

Reads the end of stderr as a person would; loaded only when something failed. Writes no file.
"""

from __future__ import annotations

from sagelet_toolkit.entrypoint import show
from sagelet_toolkit.failure import FAILURE_REASON_LIMIT

HEADER = "Traceback (most recent call last):"
COMMAND_LIMIT = 200
CAUSE_LIMIT = 400
FOLLOWING_LIMIT = 300
SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU",
}  # fmt: skip
KILLED = -9
KILLED_SHELL = 137


def describe(
    error: str, status: int, output: bytes, argv: list[str], where: str = ""
) -> tuple[str, str]:
    """Return the failure text, within the limit, and what is worth keeping beyond it.

    `where` names the process, if the command ran many.
    """
    text = output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").rstrip()
    command = cut(show(argv), COMMAND_LIMIT)
    extra = ". ".join([part for part in (where, extra_info(status)) if part])
    before = f'{error}:\nExitCode {status}\nErrorMessage "'
    after = '"\n' + (f'ExtraInfo "{extra}"\n' if extra else "") + f'Command "{command}"'
    room = FAILURE_REASON_LIMIT - len(before) - len(after)
    message = (
        error_message(text, room, pip=error.startswith("Install"))
        or "nothing was written to stderr"
    )
    detail = "" if not text or text in message else "\n\nThe end of stderr:\n" + text + "\n"
    return before + message + after, detail


def extra_info(status: int) -> str:
    """Say which signal ended the command, and what usually sends it."""
    if status in (KILLED, KILLED_SHELL):
        return "OutOfMemory: Process killed by SIGKILL (signal 9), usually for want of memory"
    if status < 0:
        return f"Process ended by {SIGNALS.get(-status, 'a signal')} (signal {-status})"
    return ""


def error_message(text: str, room: int, *, pip: bool = False) -> str:
    """Put the cause first, then as much of what led to it as there is room for."""
    lines = [line.rstrip() for line in text.split("\n")]
    found = last_traceback(lines)
    if found is None:
        cause, context = plain_cause(lines, pip=pip)
    else:
        start, end, pad = found
        cause = lines[end][pad:].strip()
        following = cut("\n".join(line for line in lines[end + 1 :] if line), FOLLOWING_LIMIT)
        if following:
            cause = cut(cause, CAUSE_LIMIT) + "\n" + following
        context = lines[start:end]
    cause = cut(cause, room)
    kept: list[str] = []
    left = room - len(cause)
    for line in reversed(context):
        left -= len(line) + 1
        if left < 0:
            break
        kept.insert(0, line)
    return "\n".join([cause, *kept])


def last_traceback(lines: list[str]) -> tuple[int, int, int] | None:
    """Find the last traceback that ends in an exception: its first and last line, its indent."""
    for start in range(len(lines) - 1, -1, -1):
        if not lines[start].endswith(HEADER):
            continue
        bare = lines[start].lstrip(" |+-")
        # Exception groups draw a frame on the left of their tracebacks.
        pad = len(lines[start]) - len(bare) if bare.startswith(("Trace", "Exception Gr")) else 0
        for end in range(start + 1, len(lines)):
            line = lines[end]
            if line[pad:] and not line[pad:].startswith((" ", "|")):
                return start, end, pad
    return None


def plain_cause(lines: list[str], *, pip: bool) -> tuple[str, list[str]]:
    """Without a traceback: pip's last error, else the last line."""
    for index in range(len(lines) - 1, -1, -1):
        if pip and lines[index].startswith("ERROR: "):
            return lines[index], lines[:index]
    return lines[-1], lines[:-1]


def cut(text: str, limit: int) -> str:
    """Shorten to `limit` characters, visibly."""
    return text if len(text) <= limit else text[: max(limit - 4, 0)] + " ..."
