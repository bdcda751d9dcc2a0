"""Parts that the pages of the health area share: what the last act did, and how it is taken back."""

from dataclasses import dataclass

from fastapi import Request

from app.services.health_mend import Act

KEPT = "kept"  # what is taken back; a change set is named by its id


@dataclass(frozen=True)
class Done:
    """What the last act did, and how it is taken back: "kept" or the id of a change set; "" for not at all."""

    act: str
    count: int
    undo: str


def is_number(text: str) -> bool:
    """True for the text of an id or a count."""
    return text.isascii() and text.isdigit() and len(text) < 16


def done(request: Request) -> Done | None:
    """What the address says was done just now; nothing where it makes no sense."""
    values = request.query_params
    act, count, back = values.get("done", ""), values.get("count", ""), values.get("undo", "")
    if act not in (*Act, "undo") or not is_number(count):
        return None
    return Done(act, int(count), back if back == KEPT or is_number(back) else "")
