"""Fixtures for all tests, one family a file in `tests/fixtures/`."""

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.misbehaving", "tests.fixtures.real_atlas"]
