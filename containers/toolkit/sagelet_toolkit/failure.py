"""What can end a job early, as exceptions, and the failure file. Reading stderr is `reason`'s part.

`ClientError`, `Framework Error` and the rest are SageMaker's own words for whose fault it was.
"""

from __future__ import annotations

import os

from sagelet_toolkit.paths import Paths

FAILURE_REASON_LIMIT = 1024  # SageMaker shows this many characters of the failure file


class Failure(Exception):
    """Ends the job: `text` for the failure file, `exit_code` for the platform."""

    def __init__(self, text: str, exit_code: int = 1, detail: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.exit_code = exit_code
        self.detail = detail


class ClientError(Failure):
    """The request or the user's code is wrong."""


class FrameworkError(Failure):
    """The container's own set-up is wrong; exits with the operating system's error number."""

    def __init__(self, message: str, errno: int | None = None, detail: str = "") -> None:
        super().__init__("Framework Error: " + message, errno or 1, detail)


class Stopped(Failure):
    """A signal asked for the end, and no script's own end tells of it."""

    def __init__(self, signum: int, when: str = "before the script ran") -> None:
        super().__init__(f"Stopped by signal {signum} {when}.", 128 + signum)


def write(paths: Paths, failure: Failure) -> str:
    """Write the failure file, unless there is one already; return what happened, in words."""
    if not os.path.isdir(paths.base):
        return f"No failure file written: {paths.base} does not exist."
    text = failure.text[:FAILURE_REASON_LIMIT]
    detail = failure.text[FAILURE_REASON_LIMIT:] + failure.detail
    try:
        os.makedirs(paths.output, exist_ok=True)
        with open(paths.failure, "xb") as file:
            file.write((text + detail).encode("utf-8", "backslashreplace"))
    except FileExistsError:
        return f"Failure file exists, kept as it is: {paths.failure}"
    except OSError as error:
        return f"No failure file written: {error}"
    return ""
