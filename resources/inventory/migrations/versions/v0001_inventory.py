"""The first schema: facts, history, changes, syncs, quarantine, audit, and the views over them.

Revision: 0001
"""

from pathlib import Path

import structlog
from alembic import op
from sqlalchemy import exc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

log = structlog.get_logger(__name__)
_FOLDER = Path(__file__).parent
_READER = "governance_reader"


def _script(part: str) -> str:
    # the driver takes a single % for a placeholder
    return (_FOLDER / f"v0001_{part}.sql").read_text(encoding="utf-8").replace("%", "%%")


def upgrade() -> None:
    """Creates everything; the reader's role only where this user may create roles."""
    connection = op.get_bind()
    for part in ("tables", "functions", "views", "asof", "comments"):
        connection.exec_driver_sql(_script(part))
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(_script("reader"))
    except exc.DBAPIError as error:
        log.warning(
            "reader_role.missing",
            role=_READER,
            error=str(error.orig).strip(),
            fix="let an administrator run resources/inventory/migrations/versions/v0001_reader.sql",
        )


def downgrade() -> None:
    """Not offered: it would drop the history of the estate."""
    raise RuntimeError("the first version is not undone; restore a backup, or drop the schema inventory by hand")
