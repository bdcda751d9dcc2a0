"""What a person says that the folders of an import mean, instead of what their names say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Self

from app.domain.enums import Split
from app.domain.filenames import MAX_CLASS_NAME, Place, clean, shown_path

MAX_FOLDERS = 5000
ALIKE = 0.72  # names this similar (Ratcliff and Obershelp, 1988) are offered for each other


@dataclass(frozen=True, slots=True)
class Rule:
    """One folder: the class of its pictures (None: no label), their split, or that it is left out."""

    class_name: str | None = None
    split: Split | None = None
    left_out: bool = False


@dataclass(frozen=True)
class Rules:
    """``folders``: by path as it is shown. ``every``: the class of all pictures, "" for none."""

    folders: Mapping[str, Rule] = field(default_factory=dict)
    every: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self:
        """The rules that ``to_json`` wrote."""
        kept = kept or {}
        folders = {
            path: Rule(name, Split(split) if split else None, left_out)
            for path, (name, split, left_out) in kept.get("folders", {}).items()
        }
        return cls(folders, kept.get("every", ""))

    def to_json(self) -> dict[str, Any]:
        """Plain values; nothing when there is no rule."""
        folders = {path: [rule.class_name, rule.split, rule.left_out] for path, rule in self.folders.items()}
        return {"folders": folders, "every": self.every} if folders or self.every else {}

    def leaves_out(self, path: str) -> bool:
        """True when the folder of a file is left out; ``path`` as it is shown."""
        rule = self.folders.get(folder_of(path))
        return rule is not None and rule.left_out

    def apply(self, path: str, place: Place) -> Place:
        """What the path of a file says, after the rules."""
        rule = self.folders.get(folder_of(path))
        if rule is not None:
            place = replace(place, class_name=rule.class_name, split=rule.split)
        return replace(place, class_name=self.every) if self.every else place


def folder_of(path: str) -> str:
    """The folder of a file whose path is shown so; "" for a file without one."""
    return path.rpartition("/")[0]


def plain_class(name: str) -> str:
    """A class name from outside as it is kept; "" for none."""
    return " ".join(clean(name).split())[:MAX_CLASS_NAME].strip()


def plain_folder(path: str) -> str:
    """The path of a folder from outside as it is shown; "" for no folder."""
    return shown_path(path) if path.strip("/") else ""


def alike(name: str, known: Iterable[str]) -> str:
    """The known name that is most like ``name``, or ""; both as keys (``services.classes.name_key``)."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=ALIKE)), "")
