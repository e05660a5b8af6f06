"""The system tables that tell of lineage and usage: what is in them, and what is missing where they cannot be read."""

from collections.abc import Iterator
from datetime import date

from governance.errors import GovernanceError, NotFound, PermissionDenied
from governance.listing import Probe, Reason
from resources.databricks.client_session import Workspace
from resources.databricks.client_sql import Warehouse

TABLE_LINEAGE = "system.access.table_lineage"
COLUMN_LINEAGE = "system.access.column_lineage"
HISTORY = "system.query.history"
NO_WAREHOUSE = "add warehouse_id: the id of a SQL warehouse that this principal CAN USE"


class SystemTables:
    """Asks for them on the connection's warehouse."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.warehouse = Warehouse(workspace)

    def days(self, table: str) -> tuple[date, date] | None:
        """First and last day (UTC) that a table tells of; None where it is empty.

        Raises:
            GovernanceError: it cannot be read.
        """
        for first, last in self.warehouse.rows(f"SELECT min(event_date), max(event_date) FROM {table}", {}):
            if first and last:
                return date.fromisoformat(str(first)[:10]), date.fromisoformat(str(last)[:10])
        return None

    def missing(self, table: str, error: GovernanceError) -> Reason | None:
        """Why a table could not be read, with what to ask for; None where it is not about rights."""
        schema = table.rpartition(".")[0]
        if isinstance(error, NotFound):
            remedy = f"let an account admin enable the system schema {schema}; then {self.grants(table)}"
            return Reason("not_found", f"{table} is not there: {error.message}", error.operation, remedy)
        if isinstance(error, PermissionDenied):
            remedy = error.remedy if "`system`" in error.remedy else self.grants(table)
            return Reason(error.code, f"{table}: {error.message}", error.operation, remedy)
        return None

    def grants(self, table: str) -> str:
        """Everything that reading a system table needs."""
        schema, who = table.rpartition(".")[0], f"`{self._workspace.grantee.replace('`', '``')}`"
        return (
            f"GRANT USE CATALOG ON CATALOG system TO {who}; GRANT USE SCHEMA ON SCHEMA {schema} TO {who}; "
            f"GRANT SELECT ON TABLE {table} TO {who}"
        )

    def probe(self, facet: str, *tables: str) -> Iterator[Probe]:
        """One line a table: whether we may read it."""
        for table in tables:
            line = f"{facet}: {table}"
            try:
                next(self.warehouse.rows(f"SELECT 1 FROM {table} LIMIT 1", {}), None)
            except GovernanceError as error:
                reason = self.missing(table, error) or Reason.of(error)
                yield Probe(line, False, reason.message, "USE SCHEMA, SELECT", reason.remedy)
            else:
                yield Probe(line, True, "read")
