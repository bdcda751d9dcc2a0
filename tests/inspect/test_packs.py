"""Files of arrays with the answers of a run: the same numbers as from the rows, and never older ones."""

import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.db.run_models import AnswerPack, Explanation, Job, Prediction
from app.domain.enums import JobState, PredictionRole
from app.services import (
    answers,
    border_looks,
    class_report,
    fold_answers,
    label_errors,
    maintenance,
    packing,
    packs,
    references,
    relabelled,
    report,
    results,
    review,
    sureness,
)
from app.services.review import Filter, Show, Sort
from app.storage.packed import PackDamaged, Packed, open_packed, pack
from tests.inspect import factory
from worker.packing import Packing
from worker.parts import Parts

ROLES = (PredictionRole.VALIDATION, PredictionRole.TEST)


def without_arrays(value):
    """A value in which arrays are lists, for comparing."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: without_arrays(one) for key, one in value.items()}
    return [without_arrays(one) for one in value] if isinstance(value, list | tuple) else value


def everything(session, kept, store, run):
    """What the pages compute of the answers, one value after the other."""
    classes = len(review.classes(session, run))
    found: dict[str, Any] = {"result": report.result_json(session, run, kept)}
    for role in ROLES:
        said = sureness.look(session, kept, run, role)
        figures = class_report.report(session, kept, run, role)
        found[role] = {
            "said": [said.said.items, said.said.labels, said.said.predicted, said.said.probabilities, said.said.folds],
            "bins": [said.bins, said.after, said.temperature, said.own],
            "classes": [figures.figures, figures.averages, figures.pairs, figures.matrix],
            "looks": border_looks.find(session, store, run, role),
            "listed": [
                review.mistakes(session, run, Filter(role, show=show, sort=sort, true=true, high=high, seed=3), kept)
                for show in Show
                for sort in Sort
                for true in (None, 1)
                for high in (None, 0.6)
            ],
        }
    errors = label_errors.find(session, kept, run)
    found["errors"] = [errors.open, errors.noise, errors.share, errors.suspected]
    together = fold_answers.find(session, kept, run)
    assert together is not None
    found["folds"] = [getattr(together, name) for name in fold_answers.NAMES]
    found["each"] = [one.probabilities for one in fold_answers.each(session, kept, run, classes)]
    return without_arrays(found)


def test_packed__every_number_is_that_of_the_rows(database, store, packed, statements):
    with database.read() as session:
        rows = everything(session, answers.Kept(), store, packed)
        statements.clear()
        arrays = everything(session, answers.Kept(store), store, packed)
    assert arrays == rows
    assert not [one for one in statements if "prediction.probabilities" in one]


@pytest.mark.parametrize("change", ["fewer", "others", "attempt"])
def test_load__rows_that_changed_are_read(database, store, packed, change):
    role = PredictionRole.VALIDATION
    with database.write() as session:
        mine = Prediction.role == role
        if change == "fewer":
            last = sa.select(sa.func.max(Prediction.id)).where(mine).scalar_subquery()
            session.execute(sa.delete(Prediction).where(Prediction.id == last))
        elif change == "others":
            session.execute(sa.update(Prediction).where(mine).values(predicted=2))
        else:
            session.execute(sa.update(Job).where(Job.id == packed.job_id).values(attempt=2))
    with database.read() as session:
        said = answers.load(session, answers.Kept(store), packed, role, 3)
        plain = answers.load(session, answers.Kept(), packed, role, 3)
    assert not said.mapped
    assert (said.predicted == plain.predicted).all()


@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "other", "gone"])
def test_load__a_damaged_file_is_never_believed(database, store, packed, damage, caplog):
    with database.read() as session:
        row = session.get_one(AnswerPack, (packed.id, "validation", packs.ALL))
        path = store.root / row.sha256[:2] / row.sha256
        data = path.read_bytes()
        broken = {"flipped": data[:-70] + bytes([data[-70] ^ 1]) + data[-69:], "short": data[: len(data) // 2],
                  "empty": b"", "other": b"PK" + data, "gone": None}[damage]  # fmt: skip
        path.unlink()
        if broken is not None:
            path.write_bytes(broken)
        said = answers.load(session, answers.Kept(store), packed, PredictionRole.VALIDATION, 3)
        plain = answers.load(session, answers.Kept(), packed, PredictionRole.VALIDATION, 3)
    assert (said.probabilities == plain.probabilities).all()
    assert said.ranking == plain.ranking
    assert not said.mapped
    assert "packed answers" in caplog.text


def test_keep__not_when_the_run_began_again(database, store, kfold):
    with database.read() as session:
        made = packing.make(session, store, kfold)
    with database.write() as session:
        session.execute(sa.update(Job).where(Job.id == kfold.job_id).values(attempt=2, state=JobState.RUNNING))
    with database.write() as session:
        assert not packs.keep(session, kfold, made)
        assert session.scalar(sa.select(sa.func.count()).select_from(AnswerPack)) == 0


def test_clear__a_training_that_begins_again_forgets_the_files(database, store, packed):
    with database.write() as session:
        values = {"state": JobState.RUNNING, "owner": "me", "attempt": 1, "lease_until": 1e12}
        session.execute(sa.update(Job).where(Job.id == packed.job_id).values(**values))
        assert len(list(references.kept(session))) > 8
        results.clear(session, results.Writer(packed.job_id, 1, packed.id))
        assert session.scalar(sa.select(sa.func.count()).select_from(AnswerPack)) == 0


def test_due__newest_first_and_only_what_is_missing(database, store, kfold, holdout):
    with database.write() as session:
        assert packs.due(session, 10) == [holdout.id, kfold.id]
        packs.keep(session, holdout, packing.make(session, store, holdout))
        assert packs.due(session, 10) == [kfold.id]
        session.execute(sa.update(Job).where(Job.id == kfold.job_id).values(state=JobState.FAILED))
        assert packs.due(session, 10) == []


def test_cleaning__files_of_answers_are_needed(database, store, packed):
    with database.read() as session:
        digests = set(session.scalars(sa.select(AnswerPack.sha256)))
        # images, validation, test, the weak groups of both, five models, the models together, the maps
        assert len(digests) == 12
        assert references.still_needed(session, sorted(digests)) == digests
    maintenance.clean(database, store)
    assert all(store.exists(digest) for digest in digests)


def test_borders__a_map_that_came_later_is_read_too(database, store, packed):
    with database.write() as session:
        role = PredictionRole.VALIDATION
        before = border_looks.find(session, store, packed, role)
        told = session.scalars(
            sa.select(Prediction).where(
                Prediction.role == role,
                ~sa.exists().where(Explanation.item_id == Prediction.item_id, Explanation.fold == Prediction.fold),
            )
        ).first()
        assert told is not None
        digest = session.scalar(sa.select(Explanation.sha256).limit(1))
        session.add(Explanation(run_id=packed.id, item_id=told.item_id, fold=told.fold, layer="conv_2", peak=1.0,
                                class_position=told.predicted, sha256=digest))  # fmt: skip
        session.flush()
        assert border_looks.find(session, store, packed, role).maps == before.maps + 1


def test_file__keeps_every_array_and_its_note(store):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "none": np.zeros((0, 4), "<f4"), "b": np.arange(5, dtype="<i4")}
    file = open_packed(store, store.put(pack(arrays, {"temperature": 1.25, "日本": None})))
    assert file.names == ["a", "none", "b"]
    assert file.note == {"temperature": 1.25, "日本": None}
    for name, array in arrays.items():
        assert file.get(name).dtype == array.dtype
        assert file.get(name).tolist() == array.tolist()
        assert not file.get(name).flags.writeable
    with pytest.raises(KeyError):
        file.get("c")


def test_file__types_and_places_of_others_are_refused():
    with pytest.raises(ValueError, match="float16"):
        pack({"a": np.zeros(3, np.float16)})
    good = pack({"a": np.zeros(3)})
    for old, new in ((b'"<f8"', b'"|O8"'), (b"[3]", b"[9]"), (b'"a"', b"'a'"), (b"miwake", b"xxwake")):
        with pytest.raises(PackDamaged):
            Packed(good.replace(old, new)).get("a")


@pytest.fixture
def packer(database, store):
    """The thread of a worker that packs, not started yet; stopped at the end."""
    parts = SimpleNamespace(database=database, store=store, stopping=threading.Event(), unpacked=threading.Event())
    made = Packing(cast("Parts", parts))
    yield made, parts
    parts.stopping.set()
    made.stop()


def wait_for(database, wanted):
    """Until as many runs are packed."""
    for _ in range(2400):
        with database.read() as session:
            if session.scalar(sa.select(sa.func.count(AnswerPack.run_id.distinct()))) == wanted:
                return
        time.sleep(0.05)
    pytest.fail(f"{wanted} runs were not packed in two minutes")


def test_worker__packs_older_runs_at_its_start_and_new_ones_when_told(database, store, kfold, packer):
    thread, parts = packer
    thread.start()
    wait_for(database, 1)
    with database.write() as session:
        factory.run(session, store, factory.known(session), folds=0)
    parts.unpacked.set()
    wait_for(database, 2)


def test_worker__a_run_without_anything_to_pack_is_tried_once(database, store, kfold, holdout, packer, monkeypatch):
    make = packing.make

    def nothing_of_the_newest(session, store, run):
        return [] if run.id == holdout.id else make(session, store, run)

    monkeypatch.setattr(packing, "make", nothing_of_the_newest)
    thread, _ = packer
    thread.start()
    wait_for(database, 1)


def test_kept__holds_so_many_files_at_most(monkeypatch):
    monkeypatch.setattr(answers, "KEPT_MOST", 3)
    kept = answers.Kept()
    for key in range(5):
        kept.get(key, lambda: SimpleNamespace(size=0))
    again = SimpleNamespace(size=0)
    assert [kept.get(key, lambda: again) is again for key in (2, 3, 4, 0)] == [False, False, False, True]


def test_worker__a_run_that_cannot_be_packed_stops_nobody(database, store, kfold, holdout, packer, caplog):
    with database.write() as session:
        session.execute(sa.update(Prediction).where(Prediction.run_id == holdout.id).values(probabilities=b"odd"))
    thread, _ = packer
    thread.start()
    wait_for(database, 1)
    with database.read() as session:
        assert packs.due(session, 10) == [holdout.id]
    assert "were not packed" in caplog.text


def test_changed_labels__only_blocks_that_changed_are_counted_again(client, database, store, packed, statements):
    path = "/p/blood/runs/1/review?on=validation"
    with database.write() as session:
        images = list(session.scalars(sa.select(Image).order_by(Image.id).limit(2)))
        other = images[1].class_id
        assert images[0].class_id != other
        assert relabelled.count(session, packed, store) == relabelled.count(session, packed) == 0
        images[0].class_id = other
        images[0].label_version += 1
    assert 'data-count="1"' in client.get(path).text
    with database.write() as session:
        assert packs.keep(session, packed, packing.make(session, store, packed))
    assert 'data-count="1"' in client.get(path).text
    with database.read() as session:
        statements.clear()
        assert relabelled.count(session, packed, store) == 1
        assert not any("run_item" in one for one in statements), "nothing changed since, so no image is looked at"
