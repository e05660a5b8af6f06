"""What one scope or part raises is its own failed outcome, with a reason; only an order to end goes through."""

import pytest

from assets.integrations.boundary import settled
from governance.errors import PermissionDenied
from governance.listing import Reason


def failing(error: BaseException) -> Reason | None:
    """The reason that is recorded where reading raises this."""

    def read() -> Reason | None:
        raise error

    return settled(read, lambda reason: reason, source="lake", scope="sales")


def test_what_is_read_is_the_outcome() -> None:
    assert settled(lambda: "read", lambda reason: reason.code, source="lake", scope="sales") == "read"


def test_an_error_of_ours_gives_its_own_reason() -> None:
    error = PermissionDenied("not allowed", platform="glue", operation="GetTables", remedy="ask for it")
    assert failing(error) == Reason("permission_denied", "not allowed", "GetTables", "ask for it")


def test_a_defect_is_a_reason_and_is_logged_with_its_trace(capfd: pytest.CaptureFixture[str]) -> None:
    reason = failing(KeyError("Name"))
    assert reason is not None
    assert (reason.code, reason.message) == ("internal_error", "KeyError: 'Name'")
    said = capfd.readouterr()
    assert all(word in said.out + said.err for word in ("step.defect", "sales", "KeyError", "Traceback"))


@pytest.mark.parametrize("order", [KeyboardInterrupt(), SystemExit(1)])
def test_an_order_to_end_goes_through(order: BaseException) -> None:
    with pytest.raises(type(order)):
        failing(order)


def test_a_failure_that_cannot_be_recorded_goes_through() -> None:
    def fail(reason: Reason) -> None:
        raise PermissionDenied(f"no database for {reason.code}")

    def read() -> None:
        raise ValueError

    with pytest.raises(PermissionDenied, match="internal_error"):
        settled(read, fail, source="lake", scope="sales")
