"""The verdict in words, on the counts of the posts."""

import numpy as np
import pytest

from app.domain.stats import paired
from app.domain.stats.paired import Flips
from app.services.answers import Answers
from app.services.compare import Pairing, Score, SharedClass, Side
from app.web import compare_words, i18n

ENGLISH, JAPANESE = i18n.translations("en"), i18n.translations("ja")
NONE = np.zeros(0, np.int64)


class Numbered:
    """All that a sentence asks of a run."""

    def __init__(self, number):
        self.number = number


def pairing(table, classes):
    """``table``: (class, answer of the first, answer of the second) -> number of pictures."""
    rows = np.repeat(np.array(list(table)), list(table.values()), axis=0)
    truth, first, second = rows.T
    said = Answers(NONE, NONE, NONE, NONE, NONE.astype(np.int32), np.zeros((0, classes), np.float32))
    sides = [
        Side(Numbered(number), said, Score(0, 0), Score(0, 0), Score(0, 0), 0, NONE, NONE, NONE)  # type: ignore[arg-type]
        for number in (1, 2)
    ]
    whole = paired.flips(truth, first, second)
    return Pairing(sides[0], sides[1], whole, paired.by_class(truth, first, second, classes), None, whole, whole)


def told(found, names, language="en"):
    classes = [SharedClass(place, name, "#000000", ()) for place, name in enumerate(names)]
    return compare_words.verdict(found, found.flips.p, classes, i18n.translations(language), language)


def test_post_002__no_proven_difference_and_what_360_pictures_can_show():
    flips = Flips(gained=29, lost=31, wrong=16, right=284)  # 315 and 313 of 360
    said = compare_words.headline(flips, flips.finding(), (1, 2), ENGLISH, "en")
    assert said == "No proven difference; these pictures can show 6.0 points."
    said = compare_words.headline(flips, flips.finding(), (1, 2), JAPANESE, "ja")
    assert said == "差は証明されていません。これらの画像で見分けられる差は 6.0 ポイントからです。"


def test_post_004__not_overall_but_for_each_class_and_cat_is_only_said_more_often():
    """Cats 109 to 28, dogs 49 to 150 wrong of 500 each; as few pictures as possible changed side."""
    cat, dog = 0, 1
    found = pairing(
        {
            (cat, cat, cat): 391, (cat, dog, cat): 81, (cat, dog, dog): 28,
            (dog, dog, dog): 350, (dog, dog, cat): 101, (dog, cat, cat): 49,
        },
        2,
    )  # fmt: skip
    said = told(found, ["cat", "dog"])
    assert said.headline == "No proven difference; these pictures can show 3.8 points."
    assert said.counts == (
        "Of 1,000 common pictures run 1 has 842 right, run 2 has 822; 81 became right and 101 became wrong."
    )
    assert said.classes == "Proven better: cat. Proven worse: dog."
    assert said.leaning.startswith("Run 2 says “cat” 622 times instead of 440; truly there are 500.")
    assert said.tone == ""
    assert (
        told(found, ["猫", "犬"], "ja").classes
        == "良くなったと証明されたクラス: 猫。 悪くなったと証明されたクラス: 犬。"
    )


@pytest.mark.parametrize(
    ("flips", "sentence"),
    [
        (Flips(0, 0, 0, 0), "The runs have no picture in common, so nothing can be said."),
        (Flips(0, 0, 0, 1), "No proven difference; these pictures are too few to show any."),
        (
            Flips(0, 0, 100, 900),
            "No difference: both runs are right on the same pictures. These pictures can show 2.8 points.",
        ),
        (Flips(67, 0, 91, 842), "Run 2 is better than run 1: 6.7 points."),
        (Flips(0, 67, 91, 842), "Run 2 is worse than run 1: 6.7 points."),
    ],
)  # fmt: skip
def test_headline__every_finding(flips, sentence):
    assert compare_words.headline(flips, flips.finding(), (1, 2), ENGLISH, "en") == sentence


def test_names__many_classes_are_counted():
    found = pairing({(place, (place + 1) % 9, place): 20 for place in range(9)}, 9)
    said = told(found, [f"class {place}" for place in range(9)]).classes
    assert said == "Proven better: class 0, class 1, class 2, class 3, class 4, class 5 and 3 more."


def test_probability__small_values_are_not_zero():
    assert compare_words.probability(1e-12, "en") == "< 0.001"
    assert compare_words.probability(0.0391, "ja") == "0.039"
