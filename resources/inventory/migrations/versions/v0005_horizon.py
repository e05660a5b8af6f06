"""Horizons: since when history, changes, usage and runs are kept, and as-of functions that refuse what was pruned.

Revision: 0005
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FOLDER = Path(__file__).parent


def upgrade() -> None:
    """Creates the horizons, empty, and replaces the as-of functions."""
    connection = op.get_bind()
    for part in ("horizon", "asof", "comments"):
        # the driver takes a single % for a placeholder
        script = (_FOLDER / f"v0005_{part}.sql").read_text(encoding="utf-8").replace("%", "%%")
        connection.exec_driver_sql(script)


def downgrade() -> None:
    """Not offered: the functions would answer for moments that are no longer known."""
    raise RuntimeError("this version is not undone; restore a backup, or drop the schema inventory by hand")
