"""What the form says about values of the optimisation and of judging that few recipes need."""

from app.domain.text import N_
from app.web.field_text import FieldText

TEXTS: dict[str, FieldText] = {
    "begin": FieldText(
        "begin",
        N_("Begin with"),
        N_(
            "The weights of an earlier run of this project are trained further, with the rate of this form. Its layers "
            "must be the same; with other classes the last layer begins anew. No image that it has learned from checks "
            "or tests this training."
        ),
    ),
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
    "test_views": FieldText(
        "more",
        N_("Judge several views"),
        N_(
            "At the end each picture that is judged can also be shown mirrored, turned, a little moved or a little "
            "closer, and the answers are averaged. The plain result stays the result; both are shown with their "
            "difference. It changes nothing in the training, and judging takes as many times longer as there are "
            "views. A finished run can be judged so at any time, on its page “Several views”."
        ),
        choices={
            "none": N_("no: the picture as it is"),
            "mirror": N_("2 views: mirrored too"),
            "shifts": N_("6 views: moved and closer"),
            "all": N_("12 views: moved and closer, mirrored too"),
            "turns": N_("8 views: quarter turns, mirrored too"),
        },
    ),
}
