"""The images of a training and where each of them is used, from the labels and splits of this moment."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import RunItem
from app.domain import kept_places
from app.domain.enums import ImageState, Split
from app.domain.recipe import Recipe
from app.services import grouping, plans
from app.services.grouping import Grouping


@dataclass(frozen=True)
class Drawn:
    """The images of a training in the order of their ids.

    Attributes:
        rows: id, canonical_sha256, class_id, label_version, split, name and path of each.
        labels: (images,) positions of their classes.
        draw: where each is used.
        groups: (images,) images of one group must not be torn apart; None: there are none.
    """

    rows: list[Any]
    labels: NDArray[np.int64]
    draw: plans.Draw
    groups: NDArray[np.int64] | None = None

    def without_test(self) -> "Drawn":
        """The same without the pinned test set; no model of it can be judged on that."""
        kept = [place for place, split in enumerate(self.draw.splits) if split != Split.TEST]
        draw = replace(self.draw, splits=[self.draw.splits[place] for place in kept], folds=self.draw.folds[kept])
        groups = None if self.groups is None else self.groups[kept]
        return Drawn([self.rows[place] for place in kept], self.labels[kept], draw, groups)

    def models(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """For each model, the images of each class that it learns from and those that it is checked with."""
        splits, folds = np.array(self.draw.splits), self.draw.folds
        learned = splits == Split.TRAIN
        if folds.max(initial=-1) < 0:
            parts = [(learned, splits == Split.VALIDATION)]
        else:
            parts = [(learned & (folds != fold), folds == fold) for fold in range(int(folds.max()) + 1)]
        count = int(self.labels.max(initial=-1)) + 1
        bins = [[np.bincount(self.labels[part], minlength=count) for part in pair] for pair in parts]
        return [(train, held) for train, held in bins]

    def learned(self) -> NDArray[np.int64]:
        """The places of the images that the first model learns from."""
        splits = np.array(self.draw.splits)
        return np.flatnonzero((splits == Split.TRAIN) & (self.draw.folds != 0))


def drawn(
    session: Session, project_id: int, recipe: Recipe, forecast: plans.Forecast, like: int | None = None
) -> Drawn:
    """Share the labelled images of a project out as ``recipe`` wants it.

    Args:
        forecast: of this moment; it names the classes.
        like: id of a run with this recipe; what is drawn stays where it was there.

    Raises:
        Invalid: what ``plans.draw`` and ``plans.untied`` refuse.
    """
    class_ids = [row.class_id for row in forecast.classes]
    names = [row.name for row in forecast.classes]
    rows = _images(session, project_id, class_ids)
    position = {class_id: index for index, class_id in enumerate(class_ids)}
    labels = np.fromiter((position[row.class_id] for row in rows), np.int64, len(rows))
    together = Grouping(recipe.group_by, recipe.group_pattern, recipe.group_seconds)
    groups = grouping.numbers(session, project_id, rows, together)
    if groups is not None:
        kept = plans.untied(labels, groups, [row.split for row in rows], recipe, names)
        rows, labels, groups = [rows[place] for place in kept.tolist()], labels[kept], groups[kept]
    before = None if like is None else _before(session, like, rows)
    return Drawn(rows, labels, plans.draw(labels, [row.split for row in rows], recipe, names, groups, before), groups)


def _before(session: Session, run_id: int, rows: list[Any]) -> NDArray[np.int64]:
    """Where each image was in a run, as ``kept_places`` has it; an image that tested it had no place."""
    query = sa.select(RunItem.image_id, RunItem.split, RunItem.fold)
    query = query.where(RunItem.run_id == run_id, RunItem.split != Split.TEST)
    held = {Split.VALIDATION: kept_places.HELD, Split.TRAIN: kept_places.LEARNED}
    places = {image: held[Split(split)] if fold is None else fold for image, split, fold in session.execute(query)}
    return np.fromiter((places.get(row.id, kept_places.NEW) for row in rows), np.int64, len(rows))


def _images(session: Session, project_id: int, class_ids: list[int]) -> list[Any]:
    query = sa.select(
        Image.id, Image.canonical_sha256, Image.class_id, Image.label_version, Image.split, Image.name, Image.path
    )
    query = query.where(Image.project_id == project_id, Image.state == ImageState.ACTIVE, Image.class_id.in_(class_ids))
    return list(session.execute(query.order_by(Image.id)))
