"""Saved views: filters and order of the gallery under a name, for everybody who works on a project."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Project, SavedView
from app.domain.errors import Invalid, NotFound
from app.services import projects
from app.services.classes import name_key
from app.services.image_filter import ImageFilter
from app.services.projects import clean_line

LONGEST_NAME = 100


def listed(session: Session, project_id: int) -> list[SavedView]:
    """The views of a project by name."""
    query = sa.select(SavedView).where(SavedView.project_id == project_id)
    return sorted(session.scalars(query), key=lambda view: view.name_key)


def by_number(session: Session, project_id: int, number: int) -> SavedView:
    """Raises NotFound: there is no such view."""
    query = sa.select(SavedView).where(SavedView.project_id == project_id, SavedView.number == number)
    found = session.scalar(query)
    if found is None:
        raise NotFound("view_missing", number=number)
    return found


def query_of(view: SavedView) -> dict[str, str]:
    """The query string of a view, by name."""
    return dict(parse_qsl(view.query))


def save(session: Session, project_id: int, name: str, query: Mapping[str, str], actor: str) -> SavedView:
    """Keep the filters of a query string under a name, with a number that no view ever had.

    Raises:
        Invalid: the name is empty, too long or taken; the query string is none of the gallery.
    """
    projects.lock(session, project_id)
    chosen = urlencode(ImageFilter.from_query(query).to_query())
    view = SavedView(project_id=project_id, query=chosen, actor=actor[:100])
    _name(session, view, name)
    taken = sa.update(Project).where(Project.id == project_id)
    taken = taken.values(next_view_number=Project.next_view_number + 1)
    view.number = session.execute(taken.returning(Project.next_view_number)).scalar_one() - 1
    session.add(view)
    session.flush()
    return view


def rename(session: Session, project_id: int, number: int, name: str) -> None:
    """Give a view another name; its number and address stay.

    Raises:
        Invalid: as ``save``.
        NotFound: there is no such view.
    """
    projects.lock(session, project_id)
    _name(session, by_number(session, project_id, number), name)
    session.flush()


def remove(session: Session, project_id: int, number: int) -> SavedView:
    """Delete a view; the images are not touched. Returns what it was.

    Raises:
        NotFound: there is no such view.
    """
    view = by_number(session, project_id, number)
    session.delete(view)
    session.flush()
    return view


def _name(session: Session, view: SavedView, name: str) -> None:
    clean = clean_line(name)
    if not clean:
        raise Invalid("view_name_empty")
    if len(clean) > LONGEST_NAME:
        raise Invalid("view_name_too_long", longest=LONGEST_NAME)
    key = name_key(clean)[:LONGEST_NAME]
    same = sa.select(SavedView).where(SavedView.project_id == view.project_id, SavedView.name_key == key)
    with session.no_autoflush:
        other = session.scalar(same)
    if other is not None and other is not view:
        raise Invalid("view_name_taken", name=other.name)
    view.name, view.name_key = clean, key
