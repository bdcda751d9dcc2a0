"""Images as pages and modules show them: their addresses, their conversion in words, their part of the data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request

from app.db.models import LabelClass, Project
from app.domain.errors import Invalid
from app.domain.text import N_
from app.services.gallery import ImageRow
from app.web.templating import address

SPLITS = {"train": N_("Training"), "validation": N_("Validation"), "test": N_("Test"), "none": N_("No split yet")}
STATES = {"active": N_("In use"), "excluded": N_("Excluded"), "all": N_("All")}
REASONS = {
    "blurred": N_("blurred"),
    "damaged": N_("damaged"),
    "unrelated": N_("shows something else"),
    "duplicate": N_("a duplicate"),
    "several": N_("shows several things"),
    "private": N_("must not be used"),
    "surplus": N_("not drawn for the training"),
}
MARKS = {
    "excluded": N_("excluded"),
    "unsure": N_("unsure"),
    "skipped": N_("skipped"),
    "checked": N_("label found right"),
    "note": N_("Note"),
    "origin": N_("Source"),
    "licence": N_("Licence"),
    "publish": N_("May be published"),
    "split": N_("Split"),
}
SOURCES = {
    "import": N_("import"),
    "label": N_("label mode"),
    "gallery": N_("gallery"),
    "review": N_("review"),
    "classes": N_("classes"),
    "health": N_("health page"),
    "splits": N_("page of the splits"),
    "suggestion": N_("suggestion accepted"),
    "command": N_("command"),
    "undo": N_("undo"),
    "redo": N_("redo"),
}


def media(request: Request, project: Project, image_id: int, kind: str, digest: str) -> str:
    """The address of our copy ("full") or of the thumbnail ("thumb"), good for ever."""
    return address(request.app, "media", slug=project.slug, image_id=image_id, kind=kind, query={"v": digest})


def as_item(request: Request, project: Project, row: ImageRow) -> dict[str, Any]:
    """An image for the modules of a page."""
    return {
        "id": row.id,
        "name": row.name,
        "class_id": row.class_id,
        "version": row.version,
        "split": row.split,
        "state": row.state,
        "reason": row.reason,
        "unsure": row.unsure,
        "skipped": row.skipped,
        "checked": row.checked,
        "note": row.note,
        "width": row.width,
        "height": row.height,
        "full": media(request, project, row.id, "full", row.canonical_sha256),
        "thumb": media(request, project, row.id, "thumb", row.thumbnail_sha256),
    }


def mark_letters(row: ImageRow) -> str:
    """The marks of an image as letters, for the tiles of the gallery: unsure "u", skipped "s"."""
    return ("u" if row.unsure else "") + ("s" if row.skipped else "")


def class_of(do: str) -> int | None:
    """The class that a button names by its value; None for "none".

    Raises:
        Invalid: neither "none" nor a number.
    """
    if do == "none":
        return None
    if not (do.isascii() and do.isdigit() and len(do) < 16):
        raise Invalid("class_missing")
    return int(do)


def key_names(classes: Sequence[LabelClass]) -> dict[int, str]:
    """Class id -> the key as printed: its own, or Shift and a digit for the first ten classes without one.

    Retired classes have none.
    """
    names = {item.id: item.key for item in classes if item.key}
    without = [item for item in classes if not item.key and not item.retired]
    return names | {item.id: f"⇧{key}" for item, key in zip(without, "1234567890", strict=False)}


def classes_data(project: Project) -> list[dict[str, Any]]:
    """The classes for the modules of a page; retired ones too, because images may carry them."""
    keys = key_names(project.classes)
    return [
        {
            "id": item.id,
            "name": item.name,
            "second": item.second_name,
            "color": item.color,
            "key": keys.get(item.id),
            "retired": item.retired,
        }
        for item in project.classes
    ]


def conversion_words(conversion: Mapping[str, Any], say: Callable[[str], str]) -> list[str]:
    """How our copy was made from the original, one sentence for each step."""
    words: list[str] = []
    if "scaled" in conversion:
        low, high = conversion["scaled"]
        sentence = N_("Values from %(low)s to %(high)s were scaled to 0 to 255; the original keeps its depth.")
        words.append(say(sentence) % {"low": f"{low:g}", "high": f"{high:g}"})
    if conversion.get("bits"):
        words.append(say(N_("Of 16 bits for each colour the upper 8 are shown; the original keeps all.")))
    if conversion.get("orientation"):
        words.append(say(N_("Turned upright as the camera noted.")))
    if conversion.get("exif") == "unreadable":
        words.append(say(N_("The camera's notes in the file could not be read, so the picture was not turned.")))
    if conversion.get("flattened"):
        words.append(say(N_("Transparent parts were put on a white ground.")))
    if conversion.get("frames"):
        sentence = N_("The file holds %(frames)s pictures; the first one is used.")
        words.append(say(sentence) % {"frames": conversion["frames"]})
    mode, copy = conversion.get("mode", "RGB"), conversion.get("copy", "PNG")
    if mode == "RGB":
        words.append(say(N_("Stored as 8-bit RGB in a %(copy)s.")) % {"copy": copy})
    else:
        sentence = N_("Colour mode %(mode)s was brought to 8-bit RGB and stored as %(copy)s.")
        words.append(say(sentence) % {"mode": mode, "copy": copy})
    return words
