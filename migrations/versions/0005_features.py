"""features of pictures"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "feature_block",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_block")),
    )
    op.create_index(op.f("ix_feature_block_method"), "feature_block", ["method"], unique=False)
    op.create_table(
        "feature_place",
        sa.Column("canonical_sha256", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["block_id"], ["feature_block.id"], name=op.f("fk_feature_place_block_id")),
        sa.PrimaryKeyConstraint("canonical_sha256", "method", name=op.f("pk_feature_place")),
    )
    op.create_index(op.f("ix_feature_place_block_id"), "feature_place", ["block_id"], unique=False)
    op.create_table(
        "project_array",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_project_array_job_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_array_project_id")),
        sa.PrimaryKeyConstraint("project_id", "kind", name=op.f("pk_project_array")),
    )


def downgrade() -> None:
    for table in ("project_array", "feature_place", "feature_block"):
        op.drop_table(table)
