"""The inventory: what was found, now and at every earlier time, in PostgreSQL."""
