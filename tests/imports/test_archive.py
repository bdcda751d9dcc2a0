import io
import stat
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib

import pytest

from app.domain.archive import Archive, BadArchive
from app.domain.errors import BadImage
from app.domain.zipnames import Encoding, decode_names
from app.services import import_folders
from tests.imports.pictures import overlap_bomb, picture, raw_zip, zip_of

LIMIT = 25 * 2**20


@pytest.fixture
def opened(tmp_path):
    made: list[Archive] = []

    def make(data: bytes, encoding: Encoding | None = None) -> Archive:
        path = tmp_path / f"{len(made)}.zip"
        path.write_bytes(data)
        archive = Archive(path, LIMIT, encoding)
        made.append(archive)
        return archive

    yield make
    for archive in made:
        archive.close()


def refusal(opened, data: bytes) -> str:
    with pytest.raises(BadArchive) as caught:
        opened(data)
    return caught.value.code


def codes(archive: Archive) -> dict[str, str]:
    return {entry.path: entry.code for entry in archive.entries}


def test_plain__entries_in_order_and_folders_left_out(opened):
    archive = opened(zip_of({"猫/": b"", "猫/1.png": b"one", "犬/2.png": b"two"}))
    assert codes(archive) == {"猫/1.png": "", "犬/2.png": ""}
    assert [archive.read(entry) for entry in archive.entries] == [b"one", b"two"]


@pytest.mark.parametrize(
    "name",
    [
        "../x.png",
        "a/../../x.png",
        "/etc/x.png",
        "C:\\x.png",
        "c:/x.png",
        "..\\..\\x.png",
        "\\\\host\\x.png",
        "a\x00b.png",
    ],
)
def test_path__that_leaves_is_refused_by_name(opened, name):
    archive = opened(raw_zip([(name.encode(), b"x"), (b"good.png", b"y")]))
    assert [entry.code for entry in archive.entries] == ["zip_path", ""]
    shown = archive.entries[0].path
    assert shown == (name.replace("\x00", "\\x00"))
    assert shown.isprintable()


def test_path__that_leaves_makes_no_root_and_no_class(tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(raw_zip([(b"../ghost/x.png", b"x"), (b"set/cat/1.png", b"y"), (b"set/dog/1.png", b"z")]))
    found = import_folders.of_zip(path, 1000, None)
    assert (dict(found.folders), found.root) == ({"set/cat": 1, "set/dog": 1}, "set")


def test_link_and_device__are_refused(opened):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, kind in (
            ("link", stat.S_IFLNK),
            ("pipe", stat.S_IFIFO),
            ("disk", stat.S_IFBLK),
            ("file", stat.S_IFREG),
        ):
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind | 0o644) << 16
            archive.writestr(info, "/etc/passwd")
    assert codes(opened(out.getvalue())) == {"link": "zip_link", "pipe": "zip_link", "disk": "zip_link", "file": ""}


def test_encrypted__is_refused(opened):
    assert codes(opened(raw_zip([(b"a.png", b"secret")], flags=1))) == {"a.png": "zip_encrypted"}


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 98, 99])
def test_method__that_we_do_not_unpack_is_refused(opened, method):
    data = bytearray(raw_zip([(b"a.png", b"x")]))
    for at in (data.find(b"PK\x03\x04") + 8, data.find(b"PK\x01\x02") + 10):
        data[at : at + 2] = struct.pack("<H", method)
    assert codes(opened(bytes(data))) == {"a.png": "zip_method"}


def test_nested__is_not_opened(opened):
    inner = zip_of({"a.png": b"x"})
    assert codes(opened(zip_of({"in.zip": inner, "in.TAR.GZ": b"x", "in.7z": b"x"}))) == {
        "in.zip": "zip_nested",
        "in.TAR.GZ": "zip_nested",
        "in.7z": "zip_nested",
    }


def test_overlap__bomb_is_refused_whole(opened):
    data = overlap_bomb()
    assert len(data) < 30_000
    assert refusal(opened, data) == "zip_overlap"


def test_ratio__bomb_is_refused_unread(opened):
    archive = opened(zip_of({"bomb.png": bytes(20 * 2**20), "small.png": bytes(2**20)}))
    assert codes(archive) == {"bomb.png": "zip_ratio", "small.png": ""}


def test_size__that_lies_is_stopped_at_the_limit(tmp_path):
    path = tmp_path / "lies.zip"
    path.write_bytes(zip_of({"a.png": b"x" * 5000}))
    with Archive(path, 1000) as archive:
        assert archive.entries[0].code == "file_too_large"
        with pytest.raises(BadImage) as caught:
            archive.read(archive.entries[0])
    assert caught.value.code == "file_too_large"


def test_size__smaller_than_the_stream_reads_no_more_than_declared(opened):
    data = bytes(100_000)
    archive = opened(raw_zip([(b"a.png", data)], declared=10))
    with pytest.raises(BadImage) as caught:
        archive.read(archive.entries[0])
    assert caught.value.code == "zip_entry_damaged"


def test_checksum__that_is_wrong_refuses_one_entry(opened):
    data = bytearray(zip_of({"a.png": b"abc", "b.png": b"def"}, zipfile.ZIP_STORED))
    data[data.find(b"abc")] ^= 0xFF
    archive = opened(bytes(data))
    with pytest.raises(BadImage) as caught:
        archive.read(archive.entries[0])
    assert caught.value.code == "zip_entry_damaged"
    assert archive.read(archive.entries[1]) == b"def"


