"""What the images of a project, its runs and the folder of weights refuse to a training, and what mends it."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.domain import architectures, backbones, whitening
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe
from app.domain.recipe_fields import OWN, ZCA
from app.services import origins, plans, run_images, weight_places
from app.services.plans import Forecast, Validation
from app.services.run_images import Drawn

MOST_DRAWN = 5000  # images up to which the form draws the split itself; of more the start says what it refuses
Values = dict[str, int | str]  # by the names of fields


@dataclass(frozen=True)
class Refused:
    """Why a training would fail; ``proposal``: values with which this reason is gone."""

    error: AppError
    proposal: Values = field(default_factory=dict)


def of_weights(session: Session, recipe: Recipe, needs: str) -> Refused | None:
    """The file of weights of the network is on no worker that may take the training."""
    error = weight_places.missing(session, recipe, needs)
    return Refused(error, {"architecture": backbones.OFFLINE}) if error else None


def of_whitening(recipe: Recipe, learned: int) -> Refused | None:
    """ZCA whitening of pictures that are too large for it; where the network needs such, another scale mends it."""
    try:
        whitening.check(recipe, learned)
    except Invalid as error:
        size = whitening.largest(learned)
        small = recipe.architecture != OWN and size < architectures.smallest_size(recipe.architecture)
        other = recipe.scale.removesuffix(ZCA) + "featurewise"
        return Refused(error, {"normalisation": other} if small else {"image_size": size})
    return None


def of_images(
    session: Session, project_id: int, recipe: Recipe, forecast: Forecast
) -> tuple[Refused | None, Drawn | None]:
    """What ``runs.create`` refuses for the images, or for the run whose weights the training begins with.

    Returns:
        The refusal, and where each image would be used, as far as that was drawn.
    """
    error: AppError | None = next(iter(forecast.problems), None)
    if error is None:
        try:
            return None, _drawn(session, project_id, recipe, forecast)
        except Invalid as refusal:
            error = refusal
    found = _mend(error, recipe, forecast)
    works = not found or _works(session, project_id, recipe.updated(found), forecast)
    return Refused(error, found if works else {}), None


def _drawn(session: Session, project_id: int, recipe: Recipe, forecast: Forecast) -> Drawn | None:
    origin = origins.find(session, project_id, recipe)
    if not _to_draw(recipe, forecast):
        return None
    drawn = run_images.drawn(session, project_id, recipe, forecast)
    return origins.apart(session, origin, recipe, drawn)[0] if origin is not None else drawn


def _works(session: Session, project_id: int, recipe: Recipe, forecast: Forecast) -> bool:
    """Whether a proposal is not refused by the draw in turn."""
    try:
        _drawn(session, project_id, recipe, forecast)
    except Invalid:
        return False
    return True


def _to_draw(recipe: Recipe, forecast: Forecast) -> bool:
    """Whether the draw may refuse what the counts do not show, and is quick enough for each change of a value."""
    images = forecast.train + forecast.validation + forecast.test
    return images <= MOST_DRAWN and bool(recipe.begin or recipe.group_by != "none" or not recipe.stratified)


def _mend(error: AppError, recipe: Recipe, forecast: Forecast) -> Values:
    least = min((row.train for row in forecast.classes), default=0)
    found: Values = {}
    if error.code == "class_too_small_for_folds" and least > 1:
        found = {"folds": least}
    elif error.code == "split_too_few" and forecast.train > 1:
        found = {"folds": forecast.train}
    elif error.code == "groups_too_few" and (groups := int(str(error.params["count"]))) > 1:
        found = {"folds": groups}
    elif error.code == "class_missing_in_fold" and not recipe.stratified and least >= max(recipe.folds, 2):
        found = {"stratified": 1}
    elif error.code == "augmented_class_missing":
        found = {"augmented_classes": ""}
    elif error.code == "begin_folds_learned":
        found = {"folds": 0}
    elif error.code == "begin_which":
        found = {"begin": str(error.params["first"])}
    elif error.code.startswith("begin_"):
        found = {"begin": ""}
    return found if _better(recipe, found, forecast) else {}


def _better(recipe: Recipe, found: Values, forecast: Forecast) -> bool:
    """Whether there is a proposal, and it is a recipe that the counts of the images do not refuse in turn."""
    if not found:
        return False
    try:
        recipe = recipe.updated(found)
    except Invalid:
        return False
    way = plans.validation_by(recipe, forecast.validation if forecast.validation_by == Validation.FOLDER else 0)
    needed = recipe.folds if way == Validation.FOLDS and recipe.stratified else 2
    return all(row.train + row.validation >= needed for row in forecast.classes)
