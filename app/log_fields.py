"""What a line of the log is about: fields that stand on every line written inside a ``with about(...)`` block.

The formatters that show them are in ``app.commands.logs``. Values are ids, names of routes and numbers; never what a
person typed, a cookie or the contents of a file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_FIELDS: ContextVar[Mapping[str, object]] = ContextVar("log_fields", default=MappingProxyType({}))


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Add ``fields`` to the lines of this thread or task; fields that are None are left out."""
    known = {name: value for name, value in fields.items() if value is not None}
    token = _FIELDS.set({**_FIELDS.get(), **known})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def current() -> Mapping[str, object]:
    """The fields of this moment."""
    return _FIELDS.get()
