"""Alembic's entry: runs the versions on the connection that `migrate` opened, in one transaction."""

from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS inventory")
context.configure(connection=connection, version_table="schema_version", version_table_schema="inventory")
with context.begin_transaction():
    context.run_migrations()
