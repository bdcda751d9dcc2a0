import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.enums import Split
from app.domain.filenames import clean, common_root, display_name, is_junk, place, shown_path, without_root

PATHS = st.text(st.characters(codec=None, exclude_categories=()), max_size=400)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("../x.png", "x.png"),
        ("C:\\photos\\x.png", "x.png"),
        ("C:x.png", "x.png"),
        ("a/b\x00c.png", "bc.png"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("<script>.png", "<script>.png"),
        ("か\u3099.png", "が.png"),
        ("", "unnamed"),
        ("a/..", "a"),
        ("\udcff.png", "\ufffd.png"),
        ("line\nbreak\u2028.png", "linebreak.png"),
        ("表示能力.png", "表示能力.png"),
        ("👩\u200d🔬.png", "👩\u200d🔬.png"),
    ],
)
def test_display_name__is_data_that_looks_like_what_it_is(path, name):
    assert display_name(path) == name


def test_display_name__long_ones_keep_their_ending():
    name = display_name("あ" * 300 + ".tiff")
    assert len(name) == 255
    assert name.endswith("あ.tiff")
    assert display_name("x" * 300) == "x" * 255


@given(PATHS)
def test_names__are_always_storable(path):
    for text in (display_name(path), shown_path(path)):
        assert text
        assert text == unicodedata.normalize("NFC", text)
        assert not any(unicodedata.category(letter) in {"Cc", "Cs", "Co", "Cn"} for letter in text)
        text.encode("utf-8")
    assert len(display_name(path)) <= 255
    assert "/" not in display_name(path)
    assert len(shown_path(path)) <= 1000


@example("/\\")
@example("/a\\b")
@example(" A:")
@given(PATHS)
def test_names__cleaning_twice_changes_nothing(path):
    assert clean(clean(path)) == clean(path)
    assert shown_path(shown_path(path)) == shown_path(path)
    named = place(path).class_name
    assert named is None or (0 < len(named) <= 200 and named == " ".join(named.split()))


@pytest.mark.parametrize(
    ("path", "split", "label"),
    [
        ("a.png", None, None),
        ("猫/a.png", None, "猫"),
        ("train/cat/a.png", Split.TRAIN, "cat"),
        ("cat/train/a.png", Split.TRAIN, "cat"),
        ("TEST/dog/a.png", Split.TEST, "dog"),
        ("data/Validation/x/dog/a.png", Split.VALIDATION, "dog"),
        ("学習/好中球/1.png", Split.TRAIN, "好中球"),
        ("検証/好中球/1.png", Split.VALIDATION, "好中球"),
        ("テスト/好中球/1.png", Split.TEST, "好中球"),
        ("ＴＥＳＴ/好中球/1.png", Split.TEST, "好中球"),
        ("テスト/1.png", Split.TEST, None),
        ("test/a.png", Split.TEST, None),
        ("contest/a.png", None, "contest"),
        ("テスト/単球/1.png", Split.TEST, "単球"),
    ],
)
def test_place__reads_split_and_class(path, split, label):
    found = place(path)
    assert (found.split, found.class_name) == (split, label)


def test_place__options():
    assert place("train/cat/a.png", splits=False).class_name == "cat"
    assert place("train/a.png", splits=False).class_name == "train"
    assert place("train/cat/a.png", labels=False) == place("train/cat/a.png", labels=False)
    assert place("train/cat/a.png", labels=False).class_name is None
    assert place("train/cat/a.png", labels=False).split == Split.TRAIN


def test_common_root__names_the_set_and_no_class():
    assert common_root(["set/cat/1.png", "set/2.png"]) == "set"
    assert common_root(["cat/1.png", "cat/2.png"]) == ""
    assert common_root(["set/cat/1.png", "other/2.png"]) == ""
    assert common_root(["set/cat/1.png", "2.png"]) == ""
    assert common_root(["train/cat/1.png"]) == ""
    assert common_root(["set/train/cat/1.png", "set/train/2.png"]) == "set"
    assert common_root(["cat/train/1.png", "cat/test/2.png"]) == ""
    assert common_root([]) == ""
    assert without_root("set/2.png", "set") == "2.png"
    assert without_root("settle/2.png", "set") == "settle/2.png"


@pytest.mark.parametrize(
    ("path", "junk"),
    [
        ("__MACOSX/cat/._1.png", True),
        ("cat/._1.png", True),
        (".DS_Store", True),
        ("cat/Thumbs.db", True),
        ("desktop.ini", True),
        (".git/x.png", True),
        ("cat/1.png", False),
        ("a..b.png", False),
        ("__MACOSXX/1.png", False),
    ],
)
def test_junk__is_known(path, junk):
    assert is_junk(path) is junk
