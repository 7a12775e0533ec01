"""``python -m sagelet`` and the ``sagelet`` command."""

from sagelet.cli import run


def main() -> None:
    """Run the command line."""
    run()


if __name__ == "__main__":
    main()
