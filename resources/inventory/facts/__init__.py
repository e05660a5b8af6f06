"""The facts of access, lineage and usage: how they are written, part by part, with history."""
