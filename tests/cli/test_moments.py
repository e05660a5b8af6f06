"""Moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import ConfigurationError
from governance_pipelines.commands.moments import moment

NOW = datetime(2026, 11, 5, 14, 30, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-03", datetime(2026, 11, 3, tzinfo=UTC)),
        ("2026-11-03T14:00", datetime(2026, 11, 3, 14, tzinfo=UTC)),
        ("2026-11-03 14:00:05+02:00", datetime(2026, 11, 3, 12, 0, 5, tzinfo=UTC)),
        ("now", NOW),
        ("Today", datetime(2026, 11, 5, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 4, tzinfo=UTC)),
        ("tuesday", datetime(2026, 11, 3, tzinfo=UTC)),
        ("last Tuesday", datetime(2026, 11, 3, tzinfo=UTC)),
        ("thursday", datetime(2026, 10, 29, tzinfo=UTC)),
        ("2h", NOW - timedelta(hours=2)),
        ("90 min ago", NOW - timedelta(minutes=90)),
        ("1w", NOW - timedelta(days=7)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("3 days ago", NOW - timedelta(days=3)),
        ("1 hour ago", NOW - timedelta(hours=1)),
    ],
)
def test_what_people_write_is_understood(text: str, meant: datetime) -> None:
    assert moment(text, NOW, "--since") == meant


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "h", "-2h", "999999w", "2h 3m"])
def test_what_nobody_understands_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no moment") as raised:
        moment(text, NOW, "--since")
    assert "2026-11-03" in raised.value.remedy
    assert raised.value.operation == "--since"


@given(st.datetimes(timezones=st.just(UTC)))
def test_iso_text_means_itself(at: datetime) -> None:
    assert moment(at.isoformat(), NOW, "--since") == at


@given(st.text(max_size=20))
def test_any_text_is_a_moment_or_a_clear_refusal(text: str) -> None:
    try:
        assert moment(text, NOW, "--until").tzinfo is not None
    except ConfigurationError as error:
        assert error.remedy
