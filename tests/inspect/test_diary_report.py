"""The diary of a run in its manifest and in its report: the words, the tests, their answers and figures."""

import re
from html import unescape

import pytest
import sqlalchemy as sa

from app.db.run_models import RunItem
from tests.inspect.test_diary import DIARY, answered

REPORT = "/p/blood/runs/1/report"


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def written(client, database):
    """A hypothesis whose test is answered, a note, one that waits for its answer, and one that was removed."""
    client.post(
        DIARY,
        data={"text": "犬は鼻で見分けられる <b>", "change": "mask", "left": 25, "top": 25, "right": 75, "bottom": 75},
    )
    answered(database, 1, flips=7)
    client.post(DIARY, data={"text": "Only a note.", "change": ""})
    client.post(DIARY, data={"text": "", "change": "flip", "true": "2"})
    client.post(DIARY, data={"text": "A guess that was dropped.", "change": "brighten", "light": "30"})
    answered(database, 4, flips=0)
    client.post(f"{DIARY}/4", data={"do": "remove"})


def test_manifest__has_the_diary_with_its_answers(client, trained, database):
    assert client.get("/p/blood/runs/1/manifest.json").json()["diary"] == []
    written(client, database)
    first, note, waiting, removed = client.get("/p/blood/runs/1/manifest.json").json()["diary"]
    assert (first["number"], first["text"], first["removed"]) == (1, "犬は鼻で見分けられる <b>", False)
    assert first["test"] == {"change": "mask", "box": [25, 25, 75, 75]}
    assert first["pictures"] == {"on": "test", "show": "all", "true": None, "said": None, "item": None}
    assert (first["answer"]["changed"], first["answer"]["count"]) == (7, 12)
    figures = (first["answer"]["p"], first["answer"]["p_adjusted"])
    assert figures == pytest.approx((1 / 64, 1 / 32)), "the removed question counts"
    assert "listed" not in first["answer"]
    assert [line["did"] for line in first["history"]] == ["written"]
    assert (note["test"], note["pictures"], note["answer"], note["state"]) == (None, None, None, None)
    assert (waiting["answer"], waiting["state"], waiting["pictures"]["true"]) == (None, "queued", "好酸球")
    assert removed["removed"]
    assert [line["did"] for line in removed["history"]] == ["written", "removed"]


def test_report__tells_the_diary_and_shows_its_pictures(client, trained, database, store):
    assert "Diary" not in words(client.get(REPORT))
    written(client, database)
    page = client.get(REPORT)
    text = words(page)
    for part in (
        "Entry 1", "犬は鼻で見分けられる <b>", "cover a box", "7 of 12 answers changed", "0.0312", "Only a note.",
        "it uses what was taken away", "waits for a worker", "1 entry was removed",
    ):  # fmt: skip
        assert part in text
    assert "A guess that was dropped." not in text
    assert text.index("Entry 1") < text.index("Entry 2")
    pictures = re.findall(r'src="(/p/blood/runs/1/diary/changed\.jpg[^"]+)"', page.text)
    assert len(pictures) == 12
    assert client.get(unescape(pictures[0])).headers["content-type"] == "image/jpeg"
    saved = client.get(f"{REPORT}.html").text
    assert not re.search(r"<script|<link|<a |(?:src|href)=\"(?!data:image/)|<form|<button|diary-\d+-", saved)
    assert saved.count('src="data:image/jpeg') >= 12
    assert "日誌" in words(client.get(f"{REPORT}?lang=ja"))
    with database.read() as session:
        digest = session.scalar(sa.select(RunItem.canonical_sha256).where(RunItem.split == "test").limit(1))
    store.delete(digest)
    assert client.get(f"{REPORT}.html").text.count('src="data:image/jpeg') < saved.count('src="data:image/jpeg')
