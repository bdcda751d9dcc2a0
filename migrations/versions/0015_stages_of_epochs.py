"""the stage of an epoch; where a training begins; what its models say of several views of each picture"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("epoch_metric", sa.Column("stage", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("origin", sa.JSON(), nullable=True))
    op.add_column("run", sa.Column("views", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("run", "views")
    op.drop_column("run", "origin")
    op.drop_column("epoch_metric", "stage")
