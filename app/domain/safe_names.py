"""Names of files that Windows, macOS and Linux can all write, and that no other name of the same folder meets."""

import unicodedata

from app.domain.filenames import clean, is_junk

_FORBIDDEN = frozenset('<>:"/\\|?*')
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{number}" for number in range(10)), *(f"lpt{number}" for number in range(10))}
)
_PACKED = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".npz", ".csv", ".json")
MAX_BYTES = 180  # of UTF-8: most file systems allow 255, and a number may follow


def safe(text: str) -> str:
    """``text`` as a name of a file or folder on every system; never empty."""
    name = "".join("_" if letter in _FORBIDDEN else letter for letter in clean(text))
    name = _shortened(name).rstrip(". ").lstrip()
    if name.partition(".")[0].strip().lower() in _RESERVED or is_junk(name) or not name:
        name = "_" + name
    return name


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    kept = stem.encode()[: MAX_BYTES - len(ending.encode()) - 1].decode(errors="ignore")
    return unicodedata.normalize("NFC", kept) + dot + ending


class Names:
    """Gives out paths that are all different, also where large and small letters are the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, folders: list[str], name: str, ending: str) -> str:
        """A path of its own for a file. ``ending`` follows where the name would be taken for no picture or a folder."""
        wish = safe(name)
        if "." not in wish or wish.lower().endswith(_PACKED):
            wish = f"{wish}.{ending}"
        folder = "".join(f"{safe(part)}/" for part in folders)
        stem, dot, last = wish.rpartition(".")
        if not stem:
            stem, dot, last = wish, "", ""
        path = folder + wish
        while self._key(path) in self._taken:
            number = self._next[self._key(folder + wish)] = self._next.get(self._key(folder + wish), 1) + 1
            path = f"{folder}{stem} ({number}){dot}{last}"
        self._taken.add(self._key(path))
        return path

    @staticmethod
    def _key(path: str) -> str:
        return unicodedata.normalize("NFKC", path).casefold()
