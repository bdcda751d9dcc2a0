"""What the learning curves of a run say, in a sentence, with the rule behind it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.domain import curve_words
from app.domain.curve_words import Blind, Curve, Said, Verdict
from app.domain.recipe import Recipe
from app.domain.text import N_
from app.services.progress import EpochRow
from app.web.run_words import Catalogue

SENTENCES = {
    Verdict.DIVERGED: N_("The training broke down in epoch %(epoch)s: its loss grew out of all bounds."),
    Verdict.NOTHING: N_("Nothing was learned: the loss is still that of guessing."),
    Verdict.RATE_HIGH: N_("The learning rate is too high: the training loss jumps up and down instead of falling."),
    Verdict.OVERFITS: N_("Over-fits from epoch %(epoch)s: it learns its pictures by heart, and gets worse on others."),
    Verdict.BY_HEART: N_(
        "Nothing was learned that holds for other pictures: the validation loss is still that of guessing."
    ),
    Verdict.LEARNING: N_("Still learning: the loss was falling when the training ended. More epochs would help."),
    Verdict.FINE: N_("Fine: the loss has come to rest and does not rise again."),
    Verdict.SHORT: N_("Too few epochs to say anything about the curves."),
}
ADVICE = {
    Verdict.DIVERGED: N_("Choose a smaller learning rate, a tenth of this one."),
    Verdict.NOTHING: N_("Try another learning rate, a simpler network, and look at whether the labels are right."),
    Verdict.RATE_HIGH: N_("Choose a smaller learning rate, a third of this one."),
    Verdict.OVERFITS: N_(
        "The weights of the best epoch are kept, so nothing is lost. "
        "More pictures, augmentation or dropout move it back."
    ),
    Verdict.BY_HEART: N_("Look at whether the labels are right; try more pictures, or another learning rate."),
    Verdict.LEARNING: N_("Train again with more epochs."),
}
RULES = {
    Verdict.DIVERGED: N_(
        "A training loss is not a number, or more than a hundred times that of guessing all classes equally often."
    ),
    Verdict.NOTHING: N_(
        "From the second epoch on the training loss, smoothed over 3 epochs, never came below 97 %% of that of "
        "guessing; nor did the validation loss. To guess is to give the shares of the classes for every picture."
    ),
    Verdict.RATE_HIGH: N_(
        "At least every third step of the training loss goes up, "
        "and half of all steps are larger than 25 %% of the loss."
    ),
    Verdict.OVERFITS: N_(
        "The validation loss, smoothed over 3 epochs, was lowest before; since then, 3 epochs or more, it rose by more "
        "than 5 %% and 3 times its noise, while the training loss went on falling."
    ),
    Verdict.BY_HEART: N_(
        "The training loss came below 97 %% of that of guessing, which is to give the shares of the classes for every "
        "picture; the validation loss, smoothed over 3 epochs, never did, and no validation accuracy is proven to be "
        "above that of always saying the largest class."
    ),
    Verdict.LEARNING: N_(
        "In the last third of the epochs the smoothed validation loss falls by more than 1 %% in each and ends at its "
        "lowest; the training loss where there is no validation."
    ),
    Verdict.FINE: N_("None of the other rules holds."),
    Verdict.SHORT: N_("The curves are judged from 5 epochs on."),
}


@dataclass(frozen=True)
class CurveText:
    """``tone`` is "good", "warning" or "" (nothing can be said)."""

    sentence: str
    advice: str
    rule: str
    tone: str


def judged(rows: Sequence[EpochRow], guess: Blind, t: Catalogue) -> CurveText:
    """The verdict on the epochs of all folds, in words."""
    curves = {}
    for fold in sorted({row.fold for row in rows}):
        mine = sorted((row for row in rows if row.fold == fold), key=lambda row: row.epoch)
        curves[fold] = Curve(
            [row.loss for row in mine], [row.val_loss for row in mine], [row.val_accuracy for row in mine]
        )
    said = curve_words.together(curves, guess)
    return CurveText(_sentence(said, t), _known(ADVICE, said, t), _known(RULES, said, t), _tone(said))


def _sentence(said: Said, t: Catalogue) -> str:
    text = t.gettext(SENTENCES[said.verdict]) % {"epoch": said.epoch}
    if said.of < 2:
        return text
    return text + " " + t.gettext("(%(models)s of %(of)s models)") % {"models": said.models, "of": said.of}


def _known(texts: dict[Verdict, str], said: Said, t: Catalogue) -> str:
    return t.gettext(texts[said.verdict]) % {} if said.verdict in texts else ""


def _tone(said: Said) -> str:
    return {Verdict.FINE: "good", Verdict.SHORT: ""}.get(said.verdict, "warning")


def stage_starts(rows: Sequence[EpochRow], recipe: Recipe) -> list[int]:
    """The epochs in which a second stage begins; folds that stopped early begin it earlier.

    Where the stage of an epoch was not kept yet, it is told by the rate.
    """
    if not recipe.pretrained or not recipe.unfrozen_blocks:
        return []
    found = set()
    for fold in {row.fold for row in rows}:
        mine = sorted((row for row in rows if row.fold == fold), key=lambda row: row.epoch)
        for before, row in pairwise(mine):
            if _begins(before, row, recipe):
                found.add(row.epoch)
                break
    return sorted(found)


def _begins(before: EpochRow, row: EpochRow, recipe: Recipe) -> bool:
    """True when ``row`` is of another stage than the epoch before it."""
    if before.stage is not None and row.stage is not None:
        return before.stage != row.stage
    new = math.isclose(row.learning_rate, recipe.fine_rate, rel_tol=0.01)
    return new and not math.isclose(before.learning_rate, row.learning_rate, rel_tol=0.01)
