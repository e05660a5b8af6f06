"""Harbour & Pine, a retailer: its logical tables, and what each platform holds of them."""
