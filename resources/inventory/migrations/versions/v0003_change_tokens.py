"""The change token of each scope's last complete listing, so that a scope which did not change is not listed again.

Revision: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNTS = (
    "datasets, columns, tags, created, updated, deleted, restored, out_of_scope, unchanged, touched, quarantined,"
    " cleaned, duplicates, unknown_types, pages, held, changes"
)


def upgrade() -> None:
    """Two columns, empty until the next complete listing; and the counts have one more name."""
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE inventory.scope ADD COLUMN token text, ADD COLUMN token_basis text")
    for view in ("sync_runs", "sync_scopes"):
        run(f"COMMENT ON COLUMN inventory.{view}.counts IS '{_COUNTS}, skipped.'")


def downgrade() -> None:
    """Takes the columns away: every scope is listed again."""
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE inventory.scope DROP COLUMN token, DROP COLUMN token_basis")
    for view in ("sync_runs", "sync_scopes"):
        run(f"COMMENT ON COLUMN inventory.{view}.counts IS '{_COUNTS}.'")
