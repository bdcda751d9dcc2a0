"""Findings of the health page in words: what was found, why it matters, and what its buttons do."""

from dataclasses import dataclass

from app.domain.findings import Topic
from app.domain.text import N_
from app.services.health_mend import Act


@dataclass(frozen=True)
class Words:
    """The words of one topic. ``acts`` are the buttons in their order; the first one is what usually is right."""

    title: str
    why: str
    none: str
    acts: tuple[Act, ...]


WORDS: dict[Topic, Words] = {
    Topic.CONFLICTS: Words(
        N_("Same picture, two labels"),
        N_("Copies of one picture have different labels. At most one can be right, and the network is taught both."),
        N_("No picture has two labels."),
        (Act.THIN, Act.EXCLUDE, Act.KEEP),
    ),
    Topic.LEAKS: Words(
        N_("Test pictures with a copy outside of the test set"),
        N_("The network has seen the answer: the accuracy on the test set looks better than it is."),
        N_("No copy of a test picture lies outside of the test set."),
        (Act.TEST, Act.TRAIN, Act.THIN, Act.KEEP),
    ),
    Topic.FOLDER_LEAKS: Words(
        N_("Pictures of the validation folder with a copy among the training pictures"),
        N_("The accuracy on the validation pictures looks better than it is, and the best epoch is chosen by it."),
        N_("No copy of a picture of the validation folder is learned from."),
        (Act.TRAIN, Act.THIN, Act.KEEP),
    ),
    Topic.FOLDS: Words(
        N_("Copies that folds would tear apart"),
        N_("Folds learn from one copy and check with another: the accuracy looks better than it is."),
        N_("No two pictures that folds share out are copies."),
        (Act.THIN, Act.KEEP),
    ),
    Topic.COPIES: Words(
        N_("Copies"),
        N_("The same picture more than once: encoded anew, resized, or cut a little."),
        N_("No picture is there twice."),
        (Act.THIN, Act.KEEP),
    ),
    Topic.DARK: Words(
        N_("Dark pictures"),
        N_("Much darker than the others of the project. A failed exposure teaches nothing."),
        N_("No picture is much darker than the others."),
        (Act.EXCLUDE, Act.KEEP),
    ),
    Topic.BRIGHT: Words(
        N_("Bright pictures"),
        N_("Much brighter than the others of the project, perhaps overexposed."),
        N_("No picture is much brighter than the others."),
        (Act.EXCLUDE, Act.KEEP),
    ),
    Topic.BLURRED: Words(
        N_("Blurred pictures"),
        N_("Edges are much softer than in the other pictures, at the size that a network sees."),
        N_("No picture is much softer than the others."),
        (Act.EXCLUDE, Act.KEEP),
    ),
    Topic.PLAIN: Words(
        N_("Pictures with almost nothing on them"),
        N_("One colour all over, or nearly so."),
        N_("Every picture shows something."),
        (Act.EXCLUDE, Act.KEEP),
    ),
    Topic.ODD_SIZE: Words(
        N_("Odd sizes"),
        N_("Far larger, smaller, wider or narrower than the others: resized, things have another scale or shape."),
        N_("All pictures have about the same size."),
        (Act.EXCLUDE, Act.KEEP),
    ),
    Topic.OUTLIER: Words(
        N_("Unlike the others of their class"),
        N_("Far from what the class usually looks like, or amidst pictures of another class. Check the label first."),
        N_("No picture is far from what is usual in its class."),
        (Act.EXCLUDE, Act.KEEP),
    ),
}

ACTS: dict[Act, str] = {
    Act.EXCLUDE: N_("Exclude"),
    Act.THIN: N_("Keep the best, exclude the others"),
    Act.TRAIN: N_("All into training"),
    Act.TEST: N_("All into the test set"),
    Act.KEEP: N_("It is fine"),
    Act.UNKEEP: N_("Show it again"),
}

PROPERTIES: dict[str, str] = {
    "source": N_("folder that the file came from"),
    "prefix": N_("beginning of the file name"),
    "import": N_("import"),
    "format": N_("file format"),
    "size": N_("size of the picture"),
    "brightness": N_("brightness"),
    "contrast": N_("contrast"),
    "sharpness": N_("sharpness"),
    "entropy": N_("amount of detail"),
    "colourfulness": N_("colourfulness"),
    "border_brightness": N_("brightness of the border"),
    "border_contrast": N_("contrast of the border"),
}
