"""Export and import are the identity: what came out and goes in again is the same project."""

import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Split
from app.domain.lists import Given
from app.domain.safe_names import Names, safe
from app.services.exports import Format
from tests.exports import sets
from tests.factories import png

ODD = [
    "ガ.png",  # decomposed, as macOS writes it
    "ガ.png",
    "好中球 001.PNG",
    "CON.png",
    "con.png",
    'a:b*c?"<>|.png',
    "set.zip",
    "manifest.csv",
    "dataset.json",
    "no ending",
    ".hidden.png",
    "=1+1.png",
    "'quoted.png",
    "a, b; c.png",
    "é" * 150 + ".png",
    "画像" * 60 + ".png",
    "train/cat/1.png",
    "test/CAT/1.png",
    "trailing. ",
]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=30)
PATHS = st.one_of(st.sampled_from(ODD), TEXT.filter(str.strip))
CLASSES = st.one_of(st.none(), st.sampled_from(["猫", "train", "Test", "con", "a/b", "=x", "犬 ", "ﾊﾝｶｸ", "excluded"]))
MARKS = st.builds(
    Given,
    columns=st.just(frozenset({"class", "split"})),
    class_name=CLASSES,
    split=st.one_of(st.none(), st.sampled_from(Split)),
    excluded=st.one_of(st.none(), st.sampled_from(["", "blurred", "=ぼけ"])),
    unsure=st.booleans(),
    skipped=st.booleans(),
    checked=st.booleans(),
    note=st.sampled_from(["", "二つ写っている", '+1, "so"', "-"]),
    origin=st.sampled_from(["", "Nikon で撮影", "@lab"]),
    licence=st.sampled_from(["", "CC BY 4.0"]),
    publish=st.sampled_from(["", "yes", "no"]),
)


@pytest.fixture(scope="module")
def counter():
    return iter(range(10**6))


@pytest.mark.slow
@settings(max_examples=12)
@given(st.dictionaries(PATHS, MARKS, min_size=1, max_size=6))
def test_export_and_import__are_the_identity(tmp_path_factory, made_tools, counter, rows):
    number = next(counter)
    project_id = sets.make(made_tools, rows, f"set {number}")
    data = sets.exported(made_tools, project_id)
    copy_id, _ = sets.imported(made_tools, data, tmp_path_factory.mktemp("zip"), f"copy {number}")
    assert sets.state(made_tools, copy_id) == sets.state(made_tools, project_id)
    names = sets.names_in(data)
    assert len({name.casefold() for name in names}) == len(names) == len(rows) + 2


@given(TEXT)
def test_safe_names__can_be_written_everywhere(text):
    name = safe(text)
    assert name
    assert not set(name) & set('<>:"/\\|?*')
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= 190
    assert name.partition(".")[0].lower() not in {"con", "nul", "com1"}


def test_names__of_one_folder_differ_also_without_case():
    names = Names()
    taken = [names.take(["cat"], name, "png") for name in ("1.png", "1.PNG", "1.png", "１.png", "x.zip", "y")]
    assert taken == ["cat/1.png", "cat/1 (2).PNG", "cat/1 (3).png", "cat/１ (4).png", "cat/x.zip.png", "cat/y.png"]


def test_zip__has_the_originals_and_marks_japanese_names_as_utf8(tools):
    rows = {"猫/1.png": sets.given(class_name="猫", split=Split.TRAIN), "2.png": sets.given()}
    data = sets.exported(tools, sets.make(tools, rows))
    with zipfile.ZipFile(BytesIO(data)) as packed:
        assert packed.testzip() is None
        assert packed.read("train/猫/1.png") == png(0, 8)
        assert packed.read("2.png") == png(1, 8)
        assert packed.getinfo("train/猫/1.png").flag_bits & 0x800


def test_zip__without_its_table_still_gives_classes_and_splits(tools, tmp_path):
    rows = {"a.png": sets.given(class_name="猫", split=Split.TEST), "b.png": sets.given(class_name="犬")}
    data, plain = sets.exported(tools, sets.make(tools, rows)), BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as packed, zipfile.ZipFile(plain, "w") as folders:
        for name in packed.namelist()[2:]:
            folders.writestr(name, packed.read(name))
    copy_id, _ = sets.imported(tools, plain.getvalue(), tmp_path)
    found = {row[2]: (row[3], row[4]) for row in sets.state(tools, copy_id)[0]}
    assert found == {"a.png": ("猫", "test"), "b.png": ("犬", None)}


def test_table__guards_against_formulas_and_names_every_value(tools):
    rows = {"=1.png": sets.given(class_name="-猫", note="@x", publish="yes"), "b.png": sets.given(publish="no")}
    project_id = sets.make(tools, rows)
    text = sets.exported(tools, project_id, Format.CSV).decode("utf-8-sig")
    assert "'-猫" in text
    assert "'@x" in text
    assert len(text.splitlines()) == 3
    assert len(sets.exported(tools, project_id, Format.CSV, allowed=True).decode().splitlines()) == 2
