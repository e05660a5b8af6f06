"""The pace of each source: what was learned of how hard it may be asked, kept from run to run.

Revision: 0008
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table, empty: every source begins as one of which nothing is known."""
    script = Path(__file__).with_name("v0008_pace.sql").read_text(encoding="utf-8").replace("%", "%%")
    op.get_bind().exec_driver_sql(script)


def downgrade() -> None:
    """Forgets what was learned."""
    run = op.get_bind().exec_driver_sql
    run("DROP VIEW inventory.pace")
    run("DROP TABLE inventory.source_pace")
