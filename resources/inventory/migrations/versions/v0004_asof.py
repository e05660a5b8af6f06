"""The as-of functions with the tables' collation, so that asking for one name reads one name's versions.

Revision: 0004
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SCRIPT = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Drops and creates the functions."""
    # the driver takes a single % for a placeholder
    op.get_bind().exec_driver_sql(_SCRIPT.read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Not offered: the earlier form gives the same answers, only slowly."""
    raise RuntimeError("this version is not undone")
