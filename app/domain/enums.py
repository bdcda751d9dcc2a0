"""Every fixed choice of the product, as strings that are stored, sent and shown unchanged."""

from enum import StrEnum


class Split(StrEnum):
    """Where an image may be used. An image without a split is shared out by each run."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SPLIT_SOURCES = FOLDER, DRAWN, HAND = ("folder", "drawn", "hand")  # how an image came into its split


class ImageState(StrEnum):
    """Whether an image takes part in training."""

    ACTIVE = "active"
    EXCLUDED = "excluded"


class Field(StrEnum):
    """What a change set changed: the label of images, one of their marks, or classes."""

    LABEL = "label"
    EXCLUDED = "excluded"  # taken out of training, with a reason
    UNSURE = "unsure"  # somebody shall look at it again
    SKIPPED = "skipped"  # shown in label mode and left without a label
    CHECKED = "checked"  # somebody looked and found the label right; holds for that class
    NOTE = "note"
    ORIGIN = "origin"  # where the picture comes from
    LICENCE = "licence"
    PUBLISH = "publish"  # whether it may be published: "yes" or "no"
    SPLIT = "split"  # where it may be used: "test:drawn", the split and how it came there
    CLASS = "class"
    IMPORT = "import"  # images were removed because their import was taken back; this cannot be undone


RIGHTS = (Field.ORIGIN, Field.LICENCE, Field.PUBLISH)
MARKS = (Field.EXCLUDED, Field.UNSURE, Field.SKIPPED, Field.CHECKED, Field.NOTE, *RIGHTS)


class LabelSource(StrEnum):
    """By what means a label, a mark or a class was changed."""

    IMPORT = "import"
    LABEL_MODE = "label"
    GALLERY = "gallery"
    REVIEW = "review"
    CLASSES = "classes"  # the page of the classes: a merge, a new name
    HEALTH = "health"  # a finding that was mended
    SPLITS = "splits"  # the page of the splits: a draw, a test set put back
    SUGGESTION = "suggestion"  # what a model suggested was accepted
    COMMAND = "command"
    UNDO = "undo"
    REDO = "redo"


class JobState(StrEnum):
    """The states of a job row; see docs/jobs.md for the transitions."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class JobKind(StrEnum):
    """What a job does; each kind has one function in worker.runner."""

    TRAIN = "train"
    FOLD = "fold"  # one model of a run as a job of its own; its parent is the TRAIN job
    GROUP = "group"  # a parent without work of its own: its children are TRAIN jobs
    IMPORT = "import"
    IMPORT_PART = "import_part"  # some files of a zip; its parent is the IMPORT job
    EXPLAIN = "explain"
    PREDICT = "predict"  # what a run says of one picture that somebody tries
    FACTS = "facts"  # measures new pictures and checks the project for the health page
    FEATURES = "features"  # what the offline network sees in the new pictures of a project
    SUGGEST = "suggest"  # what a run says of the pictures without a label
    ALTER = "alter"  # what a run says of pictures that were changed, for its diary
    AMOUNT = "amount"  # measures how many more pictures would help a run
    MAP = "map"  # lays the pictures of a project out on a plane
    SEARCH = "search"  # a search for settings: its children are TRAIN jobs
    JUDGE = "judge"  # what a finished run says of several views of its pictures
    RATES = "rates"  # a short training in which the rate grows, to find a good one
    DELETE = "delete"  # removes what belongs to a deleted project
    WEIGHTS = "weights"  # the download of a file of weights that somebody asked for


class Lane(StrEnum):
    """Each kind of work has places of its own in every worker, so that a picture never waits for a training."""

    GPU = "gpu"  # trainings, with or without a graphics card
    CPU = "cpu"  # imports, many heat maps
    INTERACTIVE = "interactive"  # somebody looks at the page and waits: one explanation, one prediction


class RunKind(StrEnum):
    """How the labelled images are shared out between training and validation."""

    HOLDOUT = "holdout"
    KFOLD = "kfold"


class PredictionRole(StrEnum):
    """What a prediction row may be used for."""

    VALIDATION = "validation"  # the image was not trained on by this model: hold-out or out-of-fold
    TEST = "test"  # the model of a hold-out run, or the mean of the K models, on the pinned test set
    TEST_FOLD = "test_fold"  # one fold's model on the pinned test set


class EntryVerdict(StrEnum):
    """What became of one file of an import."""

    NEW = "new"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    SKIPPED = "skipped"
