"""AWS Glue Data Catalog and Lake Formation: databases, tables, columns and LF-tags."""
