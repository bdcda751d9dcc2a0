"""What the form says about values of the optimisation and of judging that few recipes need."""

from app.domain.text import N_
from app.web.field_text import FieldText

TEXTS: dict[str, FieldText] = {
    "accumulation": FieldText(
        "more",
        N_("Steps gathered for one change"),
        N_(
            "The weights are changed once after so many steps, with the mean of their gradients: 4 steps of 8 images "
            "learn what one of 32 learns, up to rounding, in the memory of 8. Batch normalisation still sees the "
            "images of one step only, so a network with it learns a little differently. 1 is off."
        ),
        unit=N_("steps"),
        step="1",
        slider_high=16,
    ),
}
