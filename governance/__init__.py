"""The floor: what we know and decide. No Dagster, no network, no environment variables."""
