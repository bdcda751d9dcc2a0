"""The features of a whole project, small enough to be held in memory; made by a worker, read by the pages."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.feature_models import ProjectArray
from app.db.session import after_commit
from app.domain import space
from app.domain.errors import NotFound
from app.domain.space import Floats, Places
from app.services import features
from app.storage import Store
from app.storage.arrays import Array, Arrays, Named, pack

_STEP = 4096  # images whose features are read at once


@dataclass(frozen=True)
class Space:
    """All images with features, in the order of their ids.

    Attributes:
        ids: of the images, (n,).
        few, rest, directions, mean: see ``app.domain.space``.
        blocks: hashes of the arrays of features.
        block, row: for each image the place of its block in ``blocks``, and its row there; (n,).
    """

    ids: Places
    few: Floats
    rest: Floats
    directions: Floats
    mean: Floats
    blocks: Sequence[str]
    block: NDArray[np.int32]
    row: NDArray[np.int32]

    def places(self, image_ids: Sequence[int]) -> Places:
        """Where these images are; those without features are left out."""
        wanted = np.unique(np.asarray(image_ids, dtype=np.int64))
        return np.flatnonzero(np.isin(self.ids, wanted, assume_unique=True))

    def full(self, arrays: Arrays, places: Places) -> Floats:
        """The features at some places without the mean, of length 1: (m, 1280)."""
        raw = self.raw(arrays, places)
        there: NDArray[np.bool_] = (raw != 0).any(axis=1, keepdims=True)
        return space.unit(np.where(there, raw - self.mean, 0))

    def raw(self, arrays: Arrays, places: Places) -> Floats:
        """The features at some places as they were computed: (m, 1280).

        Zeros where a cleaning has removed them because the image is gone; the next space does not have it any more.
        """
        found = np.zeros((len(places), space.FEATURES), dtype=np.float32)
        for number in np.unique(self.block[places]):
            here = self.block[places] == number
            with contextlib.suppress(NotFound):
                found[here] = arrays.one(self.blocks[number])[self.row[places[here]]]
        return found


def build(rows: Sequence[tuple[int, str, int]], arrays: Arrays) -> dict[str, Array]:
    """The arrays of a space from ``features.places``. Pictures that could not be read, all zeros, are left out."""
    blocks = sorted({digest for _, digest, _ in rows})
    number = {digest: place for place, digest in enumerate(blocks)}
    ids = np.array([image_id for image_id, _, _ in rows], dtype=np.int64)
    block = np.array([number[digest] for _, digest, _ in rows], dtype=np.int32)
    row = np.array([row for _, _, row in rows], dtype=np.int32)
    none = np.empty(0, dtype=np.float32)
    bare = Space(ids, none, none, none, none, blocks, block, row)
    sample = bare.raw(arrays, np.sort(np.random.default_rng(0).permutation(len(ids))[: space.SAMPLE]))
    mean = space.centre(sample[sample.any(axis=1)]) if sample.any() else np.zeros(space.FEATURES, dtype=np.float32)
    directions = space.basis(space.unit(sample - mean))
    few = np.empty((len(ids), directions.shape[1]), dtype=np.float32)
    rest = np.empty(len(ids), dtype=np.float32)
    kept = np.zeros(len(ids), dtype=bool)
    for start in range(0, len(ids), _STEP):
        part = slice(start, start + _STEP)
        raw = bare.raw(arrays, np.arange(len(ids))[part])
        kept[part] = raw.any(axis=1)
        few[part], rest[part] = space.reduce(space.unit(raw - mean), directions)
    return {
        "ids": ids[kept], "few": few[kept], "rest": rest[kept], "directions": directions, "mean": mean,
        "blocks": np.array(blocks, dtype="S64"), "block": block[kept], "row": row[kept],
    }  # fmt: skip


def load(session: Session, arrays: Arrays, project_id: int) -> Space | None:
    """The newest space of a project; None when there is none yet."""
    found = named(session, arrays, project_id, features.SPACE)
    return read(found) if found is not None else None


def read(found: Named) -> Space:
    """A space from its arrays."""
    blocks = [name.decode("ascii") for name in found["blocks"].tolist()]
    return Space(
        found["ids"],
        found["few"],
        found["rest"],
        found["directions"],
        found["mean"],
        blocks,
        found["block"],
        found["row"],
    )


def named(session: Session, arrays: Arrays, project_id: int, kind: str) -> Named | None:
    """The newest arrays of one kind; None when there are none yet."""
    row = session.get(ProjectArray, (project_id, kind))
    return of_row(arrays, row)


def of_row(arrays: Arrays, row: ProjectArray | None) -> Named | None:
    """The arrays that a row names; None when there are none, or newer ones have just taken their place."""
    if row is None or not row.sha256:
        return None
    try:
        return arrays.named(row.sha256)
    except NotFound:
        return None


def keep(
    session: Session, store: Store, project_id: int, kind: str, *, sha256: str, count: int, info: Mapping[str, object]
) -> None:
    """Put a newer array in the place of the one before, whose file goes after the commit."""
    row = features.row_of(session, project_id, kind)
    before = row.sha256
    row.sha256, row.count, row.info, row.made_at = sha256, count, dict(info), utc_now()
    if before and before != sha256:
        after_commit(session, lambda: store.delete(before))


def packed(found: dict[str, Array], project_id: int) -> bytes:
    """The bytes of arrays that belong to one project: equal ones of another project are another file."""
    return pack(**found, project=np.array([project_id], dtype=np.int64))
