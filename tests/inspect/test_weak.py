"""Weak groups: the test against scipy and statsmodels, planted ones found, chance left alone, page and bad input."""

import re
from datetime import UTC, datetime
from html import unescape
from importlib import import_module

import numpy as np
import pytest
import sqlalchemy as sa
from scipy import stats

from app.db.feature_models import ProjectArray
from app.db.health_models import HealthCheck, ImageFact
from app.db.models import Image
from app.db.run_models import Prediction, RunItem
from app.domain import weak
from app.domain.enums import PredictionRole
from app.domain.picture_facts import METHOD
from app.services import answers, features, packing, packs, weak_groups
from app.storage.arrays import Arrays
from app.web import weak_page
from tests.inspect import factory

PAGE = "/p/blood/runs/1/weak"


@pytest.mark.parametrize("seed", range(30))
def test_fisher__is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.integers(0, (60, 9, 400)[seed % 3], 4).tolist()
    found = weak.fisher(a, a + b, a + c, a + b + c + d)
    assert found == pytest.approx(stats.fisher_exact([[a, b], [c, d]]).pvalue, abs=1e-9)


@pytest.mark.slow
def test_find__adjusts_over_all_groups_as_statsmodels_does():
    multipletests = import_module("statsmodels.stats.multitest").multipletests  # takes seconds
    rng = np.random.default_rng(1)
    right = rng.random(500) < 0.8
    dark = rng.random(500)
    right[dark < 0.2] &= rng.random(int((dark < 0.2).sum())) < 0.5
    properties = {"brightness": weak.by_number("brightness", dark),
                  "folder": weak.by_value("folder", rng.choice(["a", "b", "", "c"], 500).tolist())}  # fmt: skip
    groups = weak.find(right, properties)
    assert [one.slice.name for one in groups if one.weak] == ["brightness"]
    assert groups[0].slice.part == 0
    plain = []
    for one in groups:
        inside = properties[one.slice.name][1] == one.slice.part
        assert (one.count, one.correct) == (int(inside.sum()), int(right[inside].sum()))
        assert one.rest == pytest.approx(right[~inside].mean())
        table = [[(inside & right).sum(), (inside & ~right).sum()], [(~inside & right).sum(), (~inside & ~right).sum()]]
        plain.append(stats.fisher_exact(table).pvalue)
    assert [one.p for one in groups] == pytest.approx(multipletests(plain, method="holm")[1], rel=1e-6)


def test_find__chance_alone_gives_hardly_any():
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        properties = {str(at): weak.by_number(str(at), rng.random(300)) for at in range(10)}
        found += any(one.weak for one in weak.find(rng.random(300) < 0.8, properties))
    assert found <= 8  # of 100; without the adjustment it would be more than 90


def test_parts__ties_stay_together_and_what_is_unknown_is_left_out():
    slices, part = weak.by_number("size", np.array([1.0] * 50 + [2.0] * 50 + [np.nan] * 5))
    assert [(one.low, one.high) for one in slices] == [(1.0, 1.0), (1.0, 2.0)]
    assert part.tolist() == [0] * 50 + [1] * 50 + [-1] * 5
    slices, part = weak.by_number("size", np.ones(40))
    assert slices == []
    assert part.tolist() == [-1] * 40
    slices, part = weak.by_value("folder", ["b", "a", "b", "", "c"])
    assert [one.value for one in slices] == ["b", "a", "c"]
    assert part.tolist() == [0, 1, 0, -1, 2]
    assert weak.by_value("folder", ["a", "a", ""])[0] == []
    many = [str(number % 100) for number in range(1000)]
    assert len(weak.by_value("folder", many)[0]) == weak.MOST_VALUES


@pytest.mark.parametrize(
    ("low", "high", "digits", "shown"),
    [(0.171, 0.1736, 2, ("0.171", "0.174")), (0.17, 0.48, 2, ("0.17", "0.48")), (64, 64, 0, ("64", "64"))],
)
def test_limits__that_lie_close_together_can_be_told_apart(low, high, digits, shown):
    assert weak_page.limits(low, high, digits, "en") == shown


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.fixture
def dark(client, database, store):
    """A finished run of sixty pictures; the twenty dark ones, of one folder, are nearly all told wrongly."""
    with database.write() as session:
        made = factory.project(session, store, train=20, test=0)
        run = factory.run(session, store, made, folds=3, share_right=0.97)
        for place, item in enumerate(session.scalars(sa.select(RunItem).order_by(RunItem.id)).all()):
            is_dark = place % 3 == 0
            session.add(
                ImageFact(image_id=item.image_id, method=METHOD, pixels_sha256="a" * 64, sketch=b"", contrast=0.2,
                          brightness=0.1 + place / 1000 if is_dark else 0.6 + place / 1000, sharpness=1.0, entropy=5.0,
                          colourfulness=0.3, border_brightness=0.5, border_contrast=0.1)
            )  # fmt: skip
            folder = f"暗い/{place % 2}" if is_dark else f"batch {place % 2}/0"
            session.execute(sa.update(Image).where(Image.id == item.image_id).values(path=f"{folder}/{place}.png"))
            if is_dark:
                wrong = sa.update(Prediction).where(Prediction.item_id == item.id)
                session.execute(wrong.values(predicted=(item.label + 1) % 3))
        return run


