"""The columns of a new dataset need not say when: it is the moment of their transaction.

Revision: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A default, for rows that are copied without."""
    op.execute("ALTER TABLE inventory.dataset_column ALTER COLUMN valid_from SET DEFAULT now()")


def downgrade() -> None:
    """No default."""
    op.execute("ALTER TABLE inventory.dataset_column ALTER COLUMN valid_from DROP DEFAULT")
