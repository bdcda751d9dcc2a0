"""A new training: presets, the form of the recipe, the preview of the augmentation, and the start."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run
from app.domain.enums import JobKind
from app.domain.errors import AppError, Invalid
from app.domain.recipe import FIELDS, Recipe
from app.services import choosing, examples, rates, runs
from app.services.runs import ANYHOW
from app.web import asked, example_chooser, preview, train_page
from app.web.asked import MOST
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.example_chooser import ANOTHER, Sought
from app.web.forms import TrainForm
from app.web.preview_strip import Wishes
from app.web.submitted import SubmittedDep, request_key
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}")

PICTURE_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, max-age=3600",  # the same address always gives the same picture
}
PAGE_OF = {JobKind.GROUP: "group", JobKind.SEARCH: "search"}  # where the trainings of a job are shown


@router.get("/train", name="train")
def show(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    preset: str = "",
    copied: Annotated[int | None, Query(alias="from", ge=1, le=MOST)] = None,
    image: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    searched: Annotated[int | None, Query(alias="rates", ge=1, le=2**31 - 1)] = None,
) -> Response:
    """The form, filled from a preset, an earlier run, a search for a rate or the address itself (``form=1``)."""
    query = {**request.query_params, **dict(parse_qsl(request.query_params.get("use", "")[:200], True))}
    if ANOTHER in query:
        return to_another(request, session, project, image)
    typed = query.get("form") == "1"
    base, name, how = (Recipe(), "", ANYHOW) if typed else asked.start_values(session, project, preset, copied)
    base = train_page.kept_together(base, request.query_params.get("group", ""))
    base = train_page.begun(base, query.get("begin", ""))
    if searched and not typed:
        base = rates.with_rate(session, project.id, searched, query.get("rate", ""))
    form = TrainForm.read(query, base, complete=True) if typed else TrainForm.of(base, name, how)
    wishes = Wishes(copied, image, read_draw(query.get("draw", "0")), Sought.read(query))
    return page(request, session, project, form, base, wishes)


def to_another(request: Request, session: Session, project: Project, image: int | None) -> Response:
    """To the same address with another picture, so that a page that is loaded again shows it again."""
    kept = {key: value for key, value in request.query_params.items() if key not in (ANOTHER, "image")}
    drawn = example_chooser.by_chance(session, project, Sought.read(kept), image)
    kept |= {"image": str(drawn)} if drawn else {}
    return redirect(request, "train", slug=project.slug, query=kept)


@router.post("/train", name="train_start")
def start(
    request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, actor: ActorDep
) -> Response:
    """Make a run. A form is answered with the page of the run, JSON with its number and address."""
    values = sent.values
    if sent.by_program:
        return start_by_program(request, session, project, values, actor)
    base = Recipe()
    form = TrainForm.read(values, base, complete=True, strict=True)
    try:
        made = create(session, project, form, actor, request_key(values))
    except Invalid as error:
        session.rollback()
        image, draw = read_image(values.get("image", "")), read_draw(values.get("draw", "0"))
        wishes = Wishes(image=image, draw=draw, sought=Sought.read(values))
        return page(request, session, project, train_page.refused(form, error), base, wishes, status=422)
    if isinstance(made, Run):
        return redirect(request, "run", slug=project.slug, number=made.number)
    return redirect(request, PAGE_OF[JobKind(made.kind)], slug=project.slug, number=made.id)


def start_by_program(
    request: Request, session: Session, project: Project, values: Mapping[str, Any], actor: str
) -> Response:
    """Make what a program asks for.

    Raises:
        Invalid: with ``fields``, or the reason why nothing can be trained.
    """
    form = asked.read(session, project, values)
    made = create(session, project, form, actor, request_key(values))
    if isinstance(made, Run):
        url = address(request.app, "run", slug=project.slug, number=made.number)
        answer: dict[str, object] = {"run": made.number, "url": url}
    elif made.kind == JobKind.SEARCH:
        url = address(request.app, "search", slug=project.slug, number=made.id)
        answer = {"search": made.id, "url": url}
    else:
        url = address(request.app, "group", slug=project.slug, number=made.id)
        numbers = [run.number for run in reversed(runs.listed(session, project.id, made.id))]
        answer = {"group": made.id, "runs": numbers, "url": url}
    return JSONResponse(answer, status_code=201, headers={"Location": url})


def create(session: Session, project: Project, form: TrainForm, actor: str, key: str) -> Run | Job:
    """The run of a form, or the job of a search or a group; those that ``key`` made are found again.

    Raises:
        Invalid: with ``fields`` for wrong values, or the reason why nothing can be trained.
    """
    if form.recipe is None or form.several.errors:
        raise Invalid.of_fields({**form.errors, **form.several.errors})
    known = runs.asked_for(session, project.id, key) if key else None
    if known is not None:
        return known if known.kind in PAGE_OF else session.get_one(Run, known.spec["run_id"])
    how = replace(form.how, request=key)
    if not form.several.made:
        return choosing.train(session, project, form.recipe, name=form.name, actor=actor, how=how)
    several = [(name, choosing.plain(session, project, one)) for name, one in form.several.made]
    return runs.create_matrix(session, project, several, name=form.name, actor=actor, how=how)[0]


@router.get("/augment.jpg", name="augment_preview")
def augment_preview(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    image: Annotated[int, Query(ge=1, le=MOST)],
    only: str = "",
) -> Response:
    """The picture and changed ones in one row; with ``only`` one operation alone at its limits.

    Every other value of the address is one of the recipe; ``draw`` is the seed of the draws.
    """
    query = request.query_params
    recipe = Recipe().updated({key: query[key] for key in FIELDS if key in query})
    seed = FIELDS["seed"].parse(query.get("draw", "0"))
    data = state.store.get(examples.one(session, project.id, image).canonical_sha256)
    second = examples.another(session, project.id, image) if recipe.augmentation.mixes else None
    other = state.store.get(second.canonical_sha256) if second else b""
    classes = examples.classes_of(session, [image, second.image_id] if second else [image])
    others = recipe.changes_of(classes.get(second.image_id, "")) if second else None
    recipe = replace(recipe, augmentation=recipe.changes_of(classes.get(image, "")))
    shown = preview.extremes(data, recipe, only, other) if only else preview.tiles(data, recipe, seed, other, others)
    return Response(preview.sprite(shown), media_type="image/jpeg", headers=PICTURE_HEADERS)


def read_image(text: str) -> int | None:
    """The image of the preview; anything else is the first one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def read_draw(text: str) -> int:
    """The seed of the preview; anything else begins at 0."""
    try:
        return int(FIELDS["seed"].parse(text))
    except AppError:
        return 0


def page(
    request: Request,
    session: Session,
    project: Project,
    form: TrainForm,
    base: Recipe,
    wishes: Wishes,
    status: int = 200,
) -> Response:
    """The page of the form."""
    context = train_page.build(request, session, project, form, base=base, wishes=wishes)
    return render(request, "train/index.html", context, status_code=status)
