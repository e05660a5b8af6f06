"""The fingerprint of each dataset's record as its platform last sent it: the same record is not translated again.

Revision: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A narrow table beside the datasets, whose rows are far wider than what moves here."""
    run = op.get_bind().exec_driver_sql
    run(
        "CREATE TABLE inventory.fingerprint (dataset_id bigint PRIMARY KEY, record bytea NOT NULL,"
        " tags int NOT NULL, unknown_types int NOT NULL)"
    )
    run("CREATE INDEX fingerprint_record ON inventory.fingerprint (record)")


def downgrade() -> None:
    """Takes the table away: every record is translated again."""
    op.get_bind().exec_driver_sql("DROP TABLE inventory.fingerprint")
