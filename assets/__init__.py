"""What Dagster materialises: read, decide, store, report."""
