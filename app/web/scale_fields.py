"""What the form says about the scale of the pixels; see ``fields``."""

from app.domain.text import N_
from app.web.field_text import FieldText

TEXTS: dict[str, FieldText] = {
    "normalisation": FieldText(
        "more",
        N_("Scale of the pixels"),
        N_(
            "Networks learn best from small numbers; the usual choice divides by 255. “In each picture” takes away how "
            "bright each one is, “over the training images” is measured on those of each fold alone. ZCA whitening "
            "keeps edges and takes away even areas; it is for many small pictures. Of two steps, each picture by "
            "itself and then all, the second is measured on the training images after the first; deviation 1 comes "
            "with mean 0. The strip shows pictures before all of this."
        ),
        choices={
            "none": N_("0 to 255, as they are"),
            "rescale": N_("0 to 1 (divided by 255)"),
            "center": N_("-1 to 1"),
            "samplewise-center": N_("mean 0 in each picture"),
            "samplewise": N_("mean 0 and deviation 1 in each picture"),
            "featurewise-center": N_("mean 0 over the training images"),
            "featurewise": N_("mean 0 and deviation 1 over the training images"),
            "zca": N_("ZCA whitening over the training images"),
            "samplewise-center-featurewise-center": N_("each mean 0, then all mean 0"),
            "samplewise-center-featurewise": N_("each mean 0, then all deviation 1"),
            "samplewise-center-zca": N_("each mean 0, then all ZCA whitening"),
            "samplewise-featurewise-center": N_("each deviation 1, then all mean 0"),
            "samplewise-featurewise": N_("each deviation 1, then all deviation 1"),
            "samplewise-zca": N_("each deviation 1, then all ZCA whitening"),
        },
    ),
    "zca_epsilon": FieldText(
        "more",
        N_("Epsilon of the whitening"),
        N_(
            "Used with ZCA whitening only: added to the singular values of the training pictures, as Keras does. With "
            "its 0.000001 the faintest noise becomes as strong as everything else, and few pictures teach little; with "
            "10 or so what is faint stays faint."
        ),
    ),
}
