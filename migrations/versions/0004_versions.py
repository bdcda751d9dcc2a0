"""data versions; source, licence and permission of images"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "data_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("image_count", sa.Integer(), nullable=False),
        sa.Column("labelled_count", sa.Integer(), nullable=False),
        sa.Column("excluded_count", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_data_version_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_version")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_data_version_project_id_number")),
    )
    op.create_index("ix_data_version_project_id_fingerprint", "data_version", ["project_id", "fingerprint"])
    op.create_table(
        "data_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=True),
        sa.Column("class_id", sa.Integer(), nullable=True),
        sa.Column("split", sa.String(length=10), nullable=True),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_data_item_project_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_data_item_image_id")),
        sa.ForeignKeyConstraint(["class_id"], ["label_class.id"], name=op.f("fk_data_item_class_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_item")),
        sa.UniqueConstraint("image_id", "first", name=op.f("uq_data_item_image_id_first")),
    )
    op.create_index("ix_data_item_project_id_last", "data_item", ["project_id", "last", "first"])
    op.create_index("ix_data_item_project_id_first", "data_item", ["project_id", "first"])
    # Not as a batch: SQLite would make the table anew, and cannot drop the old one while other rows refer to it.
    for name, length in (("origin", 500), ("licence", 100), ("publish", 3)):
        column = sa.Column(name, sa.String(length=length), server_default=sa.text("''"), nullable=False)
        op.add_column("image", column)
    # In one statement: SQLite cannot add a foreign key later without making the table anew, which folds refer to.
    op.execute(
        "ALTER TABLE run ADD COLUMN version_id INTEGER CONSTRAINT fk_run_version_id REFERENCES data_version (id)"
    )
    op.create_index(op.f("ix_run_version_id"), "run", ["version_id"])


def downgrade() -> None:
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_version_id"))
        batch_op.drop_column("version_id")
    with op.batch_alter_table("image", schema=None) as batch_op:
        for name in ("publish", "licence", "origin"):
            batch_op.drop_column(name)
    op.drop_table("data_item")
    op.drop_table("data_version")