def test_page__lists_what_is_weak_and_opens_its_pictures(client, dark):
    page = client.get(PAGE)
    text = words(page)
    assert re.search(r"In \d+ of \d+ groups the run is provably right less often", text)
    assert "Folder one level up 暗い 20" in text, "the source, whose own folders are not all of it"
    assert "Brightness 0.1" in text
    key = re.search(r"group=(above-\d+)#shown\"[^>]*><bdi>暗い", page.text)
    assert key is not None
    group = client.get(f"{PAGE}?on=validation&group={key[1]}")
    assert group.text.count('class="tile wrong"') == 20
    links = re.findall(r'href="(/p/blood/runs/1/review[^"]+)"', group.text)
    assert client.get(unescape(links[-1]).partition("#")[0]).status_code == 200
    assert "弱いグループ" in words(client.get(f"{PAGE}?lang=ja"))


@pytest.mark.parametrize("query", ["on=x", "group=folder-99", "group=x", "group=class-1&page=9999", "page=-1"])
def test_page__any_query(client, dark, query):
    assert client.get(f"{PAGE}?{query}").status_code == 200


def test_page__too_few_pictures_say_so(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=3, test=1)
        factory.run(session, store, made, folds=0)
    assert "There are too few images" in words(client.get(PAGE))


def test_page__nothing_weak_and_what_is_not_known_yet(client, kfold):
    text = words(client.get(PAGE))
    assert "none is provably worse" in text or "There are too few images" in text
    assert "are known once the health page has checked the pictures" in text
    assert "once the offline network has looked at the pictures" in text


def test_groups__of_other_properties_or_features_of_as_many_pictures_are_found_anew(client, dark, database, store):
    with database.write() as session:
        session.add(
            HealthCheck(project_id=dark.project_id, image_count=60, checked_at=datetime(2026, 11, 21, tzinfo=UTC))
        )
        run = factory.known_run(session, 1)
        assert packs.keep(session, run, packing.make(session, store, run))
    assert "Brightness 0.1" in words(client.get(PAGE)), "from the file"
    with database.write() as session:
        session.execute(sa.update(ImageFact).values(brightness=ImageFact.contrast + 0.01 * (ImageFact.image_id % 7)))
        session.get_one(HealthCheck, dark.project_id).checked_at = datetime(2026, 11, 22, tzinfo=UTC)
    text = words(client.get(PAGE))
    assert "Brightness 0.1" not in text
    assert "Brightness 0.2" in text
    with database.read() as session:
        run = factory.known_run(session, 1)
        before = weak_groups.basis(session, run, PredictionRole.VALIDATION)
    with database.write() as session:
        session.add(ProjectArray(project_id=run.project_id, kind=features.SPACE, sha256="a" * 64, count=60, info={}))
    with database.read() as session:
        assert weak_groups.basis(session, run, PredictionRole.VALIDATION) != before


def test_groups__of_the_file_are_those_that_were_computed(client, dark, database, store):
    pages = [PAGE, f"{PAGE}?on=validation&group=folder-1", f"{PAGE}?on=validation&group=class-2"]
    plain = [words(client.get(page)) for page in pages]
    with database.write() as session:
        run = factory.known_run(session, 1)
        assert packs.keep(session, run, packing.make(session, store, run))
        kept = answers.Kept(store)
        found = weak_groups.find(session, kept, Arrays(store), run, PredictionRole.VALIDATION)
        made = weak_groups.find(session, answers.Kept(), Arrays(store), run, PredictionRole.VALIDATION)
        assert found.groups == made.groups
        for name, (slices, part) in made.properties.items():
            assert found.properties[name][0] == slices
            np.testing.assert_array_equal(found.properties[name][1], part)
    assert [words(client.get(page)) for page in pages] == plain
