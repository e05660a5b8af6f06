"""What is asked by its key costs the same however large the inventory is: parts, quarantine, and who can read.

Revision: 0012
"""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# the OFFSET keeps it a look-up by the index for each row; joined as a whole, all memberships of the source are read
_JOIN = "JOIN inventory.membership m ON {on}\n"
_LOOK_UP = "CROSS JOIN LATERAL (SELECT * FROM inventory.membership m WHERE {on} OFFSET 0) m\n"
_ON = (
    "m.source_id = r.source_id AND m.role = r.principal AND m.role_kind = r.principal_kind",
    "m.source_id = b.source_id AND m.member = b.name AND m.member_kind = b.kind",
)


def upgrade() -> None:
    """Indexes, and the same answers by another way."""
    run = op.get_bind().exec_driver_sql
    # the driver takes a single % for a placeholder
    run(Path(__file__).with_name("v0012_keys.sql").read_text(encoding="utf-8").replace("%", "%%"))
    function = run("SELECT pg_get_functiondef('inventory.readers(text,text,text)'::regprocedure)").scalar_one()
    for on in _ON:
        if _JOIN.format(on=on) not in function:
            raise RuntimeError("inventory.readers does not follow memberships as this version knows it")
        function = function.replace(_JOIN.format(on=on), _LOOK_UP.format(on=on))
    run(function.replace("%", "%%"))


def downgrade() -> None:
    """Takes the indexes away; the view and the function answer the same as before."""
    op.get_bind().exec_driver_sql("DROP INDEX inventory.scope_name, inventory.part_name, inventory.quarantined_part")
