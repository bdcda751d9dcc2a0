"""``python -m app``: all commands; ``python -m app --help`` explains them."""

import sys


def main() -> int:
    """Check the version of Python before anything is imported that needs it, then run the command."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python may well be what a person has
        sys.stderr.write(f"Miwake needs Python 3.11 or newer; this is {sys.version.split()[0]}.\n")
        return 2
    from app.commands import line  # noqa: PLC0415 - see above

    return line.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
