"""What a file's path says: the name that is shown, the split, the class; and which files are never meant.

A path from a browser, a zip or a disk is data. Nothing here or elsewhere opens a file by it.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from app.domain.enums import Split

MAX_NAME = 255
MAX_CLASS_NAME = 200
MAX_PATH = 1000

_JAPANESE_TRAIN = ["学習", "訓練", "学習用", "訓練用", "学習データ", "訓練データ", "トレーニング"]
_JAPANESE_TEST = ["テスト", "試験", "評価", "テスト用", "評価用", "テストデータ", "評価データ"]
_SPLITS = {
    Split.TRAIN: ["train", "training", "trn", *_JAPANESE_TRAIN],
    Split.VALIDATION: ["validation", "valid", "val", "検証", "検証用", "検証データ", "バリデーション"],
    Split.TEST: ["test", "testing", "tst", *_JAPANESE_TEST],
}
SPLIT_NAMES = {name: split for split, names in _SPLITS.items() for name in names}

_LINES = "\u2028\u2029"
_JOINERS = "\u200d\ufe0f"  # the joiner and the variation selector hold emoji together
_JUNK_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_DRIVE = re.compile(r"^[A-Za-z]:")
_NUMBER = re.compile(r"0*([0-9]+)")
MAX_ORDER = 300  # letters; an index of PostgreSQL holds 2700 bytes


@dataclass(frozen=True)
class Place:
    """What the path of a file says. ``folder`` is the part before the name, "" for a flat file."""

    name: str
    folder: str
    split: Split | None
    class_name: str | None


def clean(text: str) -> str:
    """NFC without control characters, letters that turn the direction of what follows, and other invisible ones.

    A name must look like what it is. Bytes that were no text become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    whole = ("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text if letter not in _LINES)
    kept = (letter for letter in whole if letter in _JOINERS or not unicodedata.category(letter).startswith("C"))
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def display_name(path: str) -> str:
    """The name of a file as it is shown: the last part of the path, at most 255 characters, never empty."""
    name = clean(split_path(path)[-1])
    if len(name) <= MAX_NAME:
        return name or "unnamed"
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 16:
        return name[:MAX_NAME]
    return stem[: MAX_NAME - len(ending) - 1] + dot + ending


def order_key(name: str) -> str:
    """What names are put in order by: case and width of letters do not count, and numbers count as numbers.

    Each number has how many digits it has in front of it, so that cell_2 comes before cell_10.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return _NUMBER.sub(lambda found: f"{min(len(found[1]), 99):02d}{found[1]}", folded)[:MAX_ORDER]


@lru_cache(maxsize=1024)  # each step of an import asks again
def shown_path(path: str) -> str:
    """The whole path as it is kept and shown: cleaned, ``/`` between the parts, at most 1,000 characters.

    What it returns stays as it is when it is read again; a part may have become a drive letter by the cleaning.
    """
    shown, before = _joined(path), path
    while shown != before:
        shown, before = _joined(shown), shown
    return shown


def written_path(path: str) -> str:
    """A path that is refused, as it stood there; what a reader cannot see is written as its number."""
    seen = (letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in path)
    return "".join(seen)[:MAX_PATH]


def _joined(path: str) -> str:
    parts = [clean(part) for part in split_path(path)]
    return "/".join(part for part in parts if part)[-MAX_PATH:] or "unnamed"


def split_path(path: str) -> list[str]:
    """The parts of a path without ``.``, ``..``, drive letters and empty ones; at least one part, perhaps empty.

    A backslash separates only where there is no slash at all: in a Japanese name that was decoded wrongly it may be
    half of a letter.
    """
    separator = "\\" if "/" not in path else "/"
    parts = [part for part in path.split(separator) if part not in {"", ".", ".."}]
    if parts and separator == "\\" and _DRIVE.match(parts[0]):
        parts = [parts[0][2:], *parts[1:]] if len(parts[0]) > 2 else parts[1:]
    return parts or [""]


def is_junk(path: str) -> bool:
    """True for what operating systems leave in folders: ``__MACOSX``, hidden files, ``Thumbs.db``, ``desktop.ini``."""
    parts = split_path(path)
    return any(part.startswith(".") or part == "__MACOSX" for part in parts) or parts[-1].lower() in _JUNK_NAMES


@lru_cache(maxsize=1024)
def split_of(folder: str) -> Split | None:
    """The split that a folder's name stands for, in any case and width of letters."""
    return SPLIT_NAMES.get(unicodedata.normalize("NFKC", clean(folder)).casefold())


def place(path: str, *, labels: bool = True, splits: bool = True) -> Place:
    """Read split and class from the folders of a path.

    The first folder with a split's name is the split. The last folder that is no split is the class, so that
    ``train/cat/1.png`` and ``cat/train/1.png`` say the same. With ``splits=False`` such names are plain folders, with
    ``labels=False`` no class is read.
    """
    folders = [clean(part) for part in split_path(path)[:-1]]
    folders = [folder for folder in folders if folder]
    found = [split_of(folder) if splits else None for folder in folders]
    classes = [folder for folder, split in zip(folders, found, strict=True) if split is None]
    class_name = " ".join(classes[-1].split())[:MAX_CLASS_NAME].strip(_JOINERS + " ") if labels and classes else None
    split = next((split for split in found if split is not None), None)
    return Place(display_name(path), "/".join(folders), split, class_name or None)


def common_root(paths: Iterable[str]) -> str:
    """The one folder that holds all files and a folder that is no split, or "".

    Such a folder names the whole set (``penguins/adelie/1.png``): files that lie directly in it, or directly in one of
    its splits, have no class. A folder with nothing but files and splits in it (``adelie/train/1.png``) is a class.
    """
    root: str | None = None
    classes = False
    for path in paths:
        parts = split_path(path)
        if len(parts) < 2 or root not in {None, parts[0]}:
            return ""
        root = parts[0]
        classes = classes or any(split_of(part) is None for part in parts[1:-1])
    return root if root and classes and split_of(root) is None else ""


def without_root(path: str, root: str) -> str:
    """The path below ``root``."""
    return path[len(root) + 1 :] if root and path.startswith(root + "/") else path
