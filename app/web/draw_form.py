"""The form that draws a test set, a validation set, or the images that trainings learn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from fastapi import Request

from app.domain.enums import Split
from app.domain.errors import AppError, Invalid
from app.domain.groups import BURST, COPIES, NAME, name_pattern
from app.domain.recipe import FIELDS
from app.domain.typed import number_text
from app.services.grouping import Grouping
from app.services.split_draws import Amount
from app.web import i18n
from app.web.messages import sentence

ERROR_FIELDS = {
    "split_share": "share",
    "split_count": "per_class",
    "classes_too_small_to_draw": "per_class",
    "group_pattern": "pattern",
    "group_seconds": "seconds",
}
MAX_PER_CLASS = 10_000_000


@dataclass(frozen=True)
class Read:
    """What the form asks for."""

    amount: Amount
    seed: int
    together: Grouping


@dataclass(frozen=True)
class DrawForm:
    """What was typed; ``split`` is what is drawn, ``by`` is "share" or "count"."""

    split: Split = Split.TEST
    by: str = "share"
    share: str = "0.15"
    per_class: str = "10"
    seed: str = "0"
    release: bool = False
    together: str = COPIES
    pattern: str = "*_#"
    seconds: str = "2"
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def sent(cls, values: Mapping[str, Any]) -> Self:
        """The form as it was sent."""
        texts: dict[str, Any] = {
            name: str(values.get(name, default))[:longest]
            for name, default, longest in (
                ("share", "", 40),
                ("per_class", "", 40),
                ("seed", "", 40),
                ("together", COPIES, 40),
                ("pattern", cls.pattern, 200),
                ("seconds", cls.seconds, 40),
            )
        }
        split = values.get("split", Split.TEST)
        form = cls(
            split=Split(split) if split in tuple(Split) else Split.TEST,
            by="count" if values.get("by") == "count" else "share",
            release=values.get("release") == "1",
        )
        return replace(form, **texts)

    def read(self) -> Read:
        """The values.

        Raises:
            Invalid: with ``fields`` for values that are no numbers.
        """
        amounts: dict[str, Callable[[], Any]] = (
            {"per_class": self._count} if self.by == "count" else {"share": self._share}
        )
        found = parsed(amounts | {"seed": lambda: FIELDS["seed"].parse(self.seed)} | self._grouping())
        wanted = Amount(found.get("share"), found.get("per_class"))
        return Read(wanted, found["seed"], self._together(found))

    def read_together(self) -> Grouping:
        """What belongs together.

        Raises:
            Invalid: with ``fields``.
        """
        return self._together(parsed(self._grouping()))

    def refused(self, request: Request, error: Invalid) -> Self:
        """The form with its errors in the reader's language."""
        gettext = i18n.translations(i18n.choose(request)).gettext
        by = "share" if self.by == "share" else "per_class"
        found = error.fields or {ERROR_FIELDS.get(error.code, by): error}
        return replace(self, errors={name: sentence(item, gettext) for name, item in found.items()})

    def _grouping(self) -> dict[str, Callable[[], Any]]:
        readers: dict[str, Callable[[], Any]] = {"together": lambda: FIELDS["group_by"].parse(self.together)}
        if self.together == NAME:
            readers["pattern"] = lambda: name_pattern(self.pattern)
        if self.together == BURST:
            readers["seconds"] = lambda: FIELDS["group_seconds"].parse(self.seconds)
        return readers

    def _together(self, found: Mapping[str, Any]) -> Grouping:
        return Grouping(self.together, self.pattern, found.get("seconds", Grouping.seconds))

    def _count(self) -> int:
        typed = number_text(self.per_class)
        count = int(typed) if typed.isascii() and typed.isdigit() else 0
        if not 1 <= count <= MAX_PER_CLASS:
            raise Invalid("split_count", value=self.per_class)
        return count

    def _share(self) -> float:
        try:
            share = float(number_text(self.share))
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise Invalid("split_share", value=self.share)
        return share


def parsed(readers: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Read values by name.

    Raises:
        Invalid: with ``fields``: all those that cannot be read.
    """
    read: dict[str, Any] = {}
    errors: dict[str, AppError] = {}
    for name, reader in readers.items():
        try:
            read[name] = reader()
        except Invalid as error:
            errors[name] = error
    if errors:
        raise Invalid.of_fields(errors)
    return read
