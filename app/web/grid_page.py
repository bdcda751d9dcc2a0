"""What every page with the grid of images gives to its module."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from app.db.models import Project
from app.services.gallery import ImageRow
from app.web import pictures
from app.web.draw_form import DrawForm
from app.web.field_text import FieldText
from app.web.fields import TEXTS
from app.web.templating import address

PER_REQUEST = 500
URLS = {
    "assign": "labels_assign",
    "undo": "labels_undo",
    "redo": "labels_redo",
    "mark": "marks_put",
    "split": "class_split",
    "plan": "splits_plan",
    "move": "splits_move",
    "gallery": "gallery",
    "similar": "similar",
}


@dataclass(frozen=True)
class MoveDialog:
    """What is offered where images are moved between splits. ``to`` and ``typed``: what was chosen."""

    splits: Mapping[str, str]
    to: str
    typed: DrawForm = DrawForm()
    together: FieldText = TEXTS["group_by"]
    pattern: FieldText = TEXTS["group_pattern"]
    pause: FieldText = TEXTS["group_seconds"]


def move_dialog(say: Callable[[str], str], to: str = "", typed: DrawForm | None = None) -> MoveDialog:
    """The dialog in the reader's language."""
    splits = {key: say(text) for key, text in pictures.SPLITS.items()}
    return MoveDialog(splits, to or next(iter(splits)), typed or DrawForm())


def module_data(request: Request, project: Project, query: Mapping[str, str], source: str) -> dict[str, Any]:
    """What grid.js begins with.

    Args:
        request: of the page.
        project: with its classes.
        query: of the page.
        source: "gallery", or "similar": a list that no filter describes, so that a change names each image.
    """
    routes = {**URLS, "ids": f"{source}_ids", "counts": f"{source}_counts"}
    return {
        "query": dict(query),
        "listed": source != "gallery",
        "urls": {name: address(request.app, route, slug=project.slug) for name, route in routes.items()},
        "thumb": address(request.app, "media", slug=project.slug, image_id=0, kind="thumb"),
        "full": address(request.app, "media", slug=project.slug, image_id=0, kind="full"),
        "image": address(request.app, "image", slug=project.slug, image_id=0),
        "classes": pictures.classes_data(project),
    }


def short(row: ImageRow) -> tuple[Any, ...]:
    """An image for the grid: id, name, class, version, state, thumbnail, marks, note."""
    marks = pictures.mark_letters(row)
    return (row.id, row.name, row.class_id, row.version, row.state, row.thumbnail_sha256, marks, row.note)
