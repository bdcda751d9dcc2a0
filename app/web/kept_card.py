"""What the page of a run says of the weights it kept, and of several views of each picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.db.run_models import Run
from app.domain.recipe import Recipe
from app.domain.stats import exact
from app.domain.text import N_
from app.services import best_weights
from app.services.best_weights import Kept
from app.web import i18n
from app.web.run_words import Catalogue

BEST = {"val_loss": N_("best validation loss"), "val_accuracy": N_("best validation accuracy")}
VIEWS = {
    "mirror": N_("as it is and mirrored"),
    "shifts": N_("as it is, moved by 4 %% four ways, and 8 %% closer"),
    "all": N_("as it is, moved by 4 %% four ways, and 8 %% closer, each of them also mirrored"),
    "turns": N_("as it is and in quarter turns, each of them also mirrored"),
}
LEVEL = 0.05


@dataclass(frozen=True)
class KeptLine:
    """One row of the table of weights: what was kept and why, in words."""

    kept: Kept
    why: str


@dataclass(frozen=True)
class ViewsLine:
    """The plain answers and those over several views, on one set of images."""

    title: str
    images: int
    plain: float
    views: float
    points: str
    gained: int
    lost: int
    p: str
    proven: bool


@dataclass(frozen=True)
class Views:
    """What several views came to."""

    count: int
    words: str
    lines: Sequence[ViewsLine]


@dataclass(frozen=True)
class Card:
    """What a finished run kept and saw; ``staged``: its training has more than one stage."""

    staged: bool
    lines: Sequence[KeptLine]
    views: Views | None


def of(run: Run, t: Catalogue, language: str, *, finished: bool) -> Card:
    """Everything here of one run; before its end only whether it has stages."""
    staged = Recipe.from_json(run.recipe).staged
    return Card(staged, kept_lines(run, t), views(run, t, language)) if finished else Card(staged, [], None)


def kept_lines(run: Run, t: Catalogue) -> list[KeptLine]:
    """The weights of ``run`` with the reasons why they were kept."""
    return [KeptLine(kept, _why(kept, t)) for kept in best_weights.listed(run)]


def _why(kept: Kept, t: Catalogue) -> str:
    if kept.val_loss is None and kept.used:
        return t.gettext("last epoch, without validation images")
    words = [t.gettext(BEST[name]) for name in BEST if name in kept.by]
    stages = [name.removeprefix("stage ") for name in kept.by if name not in BEST]
    words += [t.gettext("best of stage %(number)s") % {"number": number} for number in stages]
    return " · ".join(words) or t.gettext("best epoch")


def views(run: Run, t: Catalogue, language: str) -> Views | None:
    """What the models said of several views, with the difference and its test; None when they were not asked."""
    found = run.views
    if not found:
        return None
    titles = {"test": t.gettext("Test"), "validation": t.gettext("Validation")}
    lines = [_line(title, found[name], language) for name, title in titles.items() if found.get(name)]
    words = VIEWS[found["kind"]]
    return Views(int(found["views"]), t.gettext(words) % {}, lines)


def _line(title: str, found: dict[str, Any], language: str) -> ViewsLine:
    images, gained, lost = found["images"], found["gained"], found["lost"]
    p = exact.mcnemar(gained, lost)
    difference = (found["views_right"] - found["plain_right"]) / images
    return ViewsLine(
        title, images, found["plain_right"] / images, found["views_right"] / images,
        i18n.show_points(difference, language), gained, lost,
        i18n.show_number(p, language, 3) if p >= 0.0005 else f"< {i18n.show_number(0.001, language, 3)}", p < LEVEL,
    )  # fmt: skip
