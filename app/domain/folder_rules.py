"""What a person says that the folders of an import mean, instead of what their names say."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Self

from app.domain.enums import Split
from app.domain.errors import Invalid
from app.domain.filenames import MAX_CLASS_NAME, Place, clean, shown_path

MAX_FOLDERS = 5000
ANYWHERE = "*/"  # before a name: folders of this name, wherever they are
ALIKE = 0.72  # names this similar (Ratcliff and Obershelp, 1988) are offered for each other
_DENIES = re.compile(r"[非不無未]|なし|ない|(?<![a-z])(?:no|not|non|without)(?![a-z])")
_PREFIX = re.compile(r"(?<![a-z])(?:un|non|ab|in|im|dis)$")


@dataclass(frozen=True, slots=True)
class Rule:
    """One folder: the class of its pictures (None: no label), their split, or that it is left out.

    With ``names_split`` the split is what the names of folders say.
    """

    class_name: str | None = None
    split: Split | None = None
    left_out: bool = False
    names_split: bool = False


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
            path: Rule(name, Split(split) if split else None, *flags)
            for path, (name, split, *flags) in kept.get("folders", {}).items()
        }
        return cls(folders, kept.get("every", ""))

    def to_json(self) -> dict[str, Any]:
        """Plain values; nothing when there is no rule."""
        folders = {path: list(astuple(rule)) for path, rule in self.folders.items()}
        return {"folders": folders, "every": self.every} if folders or self.every else {}

    def leaves_out(self, path: str) -> bool:
        """True when the folder of a file is left out; ``path`` as it is shown."""
        rule = self._rule(path)
        return rule is not None and rule.left_out

    def apply(self, path: str, place: Place) -> Place:
        """What the path of a file says, after the rules."""
        rule = self._rule(path)
        if rule is not None:
            split = place.split if rule.names_split else rule.split
            place = replace(place, class_name=rule.class_name, split=split)
        return replace(place, class_name=self.every) if self.every else place

    def _rule(self, path: str) -> Rule | None:
        folder = folder_of(path)
        return self.folders.get(folder) or self.folders.get(ANYWHERE + folder.rpartition("/")[2])


def folder_of(path: str) -> str:
    """The folder of a file whose path is shown so; "" for a file without one."""
    return path.rpartition("/")[0]


def typed(words: Iterable[str], every: str = "") -> Rules:
    """Rules as somebody types them: ``folder=class``, ``folder=`` for no label, ``folder=-`` to leave it out.

    A folder without a slash is meant wherever it is.

    Raises:
        Invalid: a word without ``=`` or without a folder.
    """
    folders = {}
    for word in words:
        folder, equals, name = word.rpartition("=")
        if not equals or not folder.strip("/"):
            raise Invalid("rule_unclear", text=word[:200])
        path = plain_folder(folder)
        key = path if "/" in path else ANYWHERE + path
        folders[key] = Rule(plain_class(name) or None, left_out=name == "-", names_split=True)
    return Rules(folders, plain_class(every))


def plain_class(name: str) -> str:
    """A class name from outside as it is kept; "" for none."""
    return " ".join(clean(name).split())[:MAX_CLASS_NAME].strip()


def plain_folder(path: str) -> str:
    """The path of a folder from outside as it is shown; "" for no folder."""
    return shown_path(path) if path.strip("/") else ""


def alike(name: str, known: Iterable[str]) -> str:
    """The known name that is most like ``name``, else the longest that is a part of it, or it of that; "" for none.

    Never its opposite, however much alike they look. Both are keys (``services.classes.name_key``).
    """
    present = list(known)
    close = (one for one in get_close_matches(name, present, n=5, cutoff=ALIKE) if not _opposite(one, name))
    if best := next(close, ""):
        return best
    parts = (one for one in present if _part(one, name) or _part(name, one))
    return max((one for one in parts if not _opposite(one, name)), key=len, default="")


def _part(one: str, whole: str) -> bool:
    """True when ``one`` stands in ``whole``; letters of the Latin script only as whole words: no "cat" in "scatter"."""
    if len(one) < 2 or one not in whole:  # spares nearly all names the expression, of which Python keeps only 512
        return False
    return re.search(rf"(?<![0-9a-z]){re.escape(one)}(?![0-9a-z])", whole) is not None


def _opposite(one: str, other: str) -> bool:
    """True when one of two names denies what the other says: "no infection", 非感染, 異常なし, "abnormal"."""
    if sorted(_DENIES.findall(one)) != sorted(_DENIES.findall(other)):
        return True
    short, long = sorted((one, other), key=len)
    before, _, _ = long.partition(short)
    return before != long and _PREFIX.search(before) is not None
