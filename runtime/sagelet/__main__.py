"""``python -m sagelet`` and the ``sagelet`` command."""

import os
import sys


def main() -> None:
    """Run the command line."""
    _open_standard_streams()
    try:
        # A control plane that must be started for the call starts while the rest is loading.
        from sagelet.cli.plane import begin

        plane = begin(sys.argv[1:])
        from sagelet.cli.main import run

        run(plane)
    except KeyboardInterrupt:
        sys.exit(130)


def _open_standard_streams() -> None:
    """Streams the caller closed: the next file opened would otherwise take their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))


if __name__ == "__main__":
    main()
