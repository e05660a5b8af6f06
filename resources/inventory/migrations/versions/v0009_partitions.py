"""Partitions that two transactions may ask for at once, and one by one.

Revision: 0009
"""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replaces the function that makes partitions."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # the driver takes a single % for a placeholder
    op.get_bind().exec_driver_sql(script.replace("%", "%%"))


def downgrade() -> None:
    """Leaves the better function in place: it makes the same partitions."""
