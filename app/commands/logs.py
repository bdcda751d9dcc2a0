"""The log of a process: one line for each event, on the error stream."""

import logging
import sys

CHATTY = ("alembic", "uvicorn", "celery", "asyncio")
SILENT = ("kombu",)  # warns that memory:// has no host


def set_up(level: str) -> None:
    """Log from ``level`` on; of libraries only warnings, unless everything is asked for."""
    logging.basicConfig(level=level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr)
    if level.upper() == "DEBUG":
        return
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)
