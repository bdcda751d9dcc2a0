"""labelling: marks of images, changes of classes, leases"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Not as batches: SQLite would make the tables anew, and cannot drop the old ones while other rows refer to them.
    empty = sa.text("''")
    op.add_column("label_class", sa.Column("second_name", sa.String(length=200), server_default=empty, nullable=False))
    op.add_column("label_class", sa.Column("retired", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("image", sa.Column("reason", sa.String(length=200), server_default=empty, nullable=False))
    op.add_column("image", sa.Column("unsure", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("image", sa.Column("skipped", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("image", sa.Column("note", sa.Text(), server_default=empty, nullable=False))
    op.add_column("image", sa.Column("mark_version", sa.Integer(), server_default="0", nullable=False))
    op.add_column("change_set", sa.Column("field", sa.String(length=10), server_default="label", nullable=False))
    op.create_table(
        "mark_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_set_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["change_set_id"], ["change_set.id"], name=op.f("fk_mark_event_change_set_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_mark_event_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mark_event")),
        sa.UniqueConstraint("image_id", "version", name=op.f("uq_mark_event_image_id_version")),
    )
    op.create_index(op.f("ix_mark_event_change_set_id"), "mark_event", ["change_set_id"], unique=False)
    op.create_table(
        "class_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_set_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["change_set_id"], ["change_set.id"], name=op.f("fk_class_event_change_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_event")),
    )
    op.create_index(op.f("ix_class_event_change_set_id"), "class_event", ["change_set_id"], unique=False)
    op.create_table(
        "image_lease",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_image_lease_image_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_image_lease_project_id")),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_image_lease")),
    )
    op.create_index("ix_image_lease_project_id", "image_lease", ["project_id", "until"], unique=False)


def downgrade() -> None:
    for table in ("image_lease", "class_event", "mark_event"):
        op.drop_table(table)
    with op.batch_alter_table("change_set", schema=None) as batch_op:
        batch_op.drop_column("field")
    with op.batch_alter_table("image", schema=None) as batch_op:
        for name in ("mark_version", "note", "skipped", "unsure", "reason"):
            batch_op.drop_column(name)
    with op.batch_alter_table("label_class", schema=None) as batch_op:
        batch_op.drop_column("retired")
        batch_op.drop_column("second_name")
