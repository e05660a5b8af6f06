"""Snowflake of the sandbox: fakesnow runs the SQL, what it does not know of a Snowflake catalogue is added here."""
