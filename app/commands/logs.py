"""The log of a process: one line for each event on the error stream, as text for people or as JSON for programs.

Times are UTC. Nothing that came from outside can make a line of its own or change the colours of a terminal: control
characters are written as escapes, and the lines of a trace are marked.
"""

import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from app import log_fields
from app.domain.errors import AppError

CHATTY = ("alembic", "uvicorn", "celery", "asyncio")
SILENT = ("kombu",)  # warns that memory:// has no host
REQUESTS = "app.web.observe"  # one line for each request: for programs, not for the terminal of a laptop
FORMATS = ("text", "json")
TRACE = "Traceback (most recent call last)"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SEPARATORS = "\u2028\u2029\u0085"
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {ord(char): f"\\u{ord(char):04x}" for char in _SEPARATORS}
_ESCAPES |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}


def set_up(level: str, form: str = "text", mask: Callable[[str], str] = str) -> None:
    """Log from ``level`` on; of libraries only warnings, unless everything is asked for.

    ``mask`` takes the passwords out of what was said, traces included.

    Raises:
        AppError: there is no such level or format.
    """
    level = level.upper()
    for name, value, known in (("MIWAKE_LOG_LEVEL", level, LEVELS), ("MIWAKE_LOG_FORMAT", form, FORMATS)):
        if value not in known:
            raise AppError("setting_invalid", name=name, value=value, kind=", ".join(known))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json(mask) if form == "json" else Text(mask))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    everything = level == "DEBUG"
    quiet = {REQUESTS: logging.WARNING if form == "text" else logging.NOTSET}
    quiet |= dict.fromkeys(CHATTY, logging.WARNING) | dict.fromkeys(SILENT, logging.ERROR)
    for name, least in quiet.items():  # each time all of them: an earlier call may have wished for something else
        logging.getLogger(name).setLevel(logging.NOTSET if everything else least)


def escaped(text: str) -> str:
    """``text`` on one line, without anything that a terminal would obey."""
    return text.translate(_ESCAPES)


class _Masked(logging.Formatter):
    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__()
        self.mask = mask


class Text(_Masked):
    """``2026-11-21T15:04:30.123Z INFO Job 7 begins. job=7 run=3 attempt=1``."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={escaped(str(value))}" for name, value in _fields(record).items())
        message, trace = record.getMessage(), _trace(record)
        if message.startswith(TRACE):  # uvicorn writes the trace of a failed start as a message
            message, trace = "failed", message
        lines = [f"{_time(record)} {record.levelname} {escaped(message)}{fields}"]
        lines += [f"  | {escaped(line)}" for line in trace.splitlines()]
        return self.mask("\n".join(lines))


class Json(_Masked):
    """One object for each line: time, level, logger, message, the fields, and the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": escaped(record.getMessage()),
        }
        values |= {name: escaped(value) if isinstance(value, str) else value for name, value in _fields(record).items()}
        if trace := _trace(record):
            values["trace"] = trace  # JSON escapes its line ends
        masked = {name: self.mask(value) if isinstance(value, str) else value for name, value in values.items()}
        return json.dumps(masked, ensure_ascii=True, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {**log_fields.current(), **getattr(record, "fields", {})}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return "".join(traceback.format_exception(*record.exc_info))
    return ""
