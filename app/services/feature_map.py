"""The pictures of a project on a plane, and groups of like ones: what the page of the map shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.feature_models import ProjectArray
from app.db.run_models import Job
from app.domain import clusters, layout
from app.domain.enums import FINAL_STATES, JobKind, Lane
from app.services import feature_space, features, jobs
from app.services.feature_space import Space
from app.storage.arrays import Array, Arrays

SIDE = 65535  # places are whole numbers from 0 to this in both directions
GROUPS, MEMBERS = 24, 20  # at most so many groups, of so many images at least in the mean


@dataclass(frozen=True)
class Plane:
    """Places of images, (n, 2) uint16, and the group of each, (n,). ``final``: laid out, not only the first view."""

    ids: NDArray[np.int64]
    places: NDArray[np.uint16]
    groups: NDArray[np.int64]
    final: bool
    newer: bool  # there are features that the layout does not know yet


def compute(space: Space, go_on: Callable[[int, int], bool]) -> dict[str, Array] | None:
    """Lay a space out; None when ``go_on(done, total)`` said no."""
    return arranged(space.ids, space.few, go_on)


def arranged(
    ids: NDArray[np.int64], few: NDArray[np.float32], go_on: Callable[[int, int], bool]
) -> dict[str, Array] | None:
    """The same of images (n,) with some numbers each (n, few)."""
    plane = layout.lay_out(few, go_on)
    if plane is None:
        return None
    return {"ids": ids, "places": _whole(plane), "groups": _groups(few)}


def _groups(few: NDArray[np.float32]) -> NDArray[np.int64]:
    """Groups of like images, the largest first."""
    owner, _centres = clusters.group(
        np.ascontiguousarray(few[:, : layout.WIDTH]), min(GROUPS, max(2, len(few) // MEMBERS))
    )
    order = np.argsort(-np.bincount(owner), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[owner]


def _whole(plane: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The same places as whole numbers, with one scale for both directions."""
    if not len(plane):
        return np.zeros((0, 2), dtype=np.uint16)
    low, high = plane.min(axis=0), plane.max(axis=0)
    extent = max(float((high - low).max()), 1e-6)
    centred = (plane - (low + high) / 2) / extent + 0.5
    whole: NDArray[np.uint16] = np.rint(np.clip(centred, 0, 1) * SIDE).astype(np.uint16)
    return whole


def load(session: Session, arrays: Arrays, project_id: int) -> Plane | None:
    """The newest layout; before there is one, the two leading directions of the features. None without features."""
    space_row = session.get(ProjectArray, (project_id, features.SPACE))
    row = session.get(ProjectArray, (project_id, features.MAP))
    found = feature_space.of_row(arrays, row)
    if row is not None and found is not None:
        newer = space_row is not None and space_row.sha256 != row.info.get("space")
        return Plane(found["ids"], found["places"], found["groups"], final=True, newer=newer)
    space = feature_space.load(session, arrays, project_id)
    if space is None:
        return None
    places = _whole(layout.first_view(space.few))
    return Plane(space.ids, places, np.zeros(len(space.ids), dtype=np.int64), final=False, newer=True)


def request(session: Session, project_id: int) -> Job:
    """Have a worker lay the project out; a job that waits or runs is enough."""
    row = features.row_of(session, project_id, features.MAP)
    job = session.get(Job, row.job_id) if row.job_id is not None else None
    if job is not None and job.state not in FINAL_STATES:
        return job
    spec = {"project_id": project_id}
    made = jobs.create(
        session, project_id=project_id, kind=JobKind.MAP, lane=Lane.CPU, spec=spec, priority=features.PRIORITY
    )
    row.job_id = made.id
    return made


def inside(plane: Plane, corners: Sequence[tuple[int, int]]) -> list[int]:
    """The ids of the images inside a polygon, by counting how often a ray crosses its sides."""
    x, y = plane.places[:, 0].astype(np.float64), plane.places[:, 1].astype(np.float64)
    within = np.zeros(len(x), dtype=bool)
    # What reaches the edge of the plane holds the images that lie on the edge.
    wide = {0: -1, SIDE: SIDE + 1}
    corners = [(wide.get(across, across), wide.get(down, down)) for across, down in corners]
    for (left, top), (right, bottom) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if top == bottom:
            continue
        crossed = (y < top) != (y < bottom)
        within ^= crossed & (x < (right - left) * (y - top) / (bottom - top) + left)
    return [int(one) for one in plane.ids[within]]
