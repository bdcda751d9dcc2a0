"""second opinions"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "opinion_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_opinion_round_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opinion_round")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_opinion_round_project_id_number")),
    )
    op.create_table(
        "opinion_image",
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["opinion_round.id"], name=op.f("fk_opinion_image_round_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_opinion_image_image_id")),
        sa.PrimaryKeyConstraint("round_id", "image_id", name=op.f("pk_opinion_image")),
    )
    op.create_index(op.f("ix_opinion_image_image_id"), "opinion_image", ["image_id"])
    op.create_table(
        "opinion",
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["opinion_round.id"], name=op.f("fk_opinion_round_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_opinion_image_id")),
        sa.ForeignKeyConstraint(["class_id"], ["label_class.id"], name=op.f("fk_opinion_class_id")),
        sa.PrimaryKeyConstraint("round_id", "image_id", "actor", name=op.f("pk_opinion")),
    )
    op.create_index(op.f("ix_opinion_image_id"), "opinion", ["image_id"])


def downgrade() -> None:
    for name in ("opinion", "opinion_image", "opinion_round"):
        op.drop_table(name)
