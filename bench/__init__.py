"""How fast a sync is, measured side by side with the bare floor in one run. `make bench`."""
