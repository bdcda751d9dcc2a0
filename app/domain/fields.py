"""What a single value of a recipe may be, and how its text is read."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain import keras_json
from app.domain.errors import Invalid
from app.domain.typed import number_text


@dataclass(frozen=True)
class Field:
    """One value of the recipe: what it may be."""

    kind: str  # "int", "float", "bool", "choice", "color", "names", "changes", "layers", "run" or "text"
    group: str  # "network", "picture", "optimisation", "data", "stopping", "augmentation" or "" (not in the form)
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def parse(self, value: Any) -> Any:
        """The typed value of ``value``.

        Raises:
            Invalid: with the limits in its parameters.
        """
        if isinstance(value, str):
            value = value.encode(errors="replace").decode()  # half a pair of surrogates can be neither kept nor shown
        if self.kind == "choice":
            if value not in self.choices:
                raise Invalid("field_choice", value=str(value), choices=", ".join(self.choices))
            return value
        if self.kind in _TEXTS:
            return _TEXTS[self.kind](value)
        return self._parse_number(value)

    def _parse_number(self, value: Any) -> int | float:
        limits = {"value": str(value), "low": plain(self.low), "high": plain(self.high)}
        try:
            number = float(number_text(value) if isinstance(value, str) else value)
        except (TypeError, ValueError, OverflowError):
            raise Invalid(f"field_{self.kind}", **limits) from None
        if not math.isfinite(number) or (self.kind == "int" and number != int(number)):
            raise Invalid(f"field_{self.kind}", **limits)
        if not self.low <= number <= self.high:
            raise Invalid(f"field_{self.kind}", **limits)
        return int(number) if self.kind == "int" else number


def plain(number: float, digits: int | None = None) -> str:
    """A number as people write it, without an exponent unless it is beyond all use; reading it gives the same number.

    Args:
        digits: the first ones that tell something, for where it is only read; None: all of them.
    """
    number = 0 + (number if digits is None else float(f"{number:.{digits}g}"))  # 0 for -0.0
    text = format(Decimal(str(number)), "f") if 1e-15 < abs(number) < 1e15 else str(number)
    return text.removesuffix(".0")


def _parse_names(value: Any) -> str:
    """A JSON list of names, from one or from a list; "" for none."""
    try:
        names = json.loads(value.strip() or "[]") if isinstance(value, str) else value or []
        "".join(names).encode()
    except (TypeError, ValueError, RecursionError):  # ValueError also of half a pair of surrogates
        names = None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise Invalid("field_names", value=str(value)[:60])
    return json.dumps(list(dict.fromkeys(names)), ensure_ascii=False) if names else ""


def _parse_layers(value: Any) -> str:
    """A list of layers as it was written; the JSON of a Keras model becomes one."""
    text = str(value).strip()
    return keras_json.as_list(text) if text.startswith("{") else text


def _parse_run(value: Any) -> str:
    """The number of a run, or with the model of one with folds: 4 or 4/2; "" for none."""
    text = str(value).strip()
    if text and not re.fullmatch(r"[1-9][0-9]{0,8}(/[1-9][0-9]{0,2})?", text):
        raise Invalid("field_run", value=text[:40])
    return text


def _parse_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in ("1", "true", "on", "yes"):
        return True
    if text in ("0", "false", "off", "no", ""):
        return False
    raise Invalid("field_bool", value=str(value))


def _parse_color(value: Any) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(value)):
        raise Invalid("field_color", value=str(value))
    return str(value).lower()


_TEXTS: dict[str, Callable[[Any], Any]] = {
    "bool": _parse_bool,
    "color": _parse_color,
    "names": _parse_names,
    "run": _parse_run,
    "layers": _parse_layers,
    "text": lambda value: str(value)[:200],
}
