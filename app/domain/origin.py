"""When and with what a picture was taken, as its camera wrote it (EXIF): what tells pictures of one burst.

Nothing else of EXIF is kept: no place, no name of a person.
"""

from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from app.domain.filenames import clean

MAX_CAMERA = 100
_TIMES = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
)


def of(image: Image.Image) -> dict[str, str]:
    """``taken`` (ISO 8601, local time of the camera) and ``camera`` (maker, model, number), each where it is known."""
    try:
        outer = image.getexif()
        inner = outer.get_ifd(ExifTags.IFD.Exif)
    except Exception:
        return {}  # broken EXIF data does not spoil a sound picture
    values = {**outer, **inner}
    found = {"taken": _taken(values), "camera": _camera(values)}
    return {name: text for name, text in found.items() if text}


def _taken(values: dict[int, Any]) -> str:
    for whole, part in _TIMES:
        try:
            moment = datetime.strptime(_text(values.get(whole)), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF has no zone
        except ValueError:
            continue
        fraction = _text(values.get(part))
        micro = int(fraction[:6].ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else 0
        return moment.replace(microsecond=micro).isoformat()
    return ""


def _camera(values: dict[int, Any]) -> str:
    make, model = (_text(values.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    number = _text(values.get(ExifTags.Base.BodySerialNumber))
    named = model if model.casefold().startswith(make.casefold()) else f"{make} {model}"
    return " ".join(part for part in (named, number) if part)[:MAX_CAMERA].strip()


def _text(value: Any) -> str:
    """A text of the file without control characters and needless blanks; "" for anything else."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join(clean(value.replace("\0", " ")).split())
