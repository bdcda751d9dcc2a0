"""Puts together what the page of a run shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run
from app.domain.enums import JobState
from app.domain.presets import PRESETS
from app.domain.published import Published, beside
from app.domain.recipe import Augmentation, Recipe
from app.domain.recipe_fields import ZCA
from app.services import progress, relabelled, report, shrinking
from app.services.answers import Kept
from app.services.progress import EpochRow, Snapshot
from app.web import charts, curve_text, i18n, kept_card, network_fields, run_words, setting_words
from app.web.fields import TEXTS

_CHANGES = ("added_copies", "augmented_classes", "class_augmentation")
MOST_EPOCHS = 500  # rows of the epoch table of one page; the file has all


@dataclass(frozen=True)
class Setting:
    """One value of the recipe in words. ``changed`` is True when it differs from the preset's."""

    label: str
    value: str
    changed: bool


@dataclass(frozen=True)
class RunPage:
    """The page of one run."""

    project: Project
    run: Run
    now: Snapshot
    status: str
    left: str
    best: str
    failure: str
    cut: str  # of a training that was stopped: what there is of it
    title: str
    result: report.Result
    recipe: Recipe
    kind: str
    preset_title: str
    published: Published | None
    settings: Sequence[Setting]
    durations: dict[str, str]  # of the whole run and of each fold by its number
    loss: charts.Chart
    accuracy: charts.Chart
    sentence: str
    curves: curve_text.CurveText
    fold: int | None  # the chosen tab of the epoch table, from 0; None: all folds
    epochs: Sequence[EpochRow]  # newest first
    best_epochs: dict[int, int]  # fold -> epoch, known so far
    step: int  # pictures in one step, at most
    smaller: Mapping[str, int]  # what to train with where it did not fit into memory
    changed_labels: int
    recounts: Sequence[relabelled.Recount]  # only where labels of its pictures have changed
    kept: kept_card.Card
    mistakes: int | None
    review_on: str
    environment: Sequence[tuple[str, str]]
    data: dict[str, Any]  # for static/js/run.js


def build(session: Session, kept: Kept, project: Project, run: Run, language: str, fold: int | None) -> RunPage:
    """Everything of one run; a bounded number of queries."""
    t = i18n.translations(language)
    now = progress.snapshot(session, run)
    found = report.result(session, run, kept)
    cut = report.cut(found, now.state)
    recipe = Recipe.from_json(run.recipe)
    best_epochs = _best_epochs(now.rows, found, recipe.monitor)
    judged = found.test or found.validation
    shown = [row for row in now.rows if fold is None or row.fold == fold]
    stages = curve_text.stage_starts(now.rows, recipe)
    changed, recounts = relabelled.recounts(session, kept, run) if now.finished else (0, [])
    return RunPage(
        project=project,
        run=run,
        now=now,
        status=run_words.status(now, t),
        left=run_words.time_left(now, t),
        best=run_words.best(now, t, language),
        failure=run_words.failure(now, t),
        cut=run_words.cut(cut, t),
        title=_title(now, found, cut, t, language),
        result=found, recipe=recipe,
        kind=setting_words.kind(recipe.preset, recipe.architecture, t),
        preset_title=t.gettext(PRESETS[recipe.preset].title) if recipe.preset in PRESETS else "",
        published=beside(recipe),
        settings=_settings(recipe, t),
        durations=_durations(run, found, t),
        loss=charts.curves(now.rows, "loss", best_epochs, stages),
        accuracy=charts.curves(now.rows, "accuracy", best_epochs, stages),
        sentence=_sentence(now, best_epochs, t, language),
        curves=curve_text.judged(now.rows, found.guess, t),
        fold=fold, epochs=list(reversed(shown[-MOST_EPOCHS:])),
        step=shrinking.step(recipe, run.folds), smaller=shrinking.smaller(recipe, run.folds),
        best_epochs=best_epochs, changed_labels=changed, recounts=recounts,
        kept=kept_card.of(run, t, language, finished=now.finished),
        mistakes=judged.wrong if judged else None, review_on="test" if found.test else "validation",
        environment=_plain(run.environment),
        data=_data(now, recipe, best_epochs, stages) | {"language": language},
    )  # fmt: skip


