"""Every platform call: retried by class of error, never longer than its bounds, always counted."""

import time
from collections.abc import Callable

import pytest

from governance.errors import (
    DeadlineExceeded,
    GovernanceError,
    PermissionDenied,
    Throttled,
    Unavailable,
)
from resources.calls import Caller, CallPolicy


class Scripted:
    """A call that fails as scripted, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def unknown(error: Exception, operation: str) -> GovernanceError | None:
    return Unavailable("down", operation=operation) if isinstance(error, OSError) else None


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def caller(waits: list[float]) -> Callable[..., Caller]:
    return lambda **policy: Caller("glue", unknown, CallPolicy(**policy), sleep=waits.append)


def test_transient_errors_are_tried_again(caller: Callable[..., Caller], waits: list[float]) -> None:
    call = Scripted(Unavailable("reset"), OSError("refused"))
    one = caller()
    assert one("op", call) == "answer"
    assert call.calls == 3 and len(waits) == 2
    assert one.meter.snapshot()["calls"] == 3 and one.meter.snapshot()["retries"] == 2


def test_terminal_errors_are_not(caller: Callable[..., Caller], waits: list[float]) -> None:
    call = Scripted(PermissionDenied("no", remedy="GRANT"))
    with pytest.raises(PermissionDenied):
        caller()("op", call)
    assert call.calls == 1 and waits == []


def test_a_defect_of_ours_goes_up_as_it_is(caller: Callable[..., Caller]) -> None:
    with pytest.raises(KeyError):
        caller()("op", Scripted(KeyError("field")))


def test_retry_after_is_honoured_and_capped(caller: Callable[..., Caller], waits: list[float]) -> None:
    one = caller(longest_wait=30.0)
    one("op", Scripted(Throttled("slow down", retry_after=7.0), Throttled("slower", retry_after=900.0)))
    assert waits == [7.0, 30.0]
    assert one.meter.snapshot()["throttled"] == 2


def test_attempts_end(caller: Callable[..., Caller]) -> None:
    call = Scripted(*(Throttled("again") for _ in range(9)))
    with pytest.raises(Throttled):
        caller(attempts=4)("op", call)
    assert call.calls == 4


def test_the_deadline_ends_it_before_the_wait_that_would_cross_it(
    caller: Callable[..., Caller], waits: list[float]
) -> None:
    call = Scripted(*(Throttled("again", retry_after=40.0) for _ in range(9)))
    with pytest.raises(DeadlineExceeded) as raised:
        caller(deadline=39.0)("op", call)
    assert call.calls == 1 and waits == []
    assert raised.value.remedy and raised.value.platform == "glue"


def test_backoff_grows_and_stays_below_its_ceiling(caller: Callable[..., Caller], waits: list[float]) -> None:
    caller(attempts=8, first_wait=1.0, longest_wait=8.0)("op", Scripted(*(Unavailable("down") for _ in range(7))))
    ceilings = [1, 2, 4, 8, 8, 8, 8]
    assert all(ceiling / 2 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))


def test_a_server_that_never_answered_is_given_up_soon_and_one_that_did_is_not() -> None:
    def hang() -> str:
        time.sleep(0.05)
        raise OSError

    policy = CallPolicy(attempts=5, first_wait=0.001, first_contact=0.1)
    unmet = Caller("glue", unknown, policy)
    with pytest.raises(Unavailable):
        unmet("GetTables", hang)
    assert unmet.meter.snapshot()["calls"] == 2
    met = Caller("glue", unknown, policy)
    assert met("GetTables", Scripted()) == "answer"
    with pytest.raises(Unavailable):
        met("GetTables", hang)
    assert met.meter.snapshot()["calls"] == 6
