"""Access, lineage and usage: their facts with history, their views, and the questions asked of them.

Revision: 0002
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FOLDER = Path(__file__).parent


def upgrade() -> None:
    """Creates the facets' tables and views; the empty ones of 0001 make way."""
    connection = op.get_bind()
    for part in ("tables", "functions", "views", "asof", "questions", "comments", "reader"):
        # the driver takes a single % for a placeholder
        script = (_FOLDER / f"v0002_{part}.sql").read_text(encoding="utf-8").replace("%", "%%")
        connection.exec_driver_sql(script)


def downgrade() -> None:
    """Not offered: it would drop the history of the estate."""
    raise RuntimeError("this version is not undone; restore a backup, or drop the schema inventory by hand")
