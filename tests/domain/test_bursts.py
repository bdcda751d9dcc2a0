"""Bursts: what a camera wrote into its files, and which pictures belong together by it."""

import io
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from app.domain import groups
from app.domain.imaging import decode

START = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - cameras know no zone


def taken_with(file_format="JPEG", inner=None, **outer):
    exif = Image.Exif()
    for name, value in outer.items():
        exif[ExifTags.Base[name]] = value
    for name, value in (inner or {}).items():
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, file_format, exif=exif)
    kept = decode(file.getvalue()).conversion
    return kept.get("taken"), kept.get("camera")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_origin__time_and_camera_of_every_format(file_format):
    inner = {"DateTimeOriginal": "2024:05:01 12:00:03", "SubsecTimeOriginal": "25", "BodySerialNumber": "A-7"}
    found = taken_with(file_format, inner, Make="NIKON", Model="D7000")
    assert found == ("2024-05-01T12:00:03.250000", "NIKON D7000 A-7")


@pytest.mark.parametrize(
    ("inner", "outer", "found"),
    [
        ({}, {}, (None, None)),
        ({}, {"DateTime": "2024:05:01 12:00:03"}, (None, None)),  # when the file was written says nothing
        ({"DateTimeDigitized": "2024:05:01 12:00:03"}, {"Make": "\0"}, ("2024-05-01T12:00:03", None)),
        ({"DateTimeOriginal": "0000:00:00 00:00:00"}, {"Model": "EOS\x0e R6\n "}, (None, "EOS R6")),
        ({"DateTimeOriginal": "yesterday"}, {"Make": "Canon", "Model": "Canon EOS"}, (None, "Canon EOS")),
        ({}, {"Model": "x" * 500}, (None, "x" * 100)),
    ],
)
def test_origin__what_cannot_be_used_is_left_out(inner, outer, found):
    assert taken_with("PNG", inner, **outer) == found


def test_bursts__same_camera_and_short_pauses():
    seconds = (0, 1.5, 3.4, 6, 6.5, None, 100)
    cameras = ("a", "a", "a", "a", "b", "a", "a")
    moments = [
        None if second is None else (camera, START + timedelta(seconds=second))
        for camera, second in zip(cameras, seconds, strict=True)
    ]
    pairs = groups.bursts(moments, 2.0)
    assert sorted(pairs) == [(0, 1), (1, 2)]
    assert groups.numbered(7, [], pairs).tolist() == [0, 0, 0, 3, 4, 5, 6]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60)) | st.none(), max_size=25),
    st.integers(0, 10),
)
def test_bursts__two_pictures_within_the_pause_are_always_together(moments, pause):
    known = [one and (one[0], START + timedelta(seconds=one[1])) for one in moments]
    numbers = groups.numbered(len(known), [], groups.bursts(known, pause))
    for place, one in enumerate(moments):
        for other_place, other in enumerate(moments):
            if place != other_place and (one is None or other is None or one[0] != other[0]):
                assert numbers[place] != numbers[other_place]
            elif one and other and abs(one[1] - other[1]) <= pause:
                assert numbers[place] == numbers[other_place]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_tied__is_what_shares_a_group_with_something_pinned(rows):
    numbers, pinned = (np.array([row[place] for row in rows]) for place in (0, 1))
    found = groups.tied(numbers.astype(int), pinned.astype(bool))
    wanted = [not held and any(other and group == one for one, other in rows) for group, held in rows]
    assert found.tolist() == wanted
