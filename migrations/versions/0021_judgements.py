"""what the models of a finished run say of several views of each picture"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "judgement",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("views", sa.String(length=10), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_judgement_job_id_job")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_judgement_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "views", name=op.f("pk_judgement")),
    )
    op.create_index(op.f("ix_judgement_job_id"), "judgement", ["job_id"])


def downgrade() -> None:
    op.drop_table("judgement")
