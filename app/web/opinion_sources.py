"""What a sample for second opinions can be drawn from: all images in use, the filters of the gallery, a saved view."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.errors import AppError
from app.domain.text import N_
from app.services import gallery, views
from app.services.image_filter import ImageFilter
from app.web import filter_words


@dataclass(frozen=True)
class Source:
    """One choice: the query string that is sent, what it is called, how many images match now."""

    query: str
    text: str
    images: int
    chosen: bool


def sources(session: Session, project: Project, query: str, say: filter_words.Say) -> list[Source]:
    """The choices; ``query`` is that of the page, or the one that was sent and refused."""
    known = {"": say(N_("all images in use"))}
    saved = views.listed(session, project.id)
    known |= {view.query: say(N_("view “%(name)s”")) % {"name": view.name} for view in saved if view.query}
    if query not in known:
        known[query] = in_words(project, query, say)
    found = []
    for each, text in known.items():
        try:
            chosen = ImageFilter.from_query(dict(parse_qsl(each)))
            images = gallery.total(session, project.id, chosen)
        except AppError:  # its run is gone
            continue
        found.append(Source(each, text, images, each == query))
    return found


def in_words(project: Project, query: str, say: filter_words.Say) -> str:
    """A query string of the gallery as one line."""
    try:
        chosen = ImageFilter.from_query(dict(parse_qsl(query)))
    except AppError:
        return query[:100]
    words = filter_words.words(project, chosen, say)
    return ", ".join(f"{word.title}: {word.text}" for word in words) or say(N_("all images in use"))


def as_text(values: Sequence[tuple[str, str]]) -> str:
    """The filters among the pairs of an address, as one text."""
    return urlencode(ImageFilter.from_query(dict(values)).to_query())
