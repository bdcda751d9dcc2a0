"""Looking up thousands of rows by their ids: as one value in the statement, and as PostgreSQL would not by itself."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement


class id_list(FunctionElement[int]):  # noqa: N801 - reads like a function in queries, as SQLAlchemy's own do
    """The numbers of a JSON array as a query: a parameter for each would cost more than what is done with them."""

    type = sa.Integer()
    inherit_cache = True
    name = "id_list"


@compiles(id_list, "sqlite")
def _sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **kw)}))"  # noqa: S608 - a bound value


@compiles(id_list, "postgresql")
def _postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"(SELECT value::int FROM json_array_elements_text(({compiler.process(element.clauses, **kw)})::json))"  # noqa: S608


def one_of(column: sa.ColumnElement[int], ids: Iterable[int]) -> sa.ColumnElement[bool]:
    """True where ``column`` is one of some ids, of which there may be thousands."""
    listed = id_list(sa.literal(json.dumps(list(ids), separators=(",", ":")), sa.Text()))
    return column.op("IN", is_comparison=True, return_type=sa.Boolean())(listed)


@contextmanager
def by_lookup(session: Session) -> Iterator[None]:
    """Have PostgreSQL join by looking up rows in the statements within.

    It takes ten thousand lookups for dearer than reading an index of a million images, which is ten times slower.
    SQLite knows no other way.
    """
    ways = ("hashjoin", "mergejoin") if session.get_bind().dialect.name == "postgresql" else ()
    for way in ways:
        session.execute(sa.text(f"SET LOCAL enable_{way} = off"))
    yield
    for way in ways:  # after an error the transaction ends, and what was set in it
        session.execute(sa.text(f"SET LOCAL enable_{way} TO DEFAULT"))
