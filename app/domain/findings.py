"""What a check of the health page may find, as strings that are stored, sent and shown unchanged."""

from enum import StrEnum


class FindingKind(StrEnum):
    """The kinds of findings that are stored."""

    COPIES = "copies"  # two or more pictures that are the same
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    PLAIN = "plain"  # nearly nothing on it
    ODD_SIZE = "odd_size"
    OUTLIER = "outlier"  # unlike the others of its class
    SHORTCUT = "shortcut"  # a property that tells the class by itself


class Topic(StrEnum):
    """What a page lists: stored kinds, where groups of copies are told apart by what is wrong with them now."""

    CONFLICTS = "conflicts"  # copies with two labels
    LEAKS = "leaks"  # copies in the test set and outside of it
    FOLDER_LEAKS = "folder_leaks"  # copies in the validation folder and among the training images
    FOLDS = "folds"  # copies that folds may tear apart
    COPIES = "copies"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    PLAIN = "plain"
    ODD_SIZE = "odd_size"
    OUTLIER = "outlier"


GROUPS = frozenset({Topic.CONFLICTS, Topic.LEAKS, Topic.FOLDER_LEAKS, Topic.FOLDS, Topic.COPIES})

SERIOUS = frozenset({Topic.CONFLICTS, Topic.LEAKS, Topic.FOLDER_LEAKS})  # copies that make figures of runs wrong


def kind_of(topic: Topic) -> FindingKind:
    """The stored kind that a topic is made from."""
    return FindingKind.COPIES if topic in GROUPS else FindingKind(topic.value)
