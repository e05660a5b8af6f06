"""The open forms in which the inventory leaves: typed tables, JSON lines, OpenLineage events. Pure."""
