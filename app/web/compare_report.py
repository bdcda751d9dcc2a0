"""A comparison as one file that can be sent and printed: verdicts, figures, settings, curves and flipped pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.run_models import Explanation
from app.domain import heat
from app.domain.stats.paired import Flip
from app.services import compare_pictures
from app.services.compare_pictures import Chosen, Flipped
from app.storage import Store
from app.web.compare_page import ComparePage

SHEETS = ("app", "forms", "parts", "runs", "review", "compare")
MOST_PICTURES = 12  # of each kind


@dataclass(frozen=True)
class Section:
    """Some pictures of one kind; ``total`` is how many there are."""

    kind: Flip
    total: int
    pictures: Sequence[Flipped]


@dataclass(frozen=True)
class ReportPage(ComparePage):
    """The file."""

    sections: Sequence[Section]
    made_at: datetime
    environments: Sequence[dict[str, Any]]  # of each run: plain values only


def build(session: Session, page: ComparePage) -> ReportPage:
    """The report of what a compare page shows, with the pictures that changed side."""
    found, place = page.found, page.told.index(page.shown) + 1
    sections = []
    for kind in (Flip.GAINED, Flip.LOST):
        chosen = Chosen(frozenset({kind}), page.query.truth)
        places = compare_pictures.find(found, place, chosen)
        first = compare_pictures.load(session, found, place, places[:MOST_PICTURES].tolist())
        shown = [compare_pictures.with_heat(session, found, one) for one in first]
        sections.append(Section(kind, len(places), shown))
    plain = [
        {name: value for name, value in run.environment.items() if isinstance(value, str | int | float)}
        for run in page.runs
    ]
    values = {item.name: getattr(page, item.name) for item in fields(page)}
    return ReportPage(**values, sections=sections, made_at=utc_now(), environments=plain)


def pictures(store: Store, page: ReportPage) -> dict[str, bytes]:
    """The files of the report by the names that its template uses."""
    files = {}
    for picture in (one for section in page.sections for one in section.pictures):
        files[picture.thumbnail_sha256] = store.get(picture.thumbnail_sha256)
        for said in picture.said:
            if said.heat is not None:
                files[said.heat.sha256] = _colored(store, said.heat, said.limit)
    return files


def _colored(store: Store, found: Explanation, limit: float) -> bytes:
    return heat.colored(store.get(found.sha256), found.peak, limit, opaque=True)