@pytest.mark.parametrize("share", range(1, 10))
def test_truncated__is_refused(opened, share):
    data = zip_of({f"{number}.png": picture(number) for number in range(5)})
    assert refusal(opened, data[: len(data) * share // 10]) == "zip_cut_off"


def test_ends__prepended_appended_empty_and_foreign(opened):
    data = zip_of({"a.png": b"x"})
    assert refusal(opened, b"#!/bin/sh\n" + data) == "zip_not_plain"
    assert refusal(opened, data + b"tail") == "zip_not_plain"
    assert refusal(opened, zip_of({})) == "zip_empty"
    assert refusal(opened, zip_of({"only/": b""})) == "zip_empty"
    assert refusal(opened, b"") == "zip_unknown"
    assert refusal(opened, b"7z\xbc\xaf\x27\x1c" + bytes(100)) == "zip_unknown"


def test_end_record__that_lies_is_refused(opened):
    data = bytearray(zip_of({"a.png": b"x", "b.png": b"y"}))
    end = data.rfind(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    assert refusal(opened, bytes(data)) == "zip_not_plain"
    data[end + 8 : end + 12] = struct.pack("<HH", 1, 2)
    assert refusal(opened, bytes(data)) == "zip_volumes"


def zip64(count: int, place_shift: int = 0) -> bytes:
    data = zip_of({"a.png": b"x"})
    end = data.rfind(b"PK\x05\x06")
    length, offset = struct.unpack_from("<LL", data, end + 12)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end + place_shift, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:end] + record + locator + last


def test_zip64__honest_is_read_and_lying_refused(opened):
    assert codes(opened(zip64(1))) == {"a.png": ""}
    assert refusal(opened, zip64(2)) == "zip_not_plain"
    assert refusal(opened, zip64(10**12)) == "zip_too_many"
    assert refusal(opened, zip64(1, place_shift=-8)) == "zip_not_plain"


@pytest.mark.slow
def test_many__a_hundred_thousand_entries_are_fine(opened, tmp_path):
    def zip_with(count: int) -> bytes:
        return zip_of({f"{number % 10}/{number}.png": b"" for number in range(count)}, zipfile.ZIP_STORED)

    archive = opened(zip_with(100_000))
    assert len(archive.entries) == 100_000
    held = import_folders.of_zip(tmp_path / "0.zip", LIMIT, None)  # hours where each entry looks at all others
    assert held.folders == {str(number): 10_000 for number in range(10)}
    fewer = zip_with(20_000)  # to count what is allocated takes ten times as long
    tracemalloc.start()
    assert len(opened(fewer).entries) == 20_000
    assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    tracemalloc.stop()


def test_many__more_than_the_limit_is_refused_before_parsing(opened):
    body = raw_zip([(b"x", b"")] * 1000)
    body = body[: body.rfind(b"PK\x05\x06")]
    lie = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 200_001, 200_001, 100, len(body) - 100)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert refusal(opened, body + lie + locator + last) == "zip_too_many"


def test_names__cp932_with_backslash_bytes(opened):
    names = ["ソ/表示.png", "能力/予.png", "ｱｲ/ﾁ.png"]
    assert b"\x5c" in names[0].encode("cp932")
    archive = opened(raw_zip([(name.encode("cp932"), b"x") for name in names]))
    assert archive.encoding == Encoding.CP932
    assert [entry.path for entry in archive.entries] == names


def test_names__mac_decomposed_without_flag(opened):
    name = "がんま/ば.png"
    archive = opened(raw_zip([(unicodedata.normalize("NFD", name).encode(), b"x")]))
    assert archive.encoding == Encoding.UTF_8
    assert archive.entries[0].path == name


def test_names__decided_for_the_whole_archive(opened):
    accident = "ﾂ｡".encode("cp932")  # valid UTF-8 by accident: a "¡"
    assert accident.decode("utf-8") == "¡"
    archive = opened(raw_zip([(accident + b"/1.png", b"x"), ("表.png".encode("cp932"), b"y")]))
    assert [entry.path for entry in archive.entries] == ["ﾂ｡/1.png", "表.png"]


def test_names__choice_of_a_person_wins(opened):
    archive = opened(raw_zip([("ﾂ｡.png".encode("cp932"), b"x")]), Encoding.CP932)
    assert archive.entries[0].path == "ﾂ｡.png"


def test_names__flag_and_unicode_field(opened):
    assert opened(zip_of({"細胞/é.png": b"x"})).entries[0].path == "細胞/é.png"
    raw = "表.png".encode("cp932")
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + "本当.png".encode()
    info = zipfile.ZipInfo("placeholder")
    info.orig_filename, info.extra = raw.decode("cp437"), struct.pack("<HH", 0x7075, len(field)) + field
    assert decode_names([info])[1] == ["本当.png"]


def test_twins__are_all_kept(opened):
    entries = [(b"a/a.png", b"1"), (b"A/A.png", b"2"), (b"a/a.png", b"3")]
    archive = opened(raw_zip(entries))
    assert [archive.read(entry) for entry in archive.entries] == [b"1", b"2", b"3"]


def test_junk__is_skipped_and_counted(opened):
    archive = opened(zip_of({"__MACOSX/._a.png": b"x", "Thumbs.db": b"x", "a.png": b"x"}))
    assert [(entry.path, entry.skipped) for entry in archive.entries] == [
        ("__MACOSX/._a.png", True),
        ("Thumbs.db", True),
        ("a.png", False),
    ]
