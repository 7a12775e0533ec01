"""The toolkit's own log lines, in sagemaker-training's format. The script's never pass here."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "sagemaker-training-toolkit"
DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50
LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class Log:
    """Writes lines to stderr, from `level` upwards."""

    def __init__(self) -> None:
        self.level = INFO

    def set_level(self, level: Any) -> None:
        """Take over sagemaker_container_log_level, a number or a name; keep INFO for nonsense."""
        if isinstance(level, str):
            level = LEVELS.get(level.upper())
        if isinstance(level, int) and not isinstance(level, bool):
            self.level = level

    def debug(self, message: str) -> None:
        """Log what is only of use when something is being looked for."""
        self._write(DEBUG, "DEBUG", message)

    def info(self, message: str) -> None:
        """Log an ordinary step."""
        self._write(INFO, "INFO", message)

    def warning(self, message: str) -> None:
        """Log what the user may not have meant."""
        self._write(WARNING, "WARNING", message)

    def error(self, message: str) -> None:
        """Log why the job fails."""
        self._write(ERROR, "ERROR", message)

    def _write(self, level: int, name: str, message: str) -> None:
        if level < self.level:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        line = f"{stamp},{int(now % 1 * 1000):03d} {NAME} {name:<8} {message}\n"
        data = line.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(2, data) :]
        except OSError:  # nobody reads our stderr: no reason to end the job
            return
