"""The diary in the report of a run: its entries with their answers, and some of the changed pictures of each test."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from gettext import NullTranslations
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Run, RunItem
from app.domain.alterations import Alteration, Change
from app.domain.recipe import Recipe
from app.services import diary
from app.storage import Store
from app.web import changed_picture, diary_page
from app.web.diary_page import Card

Address = Callable[..., str]


@dataclass(frozen=True)
class DiaryPart:
    """The entries that were not removed, the oldest first.

    ``removed``: how many were, whose tests count all the same. ``pictured``: items of shown pictures -> their files,
    those that are there.
    """

    cards: Sequence[Card]
    removed: int
    pictured: Mapping[int, str]
    changes: Mapping[Change, str] = field(default_factory=lambda: diary_page.CHANGES)
    shows: Mapping[str, str] = field(default_factory=lambda: diary_page.SHOWS)


def build(session: Session, store: Store, run: Run, t: NullTranslations) -> DiaryPart:
    """What the report tells of the diary."""
    made = list(diary_page.cards(diary.listed(session, run), t).values())
    shown = [one for one in reversed(made) if not one.entry.row.removed]
    items = {one.item_id for card in shown for one in card.pictures}
    query = sa.select(RunItem.id, RunItem.canonical_sha256).where(RunItem.run_id == run.id, RunItem.id.in_(items))
    rows = session.execute(query).all() if items else []
    pictured = {item: digest for item, digest in rows if store.exists(digest)}
    return DiaryPart(shown, len(made) - len(shown), pictured)


def files(store: Store, run: Run, part: DiaryPart) -> dict[str, bytes]:
    """The changed pictures by the names that the template uses."""
    recipe = Recipe.from_json(run.recipe)
    return {
        name: changed_picture.jpeg(store.get(part.pictured[item]), recipe, Alteration.parse(test))
        for name, item, test in _pictures(part)
    }


def addresses(url: Address, slug: str, number: int, part: DiaryPart) -> dict[str, str]:
    """The same pictures as the program shows them."""
    found = {}
    for name, item, test in _pictures(part):
        values = {key: value for key, value in test.items() if key != "box"}
        query = values | dict(zip(diary_page.SIDES, test.get("box", ()), strict=False)) | {"item": item}
        found[name] = url("run_diary_picture", slug=slug, number=number, query=query)
    return found


def _pictures(part: DiaryPart) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Name, item and test of each picture that is shown."""
    for card in part.cards:
        for one in card.pictures:
            if one.item_id in part.pictured:
                yield f"diary-{card.entry.row.number}-{one.item_id}", one.item_id, dict(card.entry.row.alteration or {})
