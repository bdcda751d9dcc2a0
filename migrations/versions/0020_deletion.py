"""a project that is being deleted, and the names that classes had in a data version"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What refers to a change set or an image is found without a look at each row.
_LINKS = ("undoes_id", "undone_by_id")


def upgrade() -> None:
    op.add_column("project", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("project", sa.Column("next_run_id", sa.Integer(), server_default="1", nullable=False))
    op.create_table(
        "data_class",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["data_version.id"], name=op.f("fk_data_class_version_id")),
        sa.PrimaryKeyConstraint("version_id", "class_id", name=op.f("pk_data_class")),
    )
    for column in _LINKS:
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_change_set_{column}", "change_set", [column], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_import_entry_image_id", "import_entry", ["image_id"])


def downgrade() -> None:
    op.drop_index("ix_import_entry_image_id", table_name="import_entry")
    for column in reversed(_LINKS):
        op.drop_index(f"ix_change_set_{column}", table_name="change_set")
    op.drop_table("data_class")
    for name in ("next_run_id", "deleted_at"):
        op.drop_column("project", name)
