"""What was sent to an address that takes both a form and JSON.

A route names ``SubmittedDep`` before the project and the session: the body, however slowly it comes, is then read
before a connection is taken.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from app.domain.errors import Invalid

MOST_FIELDS = 10_000  # of a form; each change of a single class takes three


@dataclass(frozen=True)
class Submitted:
    """The values by name; ``by_program`` tells JSON from a form."""

    values: Mapping[str, Any]
    by_program: bool


async def read_submitted(request: Request) -> Submitted:
    """Read the body of a request.

    Raises:
        Invalid: ``request_unreadable``: JSON that is broken or no object.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        async with request.form(max_fields=MOST_FIELDS) as form:
            return Submitted({name: value for name, value in form.items() if isinstance(value, str)}, by_program=False)
    try:
        values = json.loads(await request.body())
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Invalid("request_unreadable")
    return Submitted(values, by_program=True)


SubmittedDep = Annotated[Submitted, Depends(read_submitted)]


def request_key(values: Mapping[str, Any]) -> str:
    """The same for a form that was sent twice, and another one when anything in it was changed; "" without a mark."""
    if not values.get("request"):
        return ""
    plain = json.dumps(values, sort_keys=True, default=str)
    # Shorter than the hash of a blob: a job whose values name one is taken to need it.
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()
