"""Pictures with structure of every size, each its own, and projects made of them and checked as a worker does it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image as Picture

from app.config import Settings
from app.db.models import Image, Project
from app.db.session import Database
from app.domain.enums import LabelSource, Split
from app.domain.imaging import decode
from app.domain.picture_facts import measure
from app.services import health_check, health_facts, images, imports, jobs, labels
from app.services.jobs import Claim
from app.storage import LocalStore
from tests import factories
from tests.jobs import processes
from worker import runner


def photo(number: int, side: int = 72) -> Picture.Image:
    """Clouds of noise of several sizes: no two numbers look alike."""
    rng = np.random.default_rng(number)
    total = np.zeros((side, side, 3), dtype=np.float32)
    for cells, weight in ((4, 60), (9, 40), (20, 30), (40, 20)):
        noise = Picture.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        grown = noise.resize((side, side), Picture.Resampling.BICUBIC)
        total += (np.asarray(grown, dtype=np.float32) - 128) / 128 * weight
    return Picture.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


def saved(picture: Picture.Image, quality: int = 0) -> bytes:
    """PNG, or JPEG of a quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG" if quality else "PNG", **({"quality": quality} if quality else {}))
    return file.getvalue()


@dataclass
class Made:
    """A project in the making: files with their class, split and path."""

    database: Database
    store: LocalStore
    settings: Settings
    files: list[tuple[bytes, str, str | None, Split | None]] = field(default_factory=list)

    def add(self, data: bytes, label: str | None, *, split: Split | None = None, path: str = "") -> int:
        """One more picture; its place in the order of ids."""
        self.files.append((data, path or f"{len(self.files):03}.png", label, split))
        return len(self.files) - 1

    def project(self, names: Sequence[str] = ("猫", "犬")) -> Project:
        """Import and label them all."""
        with self.database.write() as session:
            project = factories.make_project(session, "健康", names)
            batch = imports.create(session, project, source="folder", name="x", actor="t", total=len(self.files))
            classes = {item.name: item.id for item in project.classes}
            changes = []
            for data, path, label, split in self.files:
                prepared = images.prepare(self.store, data, decode(data))
                image, _new = images.add(session, project, batch, prepared, path=path, split=split)
                if label:
                    changes.append(labels.LabelChange(image.id, classes[label], None))
            labels.assign(session, project.id, changes, source=LabelSource.IMPORT, actor="t", request_id="made")
        return project

    def check(self, project: Project) -> None:
        """Do in this process what a worker does in several."""
        with self.database.write() as session:
            for image_id, digest in health_facts.missing(session, project.id, 0, 1000):
                health_facts.write(session, {image_id: measure(self.store.get(digest))})
            found, results = health_check.examine(health_facts.table(session, project.id))
            health_check.store(session, project.id, found, results, len(self.files))

    def check_by_worker(self, project: Project, *, turned: bool = False) -> None:
        """Ask for a check and let a worker do it."""
        with self.database.write() as session:
            job = health_check.request(session, project.id, turned=turned)  # one that waits already is this one
            claim = jobs.claim(session, job.id, "w", 60)
        assert isinstance(claim, Claim)
        runner.run(processes.parts(self.settings, self.database, self.store), claim)
        assert processes.job_of(self.database, job.id).state == "done"

    def image(self, project: Project, place: int) -> Image:
        """The row of a picture as it is now."""
        with self.database.read() as session:
            found = session.query(Image).filter_by(project_id=project.id).order_by(Image.id).offset(place).first()
            assert found is not None
            return found
