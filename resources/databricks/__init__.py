"""Databricks Unity Catalog, and the open-source Unity Catalog server that speaks the same API."""
