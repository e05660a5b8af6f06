"""Snowflake: INFORMATION_SCHEMA for what is there now, ACCOUNT_USAGE for tags and for what was dropped."""
