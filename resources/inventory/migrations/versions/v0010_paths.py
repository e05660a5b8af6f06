"""Fields below a column share what is said of it; tags nearer to it come first; denials to many reach each of them.

Revision: 0010
"""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replaces the functions that answer who can read a column."""
    # the driver takes a single % for a placeholder
    script = Path(__file__).with_name("v0010_paths.sql").read_text(encoding="utf-8").replace("%", "%%")
    op.get_bind().exec_driver_sql(script)


def downgrade() -> None:
    """Not offered: fields of hidden columns would show as readable again."""
    raise RuntimeError("this version is not undone; restore a backup, or drop the schema inventory by hand")
