import hashlib
import io
from itertools import islice

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.models import Image, ImportBatch, LabelClass, Project
from app.domain import samples
from app.domain.errors import NotFound
from app.services import sample_sets
from tests.imports.pictures import pixels


def test_digits__are_the_real_ones_with_a_stratified_test_part():
    files = dict(samples.files("digits"))
    assert len(files) == 1797
    test = [path for path in files if path.startswith("test/")]
    counts = {digit: sum(f"/{digit}/" in path for path in files) for digit in range(10)}
    assert counts == {0: 178, 1: 182, 2: 177, 3: 183, 4: 181, 5: 182, 6: 181, 7: 179, 8: 174, 9: 180}
    for digit in range(10):
        assert abs(sum(f"/{digit}/" in path for path in test) - counts[digit] / 5) <= 1
    first = pixels(next(data for path, data in files.items() if path.endswith("digit_0000.png")))
    assert first.shape == (64, 64)
    assert first[::8, ::8][0].tolist() == [round(value * 255 / 16) for value in (0, 0, 5, 13, 9, 1, 0, 0)]


def test_cells__are_named_as_drawn_and_the_same_for_a_seed():
    first = dict(islice(samples.files("cells"), 3))
    again = dict(islice(samples.files("cells"), 3))
    other = dict(islice(samples.files("cells", seed=2), 3))
    assert first == again
    assert set(first) == set(other)
    assert all(first[path] != other[path] for path in first)
    assert all("/drawn_" in path for path in first)
    assert "drawn" in samples.SAMPLES["cells"].title.lower()


@pytest.mark.slow
def test_cells__are_a_project_with_splits_and_labels(tools):
    slug = sample_sets.create(tools, "cells", "me")
    with tools.database.read() as session:
        project = session.scalars(sa.select(Project).where(Project.slug == slug)).one()
        query = (
            sa.select(LabelClass.name, Image.split, sa.func.count())
            .join(Image, Image.class_id == LabelClass.id)
            .group_by(LabelClass.name, Image.split)
        )
        counts = {(name, split): count for name, split, count in session.execute(query)}
        batch = session.scalars(sa.select(ImportBatch)).one()
        sizes = {tuple(row) for row in session.execute(sa.select(Image.width, Image.height))}
    assert "not real" in project.description
    assert sorted(counts.values()) == [4, 4, 4, 30, 30, 30]
    assert {split for _, split in counts} == {"train", "test"}
    assert (batch.source, batch.finished, batch.new_count, batch.duplicate_count) == ("sample", True, 102, 0)
    assert sizes == {(100, 100)}


@pytest.mark.slow
def test_cells__overlap_but_can_be_told_apart():
    """Mean colour of the middle: better than chance, far from perfect."""
    train: list[tuple[str, np.ndarray]] = []
    for path, data in samples.files("cells"):
        with Picture.open(io.BytesIO(data)) as image:
            middle = np.asarray(image.resize((10, 10)), float)[2:8, 2:8].mean((0, 1))
        train.append((path.split("/")[1], middle))
    means = {name: np.mean([row for label, row in train if label == name], 0) for name, _ in train}
    spread = np.std([row for _, row in train], 0)
    right = sum(
        min(means, key=lambda name: float(np.square((row - means[name]) / spread).sum())) == label
        for label, row in train
    )
    assert 40 <= right <= 80


def test_unknown__says_which_there_are(tools):
    with pytest.raises(NotFound) as caught:
        sample_sets.create(tools, "cats", "me")
    assert "cells, digits" in str(caught.value)


def test_seed__bytes_do_not_depend_on_what_was_drawn_before():
    wanted = [hashlib.sha256(data).hexdigest() for _, data in islice(samples.files("cells"), 2)]
    np.random.default_rng(0).random(10)
    assert [hashlib.sha256(data).hexdigest() for _, data in islice(samples.files("cells"), 2)] == wanted
