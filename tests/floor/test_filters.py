"""Include and exclude globs, and which scopes they let a sync skip."""

from hypothesis import given
from hypothesis import strategies as st

from governance.filters import NameFilter, may_match_under


def test_open_filter_takes_everything() -> None:
    names = NameFilter()
    assert names.is_open and names.matches("a.b") and names.may_match_under("a.")


def test_exclude_wins_and_case_counts() -> None:
    names = NameFilter(["sales.*"], ["*.tmp_*"])
    assert names.matches("sales.orders")
    assert not names.matches("sales.tmp_orders")
    assert not names.matches("Sales.orders")


def test_a_scope_no_pattern_reaches_is_skipped() -> None:
    names = NameFilter(["sales.*", "*.audit"], ["hr.*"])
    assert names.may_match_under("sales.")
    assert names.may_match_under("ops.")
    assert not names.may_match_under("hr.")
    assert not NameFilter(["sales.*"]).may_match_under("ops.")


@given(st.text("ab.*?", max_size=8), st.text("ab.", max_size=6), st.integers(0, 6))
def test_never_says_no_to_a_prefix_of_a_match(pattern: str, name: str, cut: int) -> None:
    if NameFilter([pattern]).matches(name):
        assert may_match_under(pattern, name[:cut])
