"""Containers that do not take privileges from above: `grants`, `grants_as_of` and `readers` heed what says so.

Revision: 0007
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FOLDER = Path(__file__).parent


def upgrade() -> None:
    """Replaces the view and the functions that derive what is inherited."""
    # the driver takes a single % for a placeholder
    script = (_FOLDER / "v0007_barriers.sql").read_text(encoding="utf-8").replace("%", "%%")
    op.get_bind().exec_driver_sql(script)


def downgrade() -> None:
    """Not offered: what is restricted would show as inherited again."""
    raise RuntimeError("this version is not undone; restore a backup, or drop the schema inventory by hand")
