"""the temperature that is kept with the models of a run"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("run", sa.Column("temperature", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("run", "temperature")
