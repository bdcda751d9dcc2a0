"""Sets of real pictures with faults planted in them, as rows of a project: what the finders have to find."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from PIL import Image as Picture
from PIL import ImageFilter
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.domain.picture_facts import Facts, measure
from app.services import health_facts
from tests import factories

Photo = Picture.Image
TURNS = (
    Picture.Transpose.FLIP_LEFT_RIGHT,
    Picture.Transpose.FLIP_TOP_BOTTOM,
    Picture.Transpose.ROTATE_90,
    Picture.Transpose.ROTATE_180,
    Picture.Transpose.ROTATE_270,
)


@dataclass
class One:
    """A picture of a set. ``origin`` is the number of the picture that it was made from, its own for an untouched one.
    ``kind`` says what was planted, "" for nothing."""

    data: bytes
    path: str
    label: str
    split: str | None
    origin: int
    kind: str = ""
    facts: Facts | None = field(default=None, repr=False)


def read(folder: Path) -> list[One]:
    """The pictures of a folder split/class/file, in the order of their paths."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))
    found = []
    for number, path in enumerate(files):
        split, label, _name = path.relative_to(folder).parts
        found.append(One(path.read_bytes(), str(path.relative_to(folder)), label, _split(split), number))
    return found


def _split(name: str) -> str | None:
    return "test" if name == "test" else None


def _saved(picture: Photo, quality: int | None = None) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG" if quality else "PNG", **({"quality": quality} if quality else {}))
    return file.getvalue()


def _resized(picture: Photo, rng: np.random.Generator) -> bytes:
    factor = float(rng.choice([0.4, 0.5, 0.7, 1.5, 2.0]))
    size = (max(16, round(picture.width * factor)), max(16, round(picture.height * factor)))
    return _saved(picture.resize(size, Picture.Resampling.LANCZOS), 90)


def _cropped(most: float) -> Callable[[Photo, np.random.Generator], bytes]:
    """Cut away between half of ``most`` and all of it, of width and height each, at any sides."""

    def crop(picture: Photo, rng: np.random.Generator) -> bytes:
        cut = np.ceil(rng.uniform(most / 2, most, 2) * picture.size)
        left, top = np.floor(rng.uniform(0, 1, 2) * cut)
        right, bottom = left + picture.width - cut[0], top + picture.height - cut[1]
        return _saved(picture.crop((int(left), int(top), int(right), int(bottom))), 90)

    return crop


