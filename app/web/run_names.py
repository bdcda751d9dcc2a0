"""Fields of a recipe and their values in words, and the names of runs that were made of them."""

import json
import re
from collections.abc import Callable
from typing import Any

from app.domain.errors import Invalid
from app.domain.fields import plain
from app.domain.matrix import ALL, AUGMENTATION, CLASSES, NONE
from app.domain.recipe import FIELDS
from app.web import class_changes, several
from app.web.fields import TEXTS

OF_CLASSES = (CLASSES, class_changes.KEY)
_KEYS = "|".join(re.escape(key) for key in sorted([*TEXTS, AUGMENTATION], key=len, reverse=True))
_RAW = re.compile(rf"(?:^| )(?=(?:{_KEYS})=)")  # in front of each "image_size=64"


def label(name: str, gettext: Callable[[str], str]) -> str:
    """The name of a field, or of all changes of pictures together."""
    return gettext(several.CHANGES) if name == AUGMENTATION else gettext(TEXTS[name].label)


def word(name: str, value: Any, gettext: Callable[[str], str]) -> str:
    """A value of a field."""
    if name == AUGMENTATION:
        switch = "on" if value else "off"
        return gettext(several.SWITCHED[switch])
    if name == CLASSES:
        return _classes(str(value), gettext)
    if name == class_changes.KEY:
        return class_changes.in_words(value, gettext)
    return plain_word(name, value, gettext)


def plain_word(name: str, value: Any, gettext: Callable[[str], str], digits: int = 6) -> str:
    """A value of a field that says nothing of classes; ``digits`` of a number are shown."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = plain(value, digits) if isinstance(value, float) else str(value)
    return gettext(TEXTS[name].choices[text]) if text in TEXTS[name].choices else text


def _classes(text: str, gettext: Callable[[str], str]) -> str:
    """Whose pictures are changed: a list of names, or what stands for one in the name of a run."""
    if text == NONE:
        return gettext("no class")
    if text in ("", ALL):
        return gettext("all classes")
    if not text.startswith("["):
        return text
    try:
        names = json.loads(FIELDS[CLASSES].parse(text) or "[]")
    except Invalid:
        return text
    return " + ".join(names) or gettext("all classes")


def shown(name: str, gettext: Callable[[str], str]) -> str:
    """The name of a run; what trainings that were started together differ in stands in it in the words of the form.

    ``domain.matrix`` names them "Name image_size=64 seed=3", the same in every language.
    """
    first, *pairs = _RAW.split(name)
    told = [_told(pair, gettext) for pair in pairs]
    return " · ".join(part for part in (first, ", ".join(told)) if part)


def _told(pair: str, gettext: Callable[[str], str]) -> str:
    key, _, text = pair.partition("=")
    value: Any = text
    if key == AUGMENTATION:
        value = text == "on"
    elif FIELDS[key].kind == "bool":
        value = text.lower() in ("1", "true", "on", "yes")
    elif key == class_changes.KEY and not _readable(text):  # the name of a run may be anything
        return f"{label(key, gettext)}: {text}"
    return f"{label(key, gettext)}: {word(key, value, gettext)}"


def _readable(text: str) -> bool:
    try:
        return bool(FIELDS[class_changes.KEY].parse(text) == text)
    except Invalid:
        return False
