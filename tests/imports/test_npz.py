"""Arrays of NumPy: what becomes a picture, and what is refused unread."""

import io
import struct
import zipfile

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch, ImportEntry, LabelClass
from app.domain import npz
from app.domain.archive import BadArchive
from app.domain.errors import BadImage
from app.services import import_sources, list_files
from app.services.imports import Options
from tests.imports.pages import begin as begin_page
from tests.imports.pages import rows as page_rows
from tests.imports.pages import work
from tests.imports.pictures import picture, pixels, zip_of
from tests.imports.services import LIMIT, begin, labels_of, rows, write

GREY = np.random.default_rng(0).integers(0, 256, (6, 8, 10), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (4, 8, 10, 3), dtype=np.uint8)


def npz_of(*, packed: bool = True, **arrays) -> bytes:
    out = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(out, **arrays)
    return out.getvalue()


def read(data: bytes) -> dict[str, np.ndarray]:
    with npz.opened(io.BytesIO(data), LIMIT) as archive:
        return {entry.path: pixels(archive.read(entry)) for entry in archive.entries if not entry.code}


def refusal(data: bytes) -> tuple[str, dict[str, object]]:
    with pytest.raises(BadArchive) as caught:
        npz.opened(io.BytesIO(data), LIMIT)
    return caught.value.code, dict(caught.value.params)


