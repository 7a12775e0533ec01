"""The toolkit's commands: `train`, and one day `serve`. Reads its arguments, nothing else."""

from __future__ import annotations

import sys

USAGE = "usage: python -m sagelet_toolkit train\n"


def main(argv: list[str]) -> int:
    """Run one command and return its exit code."""
    if argv == ["train"]:
        from sagelet_toolkit.train import train  # usage errors need none of it

        return train()
    if argv == ["serve"]:
        sys.stderr.write("sagelet_toolkit: `serve` is not supported yet; only `train` is.\n")
        return 2
    sys.stderr.write(USAGE)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
