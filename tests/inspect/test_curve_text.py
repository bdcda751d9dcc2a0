"""The verdict on the curves as the run page words it, and where a second stage begins."""

from dataclasses import replace

import pytest

from app.domain.curve_words import blind
from app.domain.recipe import Recipe
from app.services.progress import EpochRow
from app.web import charts, curve_text, i18n

EVEN = blind([50, 50, 50], 50)


def row(fold, epoch, loss, val_loss, rate=0.001):
    return EpochRow(fold * 100 + epoch, fold, epoch, loss, 0.5, val_loss, 0.5, rate, 1.0)


def falling(folds, epochs=20, turn=10):
    return [
        row(fold, epoch, 1 / epoch, 0.5 + 0.05 * abs(epoch - turn))
        for fold in range(folds)
        for epoch in range(1, epochs + 1)
    ]


def test_judged__sentence_rule_and_models():
    found = curve_text.judged(falling(3), EVEN, i18n.translations("en"))
    assert found.sentence.startswith("Over-fits from epoch 11:")
    assert found.sentence.endswith("(3 of 3 models)")
    assert "5 % and 3 times its noise" in found.rule
    assert found.tone == "warning"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_judged__every_verdict_has_its_words(language):
    t = i18n.translations(language)
    assert set(curve_text.SENTENCES) == set(curve_text.RULES)
    for texts in (curve_text.SENTENCES, curve_text.ADVICE, curve_text.RULES):
        for text in texts.values():
            assert "%%" not in t.gettext(text) % {"epoch": 3}
    assert curve_text.judged([], EVEN, t).tone == ""


def test_stage_starts__are_where_the_rate_becomes_that_of_the_second_stage():
    recipe = replace(Recipe(), architecture="efficientnet-lite0", unfrozen_blocks=2, fine_rate=1e-5)
    rows = [row(fold, epoch, 1.0, 1.0, 1e-3 if epoch < 5 + fold else 1e-5) for fold in (0, 1) for epoch in range(1, 9)]
    assert curve_text.stage_starts(rows, recipe) == [5, 6]
    assert curve_text.stage_starts(rows, Recipe()) == []
    assert len(charts.curves(rows, "loss", {}, [5, 6]).stages) == 2


def test_run_page__shows_verdict_and_tools(client, kfold):
    text = client.get("/p/blood/runs/1").text
    assert 'id="curve-verdict"' in text
    assert "How this is judged" in text
    assert 'id="curve-tools" hidden' in text
