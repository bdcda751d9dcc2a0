"""Languages: which one a page is shown in, its sentences, its way to write dates and numbers."""

import gettext
import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.dates import format_date, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from starlette.requests import Request

from app.domain import sizes

LANGUAGES = {"en": "English", "ja": "日本語"}
DEFAULT = "en"
COOKIE = "language"
FOLDER = Path(__file__).parent / "locale"
DASH = "–"


class _Source(gettext.NullTranslations):
    """The source language, as strict about plurals as the others: a text instead of a number fails in English too."""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        if not isinstance(n, int):
            raise TypeError(f"the number that chooses the plural of {msgid1!r} is {n!r}")
        return super().ngettext(msgid1, msgid2, n)


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The sentences of ``language``, compiled in memory from its .po file; English is the source language."""
    if language == DEFAULT:
        return _Source()
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose(request: Request) -> str:
    """The language of this request: the address first, then the cookie, then what the browser asks for."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    return accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> str:
    """The best of our languages for an ``Accept-Language`` header."""
    best, best_weight = DEFAULT, 0.0
    for part in header.split(","):
        name, _, weight = part.strip().partition(";")
        language = name.split("-")[0].strip().lower()
        value = _weight(weight)
        if language in LANGUAGES and value > best_weight:
            best, best_weight = language, value
    return best


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def show_datetime(value: datetime | None, language: str) -> str:
    """Day and time in the time zone of this machine, such as "Nov 21, 2026, 16:05"."""
    if value is None:
        return DASH
    local = value.astimezone()
    day = format_date(local.date(), format="long" if language == "ja" else "medium", locale=language)
    return f"{day}{' ' if language == 'ja' else ', '}{local:%H:%M}"


def show_relative(value: datetime | None, language: str, now: datetime | None = None) -> str:
    """How long ago, in words: "3 minutes ago"."""
    if value is None:
        return DASH
    return format_timedelta(value - (now or datetime.now(UTC)), add_direction=True, locale=language)


def show_percent(value: float | None, language: str, digits: int = 1) -> str:
    """A share from 0 to 1 as a percentage with ``digits`` decimals."""
    if value is None:
        return DASH
    if math.isfinite(value):
        return f"{_rounded(value, digits, 2)}%"
    return format_percent(value, format=_pattern(digits) + "%", locale=language)


def show_number(value: float | None, language: str, digits: int | None = None) -> str:
    """A number with its groups of three; ``digits`` decimals, or none for whole numbers and up to three otherwise."""
    if value is None:
        return DASH
    if digits is None and isinstance(value, int):
        return f"{value:,}"  # as in ``_rounded``
    if digits is not None and math.isfinite(value):
        return _rounded(value, digits)
    return format_decimal(value, format=None if digits is None else _pattern(digits), locale=language)


def show_points(share: float | None, language: str) -> str:
    """A difference of shares in points of a hundred, with its sign: "+4.1", and "±0.0" for what is as good as none."""
    if share is None:
        return DASH
    text = show_number(abs(share) * 100, language, 1)
    if text == show_number(0.0, language, 1):
        return f"±{text}"
    return f"{'+' if share > 0 else '−'}{text}"


def _rounded(value: float, digits: int, shift: int = 0) -> str:
    """``value`` times 10 ** ``shift``, with a point and groups of three, as both languages write it.

    The same as Babel gives: by the digits that the value is written with, halves to the even one. Only near a half do
    decimals tell more than the number itself. A page of a hundred classes has two thousand numbers.
    """
    shown = float(value) * 10**shift
    scaled = abs(shown) * 10**digits
    if isinstance(value, float) and scaled < 1e9 and abs(scaled % 1 - 0.5) > 1e-3:
        return f"{shown:,.{digits}f}"
    exact = Decimal(str(value)).scaleb(shift)
    return f"{exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):,}"


def show_filesize(value: int | None, language: str) -> str:
    """Bytes in the largest unit that keeps the number above one."""
    if value is None:
        return DASH
    size, unit, digits = sizes.scaled(value)
    return f"{format_decimal(size, format=_pattern(digits), locale=language)} {unit}"


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")
