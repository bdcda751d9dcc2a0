"""Processes that work in turns for a benchmark, and what is made of their times."""

import sys

import pytest

from benchmarks import page, peers, players, raced
from benchmarks.players import Turn

CHILD = "from benchmarks.turns import Clock; print('a line of a library'); Clock().work(lambda: {value})"


def test_turns__work_one_after_the_other_and_say_what_they_took():
    with (
        players.player([sys.executable, "-c", CHILD.format(value="2.0")]) as first,
        players.player([sys.executable, "-c", CHILD.format(value="sum(range(200_000)) / 0.5")]) as second,
    ):
        found = players.rounds({"first": first, "second": second}, 2)
    assert [turn.value for turn in found["first"]] == [2.0, 2.0]
    assert all(turn.seconds > 0 and turn.cpu > 0 for turn in found["second"])


def test_turns__a_process_that_fails_is_shown_with_its_last_words():
    with (
        players.player([sys.executable, "-c", CHILD.format(value="1 / 0")]) as broken,
        pytest.raises(RuntimeError, match="ZeroDivisionError"),
    ):
        broken.turn()


def test_operations__are_those_of_the_networks_of_the_posts():
    millions = {name: round(peers.operations(name) / 1e6, 1) for name, race in peers.RACES.items() if race.share}
    assert millions == {"wbc": 218.9, "penguins": 954.8, "cifar": 122.7, "deepconv": 389.5}


def test_against_post__takes_middle_and_best_epochs():
    turns = {
        "ours": [Turn(1.0, 1.5, 0.0), Turn(2.0, 3.0, 0.0), Turn(2.0, 3.0, 0.0)],
        "post": [Turn(8.0, 9.0, 0.0), Turn(14.0, 9.0, 0.0), Turn(20.0, 9.0, 0.0)],
    }
    values = {record.name.rsplit(": ", 1)[-1]: record for record in peers.against_post("wbc", turns)}
    assert (values["middle epoch"].value, values["middle epoch"].met) == (7.0, True)
    assert (values["best epoch"].value, values["best epoch"].met) == (8.0, True)
    assert values["processor time"].value == 3.0
    assert peers.share("wbc", 480, {"train": turns["ours"]}, 1e12).value == 5.3


def test_recipe_of__changes_the_pictures_where_the_name_says_so():
    assert not raced.recipe_of("deepconv").augmentation.active
    assert raced.recipe_of("deepconv-changed").augmentation == raced.TUTORIAL
    assert raced.title_of("deepconv-changed") == "post 004, deepconv, pictures changed"


def test_against_torch__says_loudly_that_it_is_not_there():
    record = peers.against_torch("wbc", 480, {"train": [Turn(1.0, 1.0, 0.0)]})
    assert record.value is None
    assert "NOT MEASURED" in record.note
    row = page.table([vars(record) | {"machine": ""}])
    assert "NOT MEASURED" in row
    assert "None" not in row
