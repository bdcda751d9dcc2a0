"""Tables of the data side: projects, classes, images, labels, imports."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, utc_now
from app.domain.filenames import order_key

# Letters in the order of their numbers, as SQLite has them: PostgreSQL would follow the language of its installation.
ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _name_order(context: Any) -> str:
    return order_key(context.get_current_parameters()["name"])


class Project(Base):
    """One classification task with its classes, images and runs."""

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(80), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    next_run_number: Mapped[int] = mapped_column(default=1)
    next_import_number: Mapped[int] = mapped_column(default=1)
    next_view_number: Mapped[int] = mapped_column(default=1, server_default="1")
    # Behind the ids of all removed images, classes and runs of this project (``services.own_ids``).
    next_image_id: Mapped[int] = mapped_column(default=1, server_default="1")
    next_class_id: Mapped[int] = mapped_column(default=1, server_default="1")
    next_run_id: Mapped[int] = mapped_column(default=1, server_default="1")
    # Since then a worker removes what belongs to it, and no page knows it. The row stays for the ids above.
    deleted_at: Mapped[datetime | None]

    classes: Mapped[list["LabelClass"]] = relationship(
        back_populates="project", lazy="raise", order_by="LabelClass.position"
    )

    @property
    def offered(self) -> list["LabelClass"]:
        """The classes that labels can be given of: all but the retired ones."""
        return [item for item in self.classes if not item.retired]


class LabelClass(Base):
    """A class that an image can be labelled with. Its name may change at any time; its id never does."""

    __tablename__ = "label_class"
    __table_args__ = (sa.UniqueConstraint("project_id", "name_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    name_key: Mapped[str] = mapped_column(sa.String(200))  # NFKC + casefold, so that two spellings of one name meet
    color: Mapped[str] = mapped_column(sa.String(7))
    key: Mapped[str] = mapped_column(sa.String(4), default="")  # the digit or letter that chooses the class, or ""
    position: Mapped[int]
    second_name: Mapped[str] = mapped_column(sa.String(200), default="", server_default=sa.text("''"))  # other language
    description: Mapped[str] = mapped_column(sa.Text, default="", server_default=sa.text("''"))  # what belongs to it
    retired: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # offered no more; labels stay
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    project: Mapped[Project] = relationship(back_populates="classes", lazy="raise")


class Image(Base):
    """One picture of a project. The original and our own upright 8-bit RGB copy lie in the store under their hashes."""

    __tablename__ = "image"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "sha256"),
        # Pages and places of the gallery for each filter: the index alone answers.
        sa.Index("ix_image_project_id_state_class_id", "project_id", "state", "class_id", "id"),
        sa.Index("ix_image_project_id_state_split", "project_id", "state", "split", "id"),
        sa.Index("ix_image_project_id_state_import_id", "project_id", "state", "import_id", "id"),
        sa.Index(
            *("ix_image_unsure", "project_id", "state", "id"),
            sqlite_where=sa.text("unsure"),
            postgresql_where=sa.text("unsure"),
        ),
        sa.Index(
            *("ix_image_skipped", "project_id", "state", "id"),
            sqlite_where=sa.text("skipped"),
            postgresql_where=sa.text("skipped"),
        ),
        sa.Index("ix_image_project_id_state", "project_id", "state", "id"),  # pages and totals of the gallery
        sa.Index("ix_image_project_id_name_order", "project_id", "name_order", "id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    import_id: Mapped[int | None] = mapped_column(sa.ForeignKey("import_batch.id"), index=True)
    sha256: Mapped[str] = mapped_column(sa.String(64))  # of the original bytes
    canonical_sha256: Mapped[str] = mapped_column(sa.String(64))  # of our copy: what browser and training see
    thumbnail_sha256: Mapped[str] = mapped_column(sa.String(64))
    name: Mapped[str] = mapped_column(sa.String(255))  # file name as shown: NFC, no control characters
    # ``filenames.order_key`` of the name, which never changes: what images are put in order by.
    name_order: Mapped[str] = mapped_column(
        ORDERED_TEXT, default=_name_order, server_default=sa.text("''"), deferred=True
    )
    path: Mapped[str] = mapped_column(sa.Text)  # relative path inside the import, as it came
    width: Mapped[int]  # of our copy, pixels
    height: Mapped[int]
    file_format: Mapped[str] = mapped_column(sa.String(10))  # JPEG, PNG, ... by content
    file_bytes: Mapped[int]
    conversion: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # {"mode", "scaled": [low, high], "orientation", "frames", ...}
    class_id: Mapped[int | None] = mapped_column(sa.ForeignKey("label_class.id"), index=True)
    label_version: Mapped[int] = mapped_column(default=0)  # grows by one with each label event
    split: Mapped[str | None] = mapped_column(sa.String(10))
    split_source: Mapped[str] = mapped_column(sa.String(20), default="")  # "folder", "drawn", "hand" or ""
    state: Mapped[str] = mapped_column(sa.String(10), default="active")
    reason: Mapped[str] = mapped_column(sa.String(200), default="", server_default=sa.text("''"))  # why it is excluded
    unsure: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    skipped: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    note: Mapped[str] = mapped_column(sa.Text, default="", server_default=sa.text("''"))
    origin: Mapped[str] = mapped_column(sa.String(500), default="", server_default=sa.text("''"))  # whose picture it is
    licence: Mapped[str] = mapped_column(sa.String(100), default="", server_default=sa.text("''"))
    publish: Mapped[str] = mapped_column(sa.String(3), default="", server_default=sa.text("''"))  # "yes", "no" or ""
    # The class that somebody found right; no foreign key: an event refers to each class that a label ever had.
    checked_id: Mapped[int | None]
    mark_version: Mapped[int] = mapped_column(default=0, server_default="0")  # grows by one with each mark event
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ImageCount(Base):
    """How many images share all these values, and their bytes. Triggers of the database keep it (migration 0006).

    0 and "" stand for no class, no import, no split. Rows whose count has come down to 0 may stay.
    """

    __tablename__ = "image_count"

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    class_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    split: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    split_source: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    import_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unsure: Mapped[bool] = mapped_column(primary_key=True)
    skipped: Mapped[bool] = mapped_column(primary_key=True)
    noted: Mapped[bool] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    publish: Mapped[str] = mapped_column(sa.String(3), primary_key=True)
    count: Mapped[int]
    bytes: Mapped[int] = mapped_column(sa.BigInteger)


class SavedView(Base):
    """Filters and order of the gallery under a name. ``query``: a query string; ``number``: in its address."""

    __tablename__ = "saved_view"
    __table_args__ = (sa.UniqueConstraint("project_id", "name_key"), sa.UniqueConstraint("project_id", "number"))

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    number: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(100))
    name_key: Mapped[str] = mapped_column(sa.String(100))  # NFKC + casefold
    query: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ChangeSet(Base):
    """One act of a person: a key press on one image or a digit on 40,000 selected ones. It is undone as a whole."""

    __tablename__ = "change_set"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "request_id"),
        *(
            sa.Index(
                f"ix_change_set_{name}",
                name,
                sqlite_where=sa.text(f"{name} IS NOT NULL"),
                postgresql_where=sa.text(f"{name} IS NOT NULL"),
            )
            for name in ("undoes_id", "undone_by_id")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), index=True)
    request_id: Mapped[str] = mapped_column(sa.String(64))  # made by the client: a repeated request changes nothing
    source: Mapped[str] = mapped_column(sa.String(10))
    field: Mapped[str] = mapped_column(sa.String(10), default="label", server_default="label")  # what it changed
    actor: Mapped[str] = mapped_column(sa.String(100))
    image_count: Mapped[int]
    undoes_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("change_set.id")
    )  # set when this change takes another back
    undone_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("change_set.id"))
    # Of several images: {"first": image id, "kinds": different values written, "counts": images by value, when few}.
    outcome: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class LabelEvent(Base):
    """Append-only: one label of one image went from ``before_id`` to ``after_id``."""

    __tablename__ = "label_event"
    __table_args__ = (sa.UniqueConstraint("image_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    change_set_id: Mapped[int] = mapped_column(sa.ForeignKey("change_set.id"), index=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"))
    version: Mapped[int]  # the label version that this event made
    before_id: Mapped[int | None] = mapped_column(sa.ForeignKey("label_class.id"), index=True)
    after_id: Mapped[int | None] = mapped_column(sa.ForeignKey("label_class.id"), index=True)


class MarkEvent(Base):
    """Append-only: one mark of one image (excluded, unsure, skipped, note …) went from ``before`` to ``after``.

    Which mark it is stands in the change set. None: not set. A text: set, with the reason, the note, or the class id
    that was found right.
    """

    __tablename__ = "mark_event"
    __table_args__ = (sa.UniqueConstraint("image_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    change_set_id: Mapped[int] = mapped_column(sa.ForeignKey("change_set.id"), index=True)
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"))
    version: Mapped[int]  # the mark version that this event made
    before: Mapped[str | None] = mapped_column(sa.Text)
    after: Mapped[str | None] = mapped_column(sa.Text)


class ClassEvent(Base):
    """Append-only: a class was changed. ``before`` and ``after`` hold the values that differ, such as {"name": …}.

    ``class_id`` is no foreign key: a class that nothing uses may be deleted, its history stays.
    """

    __tablename__ = "class_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    change_set_id: Mapped[int] = mapped_column(sa.ForeignKey("change_set.id"), index=True)
    class_id: Mapped[int]
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ImageLease(Base):
    """Somebody has this image on the screen of label mode, or will have it next."""

    __tablename__ = "image_lease"
    __table_args__ = (sa.Index("ix_image_lease_project_id", "project_id", "until"),)

    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"), primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    holder: Mapped[str] = mapped_column(sa.String(64))  # the browser that asked
    until: Mapped[float]  # seconds by the database's clock


class ImportBatch(Base):
    """One import: a browser upload, a zip, a server folder or a sample set."""

    __tablename__ = "import_batch"
    __table_args__ = (sa.UniqueConstraint("project_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    number: Mapped[int]
    source: Mapped[str] = mapped_column(sa.String(10))  # "browser", "zip", "folder" or "sample"
    name: Mapped[str] = mapped_column(sa.String(255))
    finished: Mapped[bool] = mapped_column(default=False)
    total: Mapped[int | None]  # files expected, once known
    new_count: Mapped[int] = mapped_column(default=0)
    duplicate_count: Mapped[int] = mapped_column(default=0)
    refused_count: Mapped[int] = mapped_column(default=0)
    skipped_count: Mapped[int] = mapped_column(default=0)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    actor: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]


class ImportEntry(Base):
    """What became of one file of an import. ``code`` and ``params`` give the reason; plain new files have none."""

    __tablename__ = "import_entry"
    __table_args__ = (sa.Index("ix_import_entry_import_id_verdict", "import_id", "verdict", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("import_batch.id"))
    path: Mapped[str] = mapped_column(sa.Text)
    verdict: Mapped[str] = mapped_column(sa.String(10))
    code: Mapped[str] = mapped_column(sa.String(40), default="")
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    image_id: Mapped[int | None] = mapped_column(sa.ForeignKey("image.id"), index=True)
