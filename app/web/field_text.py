"""What the form says about one value of a recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FieldText:
    """Texts of one field, translated where shown; ``slider_high``: where its limit lies far beyond what is useful.

    ``past_one``: the unit of values from 1 on, where it is another one.
    """

    section: str
    label: str
    help: str
    unit: str = ""
    step: str = "any"
    choices: Mapping[str, str] = field(default_factory=dict)
    slider_high: float | None = None
    past_one: str = ""

    def unit_of(self, value: float) -> str:
        """The unit of one value."""
        return self.past_one if self.past_one and value >= 1 else self.unit
