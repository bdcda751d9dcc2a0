"""The finders by themselves: pictures in, findings out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.Image import Transpose

from app.domain import leaks, near, oddities, shortcuts
from app.domain.picture_facts import measure
from app.services import health_check, health_facts
from benchmarks import planted as real
from tests.health.pictures import photo, saved


def sketches(pictures) -> np.ndarray:
    return np.stack([np.frombuffer(measure(saved(one)).sketch, dtype=np.uint8).reshape(32, 32) for one in pictures])


def test_near__finds_copies_and_nothing_else():
    base = [photo(number) for number in range(60)]
    copies = [
        base[3].resize((50, 70)),
        base[4].crop((3, 0, 72, 68)),
        base[5].point([min(round(value * 1.2), 255) for value in range(256)] * 3),
    ]
    found = near.find(sketches([*base, *copies]))
    assert [tuple(pair) for pair in found.pairs.tolist()] == [(3, 60), (4, 61), (5, 62)]
    assert found.likeness.min() >= near.LIKE


def test_near__finds_turned_ones_only_when_asked():
    base = [photo(number) for number in range(30)]
    turned = [base[7].transpose(Transpose.FLIP_LEFT_RIGHT), base[8].rotate(90)]
    seen = sketches([*base, *turned])
    assert len(near.find(seen).pairs) == 0
    assert near.find(seen, turned=True).pairs.tolist() == [[7, 30], [8, 31]]


@pytest.mark.parametrize("count", [0, 1])
def test_near__of_nothing_is_nothing(count):
    assert len(near.find(np.zeros((count, 32, 32), dtype=np.uint8)).pairs) == 0


def test_near__many_equal_frames_are_one_group_and_each_meets_a_few_others():
    many = np.concatenate([sketches([photo(number) for number in range(40)]), np.repeat(sketches([photo(99)]), 300, 0)])
    found = near.find(many)
    assert found.pairs.min() >= 40
    assert len(found.pairs) <= 2 * near.PROVEN * 300
    (group,) = leaks.groups(len(many), dict.fromkeys(map(tuple, found.pairs.tolist()), 1.0))
    assert sorted(group) == list(range(40, 340))


def test_near__plain_pictures_are_no_copies_of_each_other():
    assert len(near.find(np.full((50, 32, 32), 120, dtype=np.uint8)).pairs) == 0


def test_facts__equal_pixels_have_one_hash_whatever_the_file():
    assert measure(saved(photo(1))).pixels_sha256 == measure(saved(photo(1)) + b"trailing").pixels_sha256
    assert measure(saved(photo(1))).pixels_sha256 != measure(saved(photo(1), 95)).pixels_sha256


def test_facts__a_blurred_picture_is_less_sharp_at_any_size():
    sharp, soft = photo(3, 200), photo(3, 200).resize((12, 12)).resize((200, 200), 2)
    assert measure(saved(soft)).sharpness < 0.5 * measure(saved(sharp)).sharpness


@given(st.integers(1, 100_000), st.floats(0.02, 1))
def test_detectable__is_the_difference_of_the_rule(count, discordant):
    delta = leaks.detectable(count, discordant)
    if delta is None:
        return
    assert 0 < delta <= discordant
    right = (1.96 * discordant**0.5 + 0.8416 * max(discordant - delta**2, 0) ** 0.5) / count**0.5
    assert delta == pytest.approx(right, rel=0.01)


def test_detectable__130_images_show_eight_points_and_ten_show_none():
    assert leaks.detectable(130, 0.1) == pytest.approx(0.077, abs=0.001)
    assert leaks.detectable(10, 0.1) is None


def test_oddities__slides_that_are_all_dark_are_no_finding():
    rng = np.random.default_rng(0)
    facts = {
        "brightness": rng.normal(0.12, 0.02, 200),
        "contrast": np.full(200, 0.1),
        "sharpness": rng.normal(0.5, 0.05, 200),
        "entropy": np.full(200, 6.0),
        "width": np.full(200, 100.0),
        "height": np.full(200, 100.0),
    }
    assert {name: int((values > 0).sum()) for name, values in oddities.flagged(facts).items()} == dict.fromkeys(
        ("dark", "bright", "blurred", "plain", "odd_size"), 0
    )
    facts["brightness"][7] = 0.005
    facts["sharpness"][8] = 0.02
    facts["width"][9] = 900.0
    found = oddities.flagged(facts)
    assert [np.flatnonzero(found[name]).tolist() for name in ("dark", "blurred", "odd_size")] == [[7], [8], [9]]


def test_shortcut__a_property_that_nine_of_ten_share_is_named_and_chance_is_not():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    told = np.where(rng.uniform(size=400) < 0.9, labels, 1 - labels)
    found = shortcuts.judge("format", told, labels)
    assert found is not None
    assert found.alarming
    assert found.low < 0.9 < found.high
    chance = shortcuts.judge("format", rng.integers(0, 2, 400), labels)
    assert chance is not None
    assert not chance.alarming


def test_shortcut__files_called_after_their_class_are_none():
    bins, labels = np.repeat([0, 1], 50), np.repeat([0, 1], 50)
    assert shortcuts.names_the_class(bins, labels, ["a", "b"], ["猫", "犬"])
    labels[:4] = 1
    assert shortcuts.names_the_class(bins, labels, ["cat", "dog"], ["Cats", "Dogs"])
    assert not shortcuts.names_the_class(bins, labels, ["zeiss", "leica"], ["Cats", "Dogs"])


@pytest.mark.real
def test_two_microscopes__are_found_in_the_mixed_blood_cells(database, shared_data):
    ones = real.read(shared_data / "wbc_mixed")
    for one in ones:
        one.facts = measure(one.data)
    with database.write() as session:
        project, _by_id = real.project_of(session, "wbc_mixed", ones)
        found, results = health_check.examine(health_facts.table(session, project.id))
    named = {one.signature for one in found if one.kind == "shortcut"}
    assert "prefix" in named  # bccd_ and tecom_, unevenly over the classes
    row = next(row for row in results["properties"] if row["name"] == "prefix")
    assert {value["label"] for value in row["values"]} == {"bccd", "tecom"}
    assert row["low"] > row["chance"]
