"""Who can read: policies heed every group that one is in, and privileges on containers the kind of object below.

Revision: 0011
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replaces the function that answers who can read."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # the driver takes a single % for a placeholder
    op.get_bind().exec_driver_sql(script.replace("%", "%%"))


def downgrade() -> None:
    """Leaves the better function in place: it takes and gives the same columns."""
