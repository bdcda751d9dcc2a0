"""``python -m app import`` with what folders mean."""

import pytest
import sqlalchemy as sa

from app.commands import line
from app.db.models import Image, LabelClass
from app.domain.errors import Invalid
from app.domain.folder_rules import Rule, Rules, alike, typed
from tests.imports.pictures import picture
from tests.imports.services import write


@pytest.fixture
def folder(tmp_path):
    paths = ["train/kat/1.png", "test/kat/2.png", "train/dog/3.png", "junk/4.png", "train/odd/5.png"]
    write(tmp_path / "set", {path: picture(seed) for seed, path in enumerate(paths)})
    return tmp_path / "set"


def run(settings, monkeypatch, *words):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    return line.main(["import", "p", *map(str, words)])


def labels_of(database):
    query = sa.select(Image.path, LabelClass.name, Image.split).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    with database.read() as session:
        return {path: (name, split) for path, name, split in session.execute(query)}


def test_map__folders_by_name_or_path(settings, database, folder, monkeypatch):
    rules = ["--map", "kat=cat", "--map", "train/odd=", "--map", "junk=-"]
    assert run(settings, monkeypatch, folder, *rules) == 0
    assert labels_of(database) == {
        "train/kat/1.png": ("cat", "train"),
        "test/kat/2.png": ("cat", "test"),
        "train/dog/3.png": ("dog", "train"),
        "train/odd/5.png": (None, "train"),
    }


def test_class__one_for_all(settings, database, folder, monkeypatch):
    assert run(settings, monkeypatch, folder, "--class", "猫") == 0
    assert {name for name, _ in labels_of(database).values()} == {"猫"}


@pytest.mark.parametrize("word", ["cat", "=cat", "/=cat", ""])
def test_map__that_says_nothing_is_refused(word):
    with pytest.raises(Invalid) as caught:
        typed([word])
    assert caught.value.code == "rule_unclear"


def test_rules__survive_as_json():
    rules = Rules({"a/b": Rule("x", None, left_out=True), "*/c": Rule(None, names_split=True)}, "all")
    assert Rules.of(rules.to_json()) == rules
    assert Rules.of({}) == Rules.of(None) == Rules()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("非感染", "感染"),
        ("感染", "未感染"),
        ("異常なし", "異常"),
        ("no infection", "infection"),
        ("infected", "not infected"),
        ("without_debris", "debris"),
        ("abnormal", "normal"),
        ("unlabelled cells", "labelled cells"),
    ],
)
def test_alike__never_offers_the_opposite(name, known):
    assert alike(name, [known]) == ""
    assert alike(name, [known, f"{name} 2"]) == f"{name} 2"


def test_alike__the_likest_name_else_the_longest_part():
    assert alike("未分化細胞", ["細胞", "未分化"]) == "未分化"
    assert alike("neutrophils", ["neutrophil", "scatter"]) == "neutrophil"
    assert alike("cat", ["scatter", "black cat sitting"]) == "black cat sitting"
    assert alike("x" * 5, [f"class {number}" for number in range(600)]) == ""
