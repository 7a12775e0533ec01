"""A command at a terminal of its own, and what a person sees there."""

import fcntl
import os
import pty
import re
import struct
import termios
import threading

from support.cli import COMMAND, wait_until


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, columns: int, *arguments: str) -> None:
        self.text = ""
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(1, termios.TIOCSWINSZ, _size(columns))
                os.environ["PYTHONUTF8"] = "1"
                os.execv(COMMAND[0], [*COMMAND, *arguments])
            finally:
                os._exit(1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._file, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += data.decode("utf-8", "replace")

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, _size(columns))

    def wait_for(self, words: str, start: int = 0) -> None:
        wait_until(lambda: words in self.text[start:], words)

    def end(self) -> int:
        """The exit code, when all is read."""
        _, status = os.waitpid(self.pid, 0)
        self._reader.join(30)
        os.close(self._file)
        return os.waitstatus_to_exitcode(status)

    def statuses(self, start: int = 0) -> list[str]:
        """What stood in the last line, one after another."""
        drawn = re.findall(r"\r\x1b\[2K\x1b\[2m([^\x1b]*)\x1b\[0m", self.text[start:])
        return [line for line in drawn if line.startswith("Training ")]

    def lines(self) -> list[str]:
        """What stays: without the lines that were taken away again, and without colours."""
        kept = re.sub(r"\x1b\[2m[^\x1b\n]*\x1b\[0m\r\x1b\[2K", "", self.text)
        return re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", kept).splitlines()


def _size(columns: int) -> bytes:
    return struct.pack("HHHH", 24, columns, 0, 0)
