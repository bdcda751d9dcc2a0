"""Everything the page of a new training shows, worked out from the form."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run
from app.domain import own_network, schedules
from app.domain.enums import JobState, Lane
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from app.services import grouping, origins, plans, preflight, runs, splits, worker_list
from app.services.jobs.workers import GPU
from app.web import (
    best_card,
    class_changes,
    i18n,
    network_card,
    preflight_card,
    preset_texts,
    preview_strip,
    several,
    weight_card,
)
from app.web.fields import TEXTS
from app.web.forms import DATA, Control, TrainForm
from app.web.messages import sentence
from app.web.preview_strip import Wishes


@dataclass(frozen=True)
class RateCurve:
    """The learning rate over the epochs as a line in a drawing of 300 by 60, and its first, highest and last value."""

    points: str
    first: str
    highest: str
    last: str
    open: bool  # it may fall earlier or later than drawn


@dataclass(frozen=True)
class TrainPage:
    """The page of a new training."""

    project: Project
    form: TrainForm
    sections: Mapping[str, Sequence[Control]]
    summary: Sequence[tuple[str, str, str]]
    ready: preset_texts.Ready
    runs: Sequence[Run]
    copied: int | None
    forecast: plans.Forecast
    table: splits.Table
    problems: Sequence[str]
    warnings: Sequence[str]
    recipe: Recipe
    net: network_card.NetworkCard
    weights: weight_card.WeightCard
    rate: "RateCurve"
    strip: preview_strip.PreviewStrip
    own: class_changes.Card  # changes of single classes
    workers: int
    waiting: int
    vary: Sequence[tuple[str, str]]  # names and labels of what can vary in several trainings at once
    vary_choices: Sequence[Mapping[str, str]]  # of each row: values that can be ticked, with their names
    vary_errors: Mapping[str, str]
    preflight: preflight_card.Card | None  # None while the values are no recipe
    best: best_card.BestCard | None  # what is tried while nothing was changed
    own_example: str
    begins: Sequence[origins.Offered]  # models of this project that a training can begin with
    request_mark: str  # so that the same form sent twice starts one training
    hosts: Sequence[str]  # that a training can be sent to
    gpu: bool  # a worker has a graphics card


def warned(session: Session, project: Project, forecast: plans.Forecast, recipe: Recipe) -> list[AppError]:
    """What deserves to be read before the start."""
    return [*forecast.warnings, *grouping.torn(session, project.id, recipe.group_by)]


def build(
    request: Request, session: Session, project: Project, form: TrainForm, *, base: Recipe, wishes: Wishes
) -> TrainPage:
    """Work out the page for ``form``; ``base`` stands for what cannot be used."""
    language, settings = i18n.choose(request), request.app.state.miwake.settings
    table, recipe = splits.table(session, project.id), form.nearest(base)
    t, forecast = i18n.translations(language), plans.forecast(table, recipe)
    found = preflight.look(session, project.id, recipe, forecast, form.how.needs) if form.typed else None
    gettext, alive = t.gettext, [worker for worker in worker_list.lines(session) if worker.alive]
    return TrainPage(
        project=project,
        form=form,
        sections=in_sections(form.controls(gettext)),
        summary=form.summary(gettext),
        ready=preset_texts.ready(),
        runs=runs.listed(session, project.id),
        copied=wishes.copied,
        forecast=forecast,
        table=table,
        problems=[sentence(error, gettext) for error in forecast.problems],
        warnings=[sentence(error, gettext) for error in warned(session, project, forecast, recipe)],
        recipe=recipe,
        net=network_card.build(form, recipe, len(forecast.classes), t),
        weights=weight_card.build(session, recipe.architecture, form.how.needs, settings.weights_url, t, language),
        rate=rate_curve(recipe),
        strip=preview_strip.build(request, session, project, form, recipe, wishes),
        own=class_changes.card(form.changes, forecast.names, form.errors, gettext, request.query_params),
        workers=len(alive),
        waiting=waiting(session),
        vary=several.offered(gettext),
        vary_choices=several.choices(form.several, recipe, forecast.names, gettext),
        vary_errors={key: sentence(error, gettext) for key, error in form.several.errors.items()},
        preflight=preflight_card.card(found, t, language) if found else None,
        best=None if form.alone else best_card.build(session, project, recipe, form.how.needs, t, language),
        own_example=own_network.EXAMPLE,
        begins=origins.offered(session, project.id),
        request_mark=secrets.token_hex(8),
        hosts=sorted({worker.host for worker in alive} | {form.how.needs.partition(":")[2]} - {""}),
        gpu=any(GPU in worker.wishes for worker in alive),
    )


def begun(recipe: Recipe, begin: str) -> Recipe:
    """``recipe`` as one model that begins with that of an earlier run; as it is where ``begin`` names none."""
    try:
        return recipe.updated({"begin": begin, "folds": 0}) if begin else recipe
    except Invalid:
        return recipe


def kept_together(recipe: Recipe, by: str) -> Recipe:
    """``recipe`` in folds that tear no group apart, as the health page asks for; as it is where ``by`` is no way."""
    try:
        return recipe.updated({"group_by": by, "folds": recipe.folds or 5}) if by else recipe
    except Invalid:
        return recipe


def rate_curve(recipe: Recipe) -> RateCurve:
    """The curve of a recipe; each epoch is drawn by a few of its steps."""
    rates = schedules.curve(recipe, max(1, 300 // recipe.epochs)).ravel()
    some = rates[:: max(1, len(rates) // 600)]
    highest = float(rates.max())
    step = 300 / max(len(some) - 1, 1)
    points = " ".join(f"{index * step:.1f},{58 - 56 * float(rate) / highest:.1f}" for index, rate in enumerate(some))
    first, most, last = (f"{float(rate):.2g}" for rate in (rates[0], highest, rates[-1]))
    return RateCurve(points, first, most, last, open=recipe.schedule == "plateau")


def in_sections(controls: Mapping[str, Control]) -> dict[str, list[Control]]:
    """The controls by the part of the form that they stand in, in their order."""
    names = dict.fromkeys(text.section for text in TEXTS.values())
    return {name: [control for control in controls.values() if control.text.section == name] for name in names}


def waiting(session: Session) -> int:
    """Trainings of all projects that wait or run now."""
    states = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
    query = sa.select(sa.func.count()).select_from(Job).where(Job.lane == Lane.GPU, Job.state.in_(states))
    return session.scalar(query) or 0


FIELD_OF = {
    "class_too_small_for_folds": "folds",
    "class_too_small_for_validation": "validation_share",
    "class_missing_in_fold": "stratified",
    "class_in_one_group": "group_by",
    "groups_too_few": "folds",
    "memory_too_small": "batch_size",
    **dict.fromkeys(
        (
            "begin_all_learned",
            "begin_differs",
            "begin_folds_learned",
            "begin_missing",
            "begin_test_learned",
            "begin_validation_learned",
            "begin_which",
        ),
        "begin",
    ),
    "augmented_class_missing": "augmented_classes",
    "backbone_file_missing": "architecture",
    "class_augmentation_missing": class_changes.KEY,
    "network_needs_larger_images": "image_size",
    "zca_too_large": "image_size",
}


def refused(form: TrainForm, error: Invalid) -> TrainForm:
    """The form with the reasons why its training could not be made, each beside the field that would help."""
    for key, item in (error.fields or {FIELD_OF.get(error.code, DATA): error}).items():
        form = form.refused(key, item)
    return form
