"""The company's Databricks workspace: a stand-in that speaks Unity Catalog's REST API and keeps state."""
