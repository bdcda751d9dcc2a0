"""The preview of the augmentation beside the form: which picture is shown, and what its class gets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.errors import Invalid
from app.domain.recipe import FIELDS, Augmentation, Recipe
from app.services import examples
from app.web import class_changes, example_chooser, i18n, preview
from app.web.example_chooser import Chooser, Sought
from app.web.forms import TrainForm
from app.web.messages import sentence
from app.web.templating import address

PICTURE_FIELDS = tuple(key for key in FIELDS if FIELDS[key].group in ("picture", "augmentation"))


@dataclass(frozen=True)
class Wishes:
    """What the address asks for beside the values of the form."""

    copied: int | None = None
    image: int | None = None
    draw: int = 0
    sought: Sought = Sought()


@dataclass(frozen=True)
class Single:
    """One operation alone."""

    label: str
    caption: str
    src: str
    tiles: int


@dataclass(frozen=True)
class PreviewStrip:
    """The pictures of the augmentation, or why there are none."""

    chooser: Chooser
    classes: Mapping[int, str]  # of the pictures that can be chosen, by their ids
    draw: int
    tiles: int
    src: str  # address of all tiles in one row
    singles: Sequence[Single]
    message: str
    class_name: str  # of the picture, "" when it has none
    still: bool  # pictures of this class are not changed
    own: bool  # this class has changes of its own
    copies: int  # of each picture of this class


def build(
    request: Request, session: Session, project: Project, form: TrainForm, recipe: Recipe, wishes: Wishes
) -> PreviewStrip:
    """The preview for the values of the form: one address for all tiles, one for each operation alone."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    chooser = example_chooser.choose(session, project, wishes.sought, wishes.image, gettext)
    chosen = chooser.image_id
    classes = examples.classes_of(session, {chosen, *(example.image_id for example in chooser.found)})
    message = next(
        (
            sentence(class_changes.named(form.errors[key], gettext), gettext)
            for key in PICTURE_FIELDS
            if key in form.errors
        ),
        "",
    )
    if not chosen:
        message = sentence(Invalid("no_preview_image"), gettext)
    query = {key: form.values[key] for key in PICTURE_FIELDS} | {"image": chosen, "draw": wishes.draw}

    def src(**more: object) -> str:
        return address(request.app, "augment_preview", slug=project.slug, query={**query, **more})

    class_name = classes.get(chosen, "")
    still = bool(recipe.chosen_classes) and class_name not in recipe.chosen_classes
    return PreviewStrip(
        chooser=chooser,
        classes=classes,
        draw=wishes.draw,
        tiles=preview.TILES + 1,
        src="" if message else src(),
        singles=[] if message or still else _singles(recipe.changes_of(class_name), src, gettext),
        message=message,
        class_name=class_name,
        still=still,
        own=not still and class_name in recipe.class_changes,
        copies=recipe.copies_of(class_name),
    )


def _singles(changes: Augmentation, src: Callable[..., str], gettext: Callable[[str], str]) -> list[Single]:
    return [
        Single(
            gettext(operation.label),
            preview.caption(changes, operation),
            src(only=operation.name),
            1 if operation.name.endswith("flip") else 2,
        )
        for operation in preview.active(changes)
    ]
