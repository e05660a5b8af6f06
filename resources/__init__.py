"""The outside world: one folder per platform, and the inventory database."""