def _data(now: Snapshot, recipe: Recipe, best_epochs: dict[int, int], stages: Sequence[int]) -> dict[str, Any]:
    return {
        "rows": [run_words.epoch_values(row) for row in now.rows],
        "best": best_epochs,
        "folds": now.folds,
        "attempt": now.attempt,
        "state": now.state,
        "monitor": recipe.monitor,
        "stages": stages,
        "staged": recipe.staged,
    }


def _best_epochs(rows: Sequence[EpochRow], found: report.Result, monitor: str) -> dict[int, int]:
    best = {line.number - 1: line.best_epoch for line in found.folds if line.best_epoch is not None}
    for fold in {row.fold for row in rows} - set(best):
        so_far = progress.best_epoch([row for row in rows if row.fold == fold], monitor)
        if so_far is not None:
            best[fold] = so_far.epoch
    return best


def _title(now: Snapshot, found: report.Result, cut: report.Cut | None, t: run_words.Catalogue, language: str) -> str:
    if now.state is JobState.RUNNING:
        return i18n.show_percent(now.share, language, 0)
    judged = found.test or found.validation
    if cut is not None:
        return run_words.state_name(JobState.CANCELLED, t)
    if now.state is JobState.DONE and judged is not None:
        return "✓ " + i18n.show_percent(judged.accuracy, language)
    return run_words.state_name(now.state, t)


def _settings(recipe: Recipe, t: run_words.Catalogue) -> list[Setting]:
    preset = PRESETS.get(recipe.preset)
    before = (preset.recipe if preset else Recipe()).flat()
    lines = []
    for name, value in recipe.flat().items():
        text = TEXTS.get(name)
        if text is None or not (_matters(name, recipe) and network_fields.matters(name, recipe)):
            continue
        shown = setting_words.shown(name, value, t)
        lines.append(Setting(t.gettext(text.label), shown, preset is not None and value != before[name]))
    return lines


def _matters(name: str, recipe: Recipe) -> bool:
    """False for what changes nothing: operations that are off, the colour of a border that there is not."""
    group, _, inner = name.rpartition(".")
    if group == "augmentation":
        if inner == "fill_value" and recipe.augmentation.fill_mode != "constant":
            return False
        if inner.startswith("fill_"):
            return recipe.all_changes.active
        pair = inner.removesuffix("_low").removesuffix("_high")
        names = [inner] if pair == inner else [f"{pair}_low", f"{pair}_high"]
        return any(getattr(recipe.augmentation, one) != getattr(Augmentation(), one) for one in names)
    used = {"layers": recipe.architecture == "own", "begin": True}
    used |= dict.fromkeys(_CHANGES, recipe.all_changes.active)
    if name in used:
        return bool(getattr(recipe, name)) and used[name]
    others = dict.fromkeys(("validation_share", "use_validation_folder"), not recipe.folds)
    others |= {"pad_color": recipe.resize_mode == "pad", "zca_epsilon": recipe.fitted_step == ZCA}
    return others.get(name, True)


def _durations(run: Run, found: report.Result, t: run_words.Catalogue) -> dict[str, str]:
    named = {str(line.number): run_words.duration(line.seconds, t) for line in found.folds}
    return named | {"run": run_words.duration(run.seconds, t)}


def _sentence(now: Snapshot, best: dict[int, int], t: run_words.Catalogue, language: str) -> str:
    """What the curves show, for those who cannot see them."""
    if not now.rows:
        return t.gettext("No epoch has finished yet.")
    kept = [row for row in now.rows if best.get(row.fold) == row.epoch]
    text = t.ngettext(
        "Learning curves of %(folds)s model over up to %(epochs)s epochs.",
        "Learning curves of %(folds)s models over up to %(epochs)s epochs.",
        len({row.fold for row in now.rows}),
    ) % {"folds": len({row.fold for row in now.rows}), "epochs": max(row.epoch for row in now.rows)}
    losses = [row.val_loss for row in kept if row.val_loss is not None]
    accuracies = [row.val_accuracy for row in kept if row.val_accuracy is not None]
    if not losses or not accuracies:
        return text
    more = t.gettext("At the best epochs the validation loss is %(loss)s and the validation accuracy %(accuracy)s.")
    return f"{text} " + more % {
        "loss": i18n.show_number(sum(losses) / len(losses), language, 3),
        "accuracy": i18n.show_percent(sum(accuracies) / len(accuracies), language),
    }


def _plain(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines += _plain(value, f"{prefix}{name}.")
        else:
            lines.append((prefix + name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return lines
