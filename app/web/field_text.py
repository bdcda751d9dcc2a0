"""What the form says about one value of a recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FieldText:
    """Texts of one field, translated where shown; ``slider_high``: where its limit lies far beyond what is useful."""

    section: str
    label: str
    help: str
    unit: str = ""
    step: str = "any"
    choices: Mapping[str, str] = field(default_factory=dict)
    slider_high: float | None = None
