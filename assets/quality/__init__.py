"""Data quality as asset checks, judged by Great Expectations where the data is."""
