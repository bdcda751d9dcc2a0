"""answers of a run as files of arrays; the models of a run are counted from the index"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "answer_pack",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("fold", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("newest_id", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_answer_pack_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "role", "fold", name=op.f("pk_answer_pack")),
    )
    op.drop_index("ix_prediction_run_id_role", table_name="prediction")
    op.create_index("ix_prediction_run_id_role", "prediction", ["run_id", "role", "fold", "predicted"])


def downgrade() -> None:
    op.drop_index("ix_prediction_run_id_role", table_name="prediction")
    op.create_index("ix_prediction_run_id_role", "prediction", ["run_id", "role", "predicted"])
    op.drop_table("answer_pack")
