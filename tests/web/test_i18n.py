"""Languages, dates and numbers."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from babel.numbers import format_decimal, format_percent

from app.web import i18n


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("de-DE,de;q=0.9,ja;q=0.5,en;q=0.3", "ja"),
        ("de", "en"),
        ("", "en"),
        ("ja;q=0", "en"),
        ("ja;q=x, en;q=0.1", "en"),
        ("JA", "ja"),
        (";;;,=,q=1", "en"),
    ],
)
def test_accepted__best_of_our_languages(header, language):
    assert i18n.accepted(header) == language


def shown(client, address="/", **headers):
    page = client.get(address, headers=headers)
    return page.text.split('<html lang="')[1].split('"')[0]


def test_choose__address_before_cookie_before_browser(client):
    assert shown(client) == "en"
    assert shown(client, **{"Accept-Language": "ja"}) == "ja"
    assert shown(client, "/?lang=ja") == "ja"
    assert shown(client) == "ja"  # the cookie that the address has set
    assert shown(client, **{"Accept-Language": "en"}) == "ja"
    assert shown(client, "/?lang=en") == "en"
    assert shown(client, "/?lang=xx") == "en"
    assert shown(client, "/?lang=../../etc") == "en"


def test_switch__keeps_the_rest_of_the_address(client, project):
    page = client.get(f"/p/{project.slug}/classes?added=3&lang=en&x=a%26b")
    assert '?added=3&amp;x=a%26b&amp;lang=ja" lang="ja"' in page.text


def test_switch__leads_back_after_a_refused_form(client):
    page = client.post("/projects", data={"name": ""})
    assert page.status_code == 422
    assert client.get("/projects?lang=ja").status_code == 200


def test_datetime__both_languages():
    value = datetime(2026, 11, 21, 16, 5).astimezone()
    assert i18n.show_datetime(value, "ja") == "2026年11月21日 16:05"
    assert i18n.show_datetime(value.astimezone(UTC), "en") == "Nov 21, 2026, 16:05"
    assert i18n.show_datetime(None, "en") == i18n.DASH


def test_relative__both_languages():
    now = datetime.now(UTC)
    assert i18n.show_relative(now - timedelta(minutes=3), "ja", now) == "3 分前"
    assert i18n.show_relative(now - timedelta(minutes=3), "en", now) == "3 minutes ago"
    assert i18n.show_relative(now - timedelta(days=1), "en", now) == "1 day ago"


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(0.5, 1, "50.0%"), (1, 1, "100.0%"), (0.12345, 2, "12.34%"), (0, 0, "0%")]
)
def test_percent__decimals(value, digits, text):
    assert i18n.show_percent(value, "ja", digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (14_336, "14 KB"), (1_500_000, "1.5 MB"), (2**31, "2.1 GB")]
)
def test_filesize__readable(value, text):
    assert i18n.show_filesize(value, "en") == text


def test_number__groups():
    assert i18n.show_number(1234567, "ja") == "1,234,567"
    assert i18n.show_number(0.5, "en", 3) == "0.500"
    assert i18n.show_number(None, "en") == i18n.DASH


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_numbers__are_written_as_babel_writes_them(language):
    rng = np.random.default_rng(0)
    values = [0, 1, 0.5, 0.125, 0.0625, 0.99995, 1e-9, -0.0, -0.0125, 12.5, 1234567.891, 1e15, float("inf")]
    values += [*rng.random(300).tolist(), *rng.random(100).astype(np.float32), *(rng.random(100) * 1e5)]
    for value, digits in itertools.product(values, (0, 1, 2, 3)):
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        assert i18n.show_percent(value, language, digits) == format_percent(
            value, format=pattern + "%", locale=language
        )
        assert i18n.show_number(value, language, digits) == format_decimal(value, format=pattern, locale=language)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0416, "+4.2"), (-0.0951, "−9.5"), (0.0, "±0.0"), (-0.0004, "±0.0"), (None, "–"), (10.5, "+1,050.0")],
)
def test_points__have_the_sign_of_a_difference_and_none_for_as_good_as_none(share, text):
    assert i18n.show_points(share, "ja") == text