COPIES: dict[str, Callable[[Photo, np.random.Generator], bytes]] = {
    "same pixels": lambda picture, _rng: _saved(picture),
    "re-encoded": lambda picture, rng: _saved(picture, int(rng.integers(40, 91))),
    "resized": _resized,
    "cropped by 5 %": _cropped(0.05),
    "cropped by 10 %": _cropped(0.10),
    "cropped by 15 %": _cropped(0.15),
}
TURNED = {"mirrored or turned": lambda picture, rng: _saved(picture.transpose(TURNS[rng.integers(len(TURNS))]), 80)}
ODD: dict[str, Callable[[Photo, np.random.Generator], bytes]] = {
    "dark": lambda picture, _rng: _saved(picture.point([round(value * 0.03) for value in range(256)] * 3)),
    "bright": lambda picture, _rng: _saved(picture.point([round(250 + value * 0.02) for value in range(256)] * 3)),
    "blurred": lambda picture, _rng: _saved(picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 25)), 90),
    "plain": lambda picture, _rng: _saved(Picture.new("RGB", picture.size, (128, 120, 133)), 90),
    "odd_size": lambda picture, _rng: _saved(picture.resize((picture.width * 3, max(picture.height // 3, 16))), 90),
}

SHORTCUTS: dict[str, Callable[[Photo], bytes]] = {
    "border_brightness": lambda picture: _saved(_framed(picture), 90),
    "brightness": lambda picture: _saved(picture.point([min(round(value * 1.7), 255) for value in range(256)] * 3), 90),
    "format": _saved,
    "size": lambda picture: _saved(picture.resize((picture.width // 2, picture.height // 2)), 90),
}


def _framed(picture: Photo) -> Photo:
    framed = Picture.new("RGB", picture.size, (255, 255, 255))
    rim = round(0.08 * min(picture.size))
    framed.paste(picture.resize((picture.width - 2 * rim, picture.height - 2 * rim)), (rim, rim))
    return framed


def plant_shortcut(ones: Sequence[One], name: str, rng: np.random.Generator) -> list[One]:
    """The pictures with a property that nine of ten of the first class and one of ten of the others have."""
    first = min(one.label for one in ones)
    found = []
    for one in ones:
        has = rng.uniform() < (0.9 if one.label == first else 0.1)
        data = SHORTCUTS[name](_open(one)) if has else one.data
        found.append(replace(one, data=data, kind=name if has else ""))
    return found


def plant_copies(ones: Sequence[One], kinds: Sequence[str], each: int, rng: np.random.Generator) -> list[One]:
    """``each`` copies of every kind, of pictures drawn without repetition, beside their originals."""
    makers = COPIES | TURNED
    chosen = rng.permutation(len(ones))[: each * len(kinds)].tolist()
    made = []
    for place, number in enumerate(chosen):
        kind, one = kinds[place % len(kinds)], ones[number]
        data = makers[kind](_open(one), rng)
        made.append(One(data, f"copy_{place}.jpg", one.label, one.split, one.origin, kind))
    return made


def plant_odd(ones: Sequence[One], each: int, rng: np.random.Generator) -> None:
    """Change ``each`` pictures in place for every kind of odd picture."""
    chosen = iter(rng.permutation(len(ones)).tolist())
    for kind, make in ODD.items():
        for _ in range(each):
            one = ones[next(chosen)]
            one.data, one.kind = make(_open(one), rng), kind


def _open(one: One) -> Photo:
    with Picture.open(io.BytesIO(one.data)) as file:
        return file.convert("RGB")


def measured(ones: Sequence[One], processes: int) -> None:
    """Measure all of them."""
    with ProcessPoolExecutor(processes) as pool:
        for one, facts in zip(ones, pool.map(measure, [one.data for one in ones], chunksize=25), strict=True):
            one.facts = facts


def project_of(session: Session, name: str, ones: Sequence[One]) -> tuple[Project, dict[int, One]]:
    """A project with these pictures, without files: facts stand in for them. Also the pictures by image id."""
    project = factories.make_project(session, name, sorted({one.label for one in ones}))
    class_of = {item.name: item.id for item in project.classes}
    rows = []
    for number, one in enumerate(ones):
        with Picture.open(io.BytesIO(one.data)) as file:
            width, height, file_format = file.width, file.height, file.format or ""
        rows.append(
            {
                "project_id": project.id,
                **dict.fromkeys(("sha256", "canonical_sha256", "thumbnail_sha256"), f"{number:064x}"),
                "name": Path(one.path).name,
                "path": one.path,
                "width": width,
                "height": height,
                "file_format": file_format,
                "file_bytes": len(one.data),
                "class_id": class_of[one.label],
                "label_version": 1,
                "split": one.split,
                "split_source": "folder" if one.split else "",
            }
        )
    statement = sa.insert(Image).returning(Image.id, sort_by_parameter_order=True)
    ids = list(session.scalars(statement, rows))
    by_id = dict(zip(ids, ones, strict=True))
    health_facts.write(session, {image_id: one.facts for image_id, one in by_id.items()})
    return project, by_id


def simulated(sketches: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Sketches of pictures that do not exist, of shape (32, 32): two real ones laid over each other, which is harder
    than any two pictures of one set, because many of them share an ingredient."""
    for _ in range(count):
        one, other = sketches[rng.integers(len(sketches), size=2)].astype(np.float32)
        share = rng.uniform(0.4, 0.6)
        mixed = share * one[:: rng.choice([-1, 1])] + (1 - share) * other[:, :: rng.choice([-1, 1])]
        yield np.clip(mixed + rng.normal(0, 2, mixed.shape), 0, 255).astype(np.uint8)