def forged(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An array whose header says what it likes."""
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return zip_of({"x.npy": b"\x93NUMPY" + version + length + header + data})


@pytest.mark.parametrize("packed", [True, False])
def test_npz__pictures_lie_in_the_folders_of_their_split_and_class(packed):
    arrays = {"x_train": GREY, "y_train": np.array([3, 3, 5, 5, 7, 7]), "x_test": COLOUR, "note": np.zeros(2)}
    data = npz_of(packed=packed, **arrays, y_test=np.array(["猫", "a/b", "", "train"]))
    with npz.opened(io.BytesIO(data), LIMIT) as archive:
        entries = {entry.path: entry for entry in archive.entries}
    assert list(entries)[:3] == [
        f"train/{name}.png" for name in ("3/x_train_000000", "3/x_train_000001", "5/x_train_000002")
    ]
    assert list(entries)[6:] == [
        "test/猫/x_test_000000.png",
        "test/a／b/x_test_000001.png",
        "test/x_test_000002.png",
        "test/train/x_test_000003.png",
        "note.npy",
    ]
    assert (entries["note.npy"].code, entries["note.npy"].skipped) == ("npz_other", True)
    given = [entry.given.class_name for entry in entries.values() if entry.given]
    assert given == ["a/b", "train"]  # no folder can say these
    found = read(data)
    assert all(
        (found[f"train/{label}/x_train_{row:06}.png"] == GREY[row]).all()
        for row, label in enumerate([3, 3, 5, 5, 7, 7])
    )
    assert (found["test/猫/x_test_000000.png"] == COLOUR[0]).all()


@pytest.mark.parametrize(
    "names", [("x", "y"), ("images", "labels"), ("X", "Y"), ("train_images", "train_labels"), ("x_val", "y_val")]
)
def test_npz__names_of_arrays(names):
    arrays = dict(zip(names, (GREY[..., None], np.arange(6)[:, None]), strict=True))
    split = {"train_images": "train/", "x_val": "validation/"}.get(names[0], "")
    assert next(iter(read(npz_of(**arrays)))) == f"{split}0/{names[0]}_000000.png"


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (GREY.astype(np.float32) / 255, GREY),
        (GREY.astype(np.float64), GREY),
        (GREY.astype(">u2"), GREY.astype(np.uint16)),
        (GREY.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257),
        (COLOUR.astype(np.uint16) * 257, COLOUR),
        (COLOUR.astype(">f4") / 255, COLOUR),
        (np.array([[[-5.0, 5.0], [0.0, np.nan]]]), np.array([[[0, 255], [128, 0]]])),
        (np.array([[[-1e308, 1e308], [np.inf, -np.inf]]]), np.array([[[0, 255], [255, 0]]])),
        (np.full((1, 2, 2), np.nan), np.zeros((1, 2, 2))),
        (np.full((1, 2, 2), 1e-3), np.zeros((1, 2, 2))),
    ],
    ids=["unit", "bytes", "swapped", "grey 16", "colour 16", "colour float", "spread", "extreme", "nothing", "dark"],
)
def test_npz__numbers_become_grey_levels(array, wanted):
    found = list(read(npz_of(x=array)).values())
    assert len(found) == len(wanted)
    assert all((one == other).all() for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"x": np.zeros((2, 3, 8, 9), np.uint8)}, "npz_channels_first"),
        ({"x": np.zeros((2, 8, 9, 4), np.uint8)}, "npz_shape"),
        ({"x": np.zeros((2, 8), np.uint8)}, "npz_shape"),
        ({"x": np.zeros((2, 0, 8), np.uint8)}, "npz_shape"),
        ({"x": np.zeros((2, 2, 2), np.int64)}, "npz_type"),
        ({"x": np.zeros((1, 1, 20_001), np.uint8)}, "npz_too_large"),
        ({"x": np.array([None, {}])}, "npz_objects"),
        ({"x": GREY, "y": np.array(["a", None] * 3, dtype=object)}, "npz_objects"),
        ({"x": np.asfortranarray(GREY)}, "npz_columns"),
        ({"x": GREY, "y": np.arange(5)}, "npz_lengths"),
        ({"x": GREY, "y": np.eye(6)}, "npz_labels"),
        ({"x": GREY, "y": np.zeros(6)}, "npz_labels"),
        ({"x": np.zeros((1001, 1, 1), np.uint8), "y": np.arange(1001)}, "npz_labels_many"),
        ({"x": GREY, "images": GREY}, "npz_twice"),
        ({"arr_0": GREY}, "npz_no_pictures"),
        ({"x": np.zeros((0, 8, 8), np.uint8)}, "npz_no_pictures"),
        ({"x": np.zeros((200_001, 1, 1), np.uint8)}, "npz_too_many"),
    ],
)
def test_npz__is_refused_with_a_reason(arrays, code):
    assert refusal(npz_of(packed=False, **arrays))[0] == code


@pytest.mark.parametrize(
    "data",
    [
        forged(b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999, 1000, 1000), }\n", b"x"),
        forged(b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -1, -1), }\n", b"x"),
        forged(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2), }\n", b"xxxxx"),
        forged(b"{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", b"x"),
        forged(b"{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1, 1, 1), }\n", b"x"),
        forged(b"(" * 9000),
        forged(b" " * 60_000),
        forged(b" " * 60_000, version=b"\x02\x00"),
        forged(b"", version=b"\x09\x00"),
        zip_of({"x.npy": b""}),
        zip_of({"x.npy": b"\x93NUMPY"}),
    ],
    ids=["huge", "negative", "longer", "scalar", "code", "deep", "long", "long too", "version", "empty", "cut"],
)
def test_npz__headers_that_lie_are_refused_before_data_is_read(data):
    assert refusal(data)[0] == "npz_damaged"


def test_npz__an_object_of_a_pickle_is_named_and_never_read():
    bomb = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    assert refusal(forged(bomb, b"cos\nsystem\n(S'false'\ntR."))[1] == {"name": "x"}


def test_npz__labels_that_are_no_text_are_refused():
    x, y = npz_of(x=GREY[:1]), b"\xff\xff\xff\x7f"
    with zipfile.ZipFile(io.BytesIO(x)) as archive:
        pictures = archive.read("x.npy")
    head = b"{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + y
    assert refusal(zip_of({"x.npy": pictures, "y.npy": array})) == ("npz_damaged", {"name": "y"})


def test_npz__a_damaged_array_costs_its_pictures_and_is_not_read_again():
    large = np.random.default_rng(2).integers(0, 256, (6, 60, 80), dtype=np.uint8)
    data = bytearray(npz_of(packed=False, x=large))
    data[data.index(large[5].tobytes())] ^= 1  # the checksum is wrong at the end
    with npz.opened(io.BytesIO(bytes(data)), LIMIT) as archive:
        for entry in archive.entries[:5]:
            archive.read(entry)
        for _ in range(2):
            with pytest.raises(BadImage) as caught:
                archive.read(archive.entries[5])
            assert caught.value.code == "zip_entry_damaged"


def test_npz__is_cut_off():
    data = npz_of(x=GREY)
    assert refusal(data[: len(data) // 2])[0] == "zip_cut_off"


def test_import__resumes_where_it_stopped(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(import_sources, "BATCH_FILES", 2)
    path = tmp_path / "set.npz"
    path.write_bytes(npz_of(x_train=GREY, y_train=np.array([0, 0, 1, 1, 2, 2]), extra=np.zeros(3)))
    _, import_id = begin(tools)
    stops = iter([False, True])
    watch = import_sources.Watch(stop=lambda: next(stops))
    assert not import_sources.run_zip(tools, import_id, path, max_file_bytes=LIMIT, watch=watch)
    assert import_sources.run_zip(tools, import_id, path, max_file_bytes=LIMIT)
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        assert (batch.new_count, batch.skipped_count, batch.total, batch.finished) == (6, 1, 7, True)
    assert labels_of(tools)["train/2/x_train_000005.png"] == "2"
    assert set(rows(tools, sa.select(Image.split))) == {("train",)}


def test_import__of_a_folder_with_arrays_in_it(tools, tmp_path):
    folder = tmp_path / "set"
    write(
        folder,
        {
            "cat/one.png": picture(1),
            "cat/more.npz": npz_of(x=GREY),
            "b.npz": npz_of(x_test=COLOUR, y_test=np.array(["dog", "owl", "dog", "train"])),
            "bad.npz": npz_of(x=np.array([None])),
            "no.npz": b"hello",
        },
    )
    project_id, _ = begin(tools)
    seen = []
    watch = import_sources.Watch(lambda done, total: seen.append((done, total)))
    import_id = import_sources.import_folder(tools, project_id, folder, actor="me", max_file_bytes=LIMIT, watch=watch)
    assert seen[-1] == (13, 13)
    found = labels_of(tools)
    assert (found["cat/one.png"], found["cat/more_x_000000.png"]) == ("cat", "cat")
    assert (found["test/owl/b_x_test_000001.png"], found["test/train/b_x_test_000003.png"]) == ("owl", "train")
    query = sa.select(ImportEntry.path, ImportEntry.code).where(ImportEntry.verdict == "refused")
    assert dict(rows(tools, query)) == {"bad.npz": "npz_objects", "no.npz": "zip_unknown"}
    with tools.database.write() as session:
        batch = session.get_one(ImportBatch, import_id)
        batch.finished = False
    assert import_sources.run_folder(tools, import_id, folder, max_file_bytes=LIMIT)
    assert len(labels_of(tools)) == 11  # what is recorded does not come twice


def test_import__of_a_zip_with_arrays_in_it(tools, tmp_path):
    inner = npz_of(x=GREY, y=np.array([0, 1] * 3))
    path = tmp_path / "all.zip"
    path.write_bytes(
        zip_of({"set/cat/1.png": picture(1), "set/a.npz": inner, "set/b.npz": b"no", "set/c.npz": npz_of(y=GREY)})
    )
    project_id, _ = begin(tools)
    import_sources.import_zip(tools, project_id, path, actor="me", max_file_bytes=LIMIT)
    found = labels_of(tools)
    assert (len(found), found["set/1/a_x_000005.png"], found["set/cat/1.png"]) == (7, "1", "cat")
    query = sa.select(ImportEntry.path, ImportEntry.code, ImportEntry.params).where(ImportEntry.verdict == "refused")
    assert rows(tools, query) == [
        ("set/b.npz", "zip_unknown", {}),
        ("set/c.npz", "npz_no_pictures", {"names": "y"}),
    ]


def test_import__a_list_says_more_than_an_array(tools, tmp_path):
    path = tmp_path / "set.npz"
    path.write_bytes(npz_of(x=GREY[:2], y=np.array(["train", "b"])))
    listed = list_files.kept(tools.store, b"path,class\nx_000000.png,owl\n")
    project_id, _ = begin(tools)
    options = Options(list_file=listed)
    import_sources.import_zip(tools, project_id, path, actor="me", max_file_bytes=LIMIT, options=options)
    assert labels_of(tools) == {"train/x_000000.png": "owl", "b/x_000001.png": "b"}


def test_page__takes_arrays_like_a_zip_and_shows_their_classes_first(client, place, settings, database):
    data = npz_of(x_train=GREY, y_train=np.array([0, 0, 0, 1, 1, 1]))
    urls = begin_page(client, place, name="set.npz", source="zip", total=0)
    assert client.post(f"{urls['piece']}?at=0&size={len(data)}", content=data).json()["received"] == len(data)
    meanings = client.get(urls["folders"]).json()
    told = [(row["folder"], row["count"], row["class_name"], row["split"]) for row in meanings["folders"]]
    assert told == [("train/0", 3, "0", "train"), ("train/1", 3, "1", "train")]
    answer = client.post(
        urls["start"], json={"folders": [{"folder": "train/0", "class_name": "好中球", "split": "train"}]}
    )
    assert answer.status_code == 200, answer.text
    assert work(client, settings)
    assert client.get(urls["report"] + "/status").json()["new"] == 6
    used = sa.select(LabelClass.name).join(Image, Image.class_id == LabelClass.id).distinct()
    assert {name for (name,) in page_rows(database, used)} == {"好中球", "1"}


def test_page__says_why_arrays_are_refused(client, place):
    data = npz_of(x=np.zeros((2, 3, 8, 9), np.uint8))
    urls = begin_page(client, place, name="set.npz", source="zip", total=0)
    answer = client.post(urls["zip"], content=data, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert "np.moveaxis(array, 1, -1)" in answer.json()["error"]["message"]
