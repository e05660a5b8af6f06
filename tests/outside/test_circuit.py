"""A platform that is down is left alone after a while, and one that throttles is asked at a rate it takes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import GovernanceError, NotFound, Throttled, Transient, Unavailable
from governance.pace import Rate
from resources.calls import Caller, CallPolicy, CircuitOpen


def nothing(error: Exception, operation: str) -> GovernanceError | None:
    return None


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("resources.calls.time.monotonic", lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Server:
    """Answers as long as it is well."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: GovernanceError | None = None

    def __call__(self) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return "answer"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def caller(clock: Clock) -> Callable[..., Caller]:
    return lambda **policy: Caller("glue", nothing, CallPolicy(**{"attempts": 2, **policy}), sleep=clock.sleep)


def fails(one: Caller, server: Server, kind: type[GovernanceError], times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(kind) as raised:
            one("op", server)
        assert type(raised.value) is kind


def test_after_some_failures_in_a_row_no_call_is_made_and_after_a_rest_one(
    caller: Callable[..., Caller], clock: Clock
) -> None:
    one, server = caller(circuit_failures=3, circuit_rest=30.0), Server()
    assert one("op", server) == "answer"
    server.error, server.calls = Unavailable("HTTP 503"), 0
    fails(one, server, Unavailable, 3)
    assert server.calls == 6
    fails(one, server, CircuitOpen, 100)
    assert server.calls == 6
    with pytest.raises(CircuitOpen, match="HTTP 503") as raised:
        one("op", server)
    assert raised.value.remedy and raised.value.platform == "glue" and isinstance(raised.value, Transient)
    clock.sleep(31)
    fails(one, server, Unavailable)
    assert server.calls == 7, "the call that tries has one attempt"
    clock.sleep(31)
    fails(one, server, CircuitOpen)
    clock.sleep(30)
    server.error = None
    assert one("op", server) == one("op", server) == "answer"


@pytest.mark.parametrize("said", [NotFound("no such table"), Throttled("slower")])
def test_whatever_the_platform_says_is_an_answer(caller: Callable[..., Caller], said: GovernanceError) -> None:
    one, server = caller(circuit_failures=2, attempts=1), Server()
    for _ in range(5):
        server.error = Unavailable("HTTP 503")
        fails(one, server, Unavailable)
        server.error = said
        fails(one, server, type(said))


def test_a_defect_of_ours_in_the_call_that_tries_leaves_the_circuit_as_it_is(
    caller: Callable[..., Caller], clock: Clock
) -> None:
    one, server = caller(circuit_failures=1, attempts=1, circuit_rest=10.0), Server()
    server.error = Unavailable("down")
    fails(one, server, Unavailable)
    clock.sleep(11)
    with pytest.raises(KeyError):
        one("op", lambda: {}["field"])
    server.error = None
    assert one("op", server) == "answer"


def test_three_that_took_a_whole_deadline_are_enough(caller: Callable[..., Caller], clock: Clock) -> None:
    one = caller(attempts=1, deadline=60.0)

    def hang() -> str:
        clock.sleep(25)
        raise Unavailable("no answer")

    for _ in range(3):
        with pytest.raises(Unavailable):
            one("op", hang)
    with pytest.raises(CircuitOpen):
        one("op", hang)


@given(limit=st.floats(2, 200), latency=st.floats(0.001, 0.05), threads=st.integers(1, 8))
def test_a_pace_comes_to_what_the_source_takes_and_stays_there(limit: float, latency: float, threads: int) -> None:
    """A token bucket on the other side, and as many callers as there are; nobody says how large the bucket is."""
    pace, now, tokens, filled = Rate(), 0.0, 1.0, 0.0
    free = [0.0] * threads
    refused: list[float] = []
    answered: list[float] = []
    while now < 60.0:
        who = min(range(threads), key=free.__getitem__)
        begun = max(now, free[who])
        now = begun + pace.slot(begun)
        tokens, filled = min(limit / 4 + 1, tokens + (now - filled) * limit), now
        if tokens >= 1:
            tokens -= 1
            pace.answered()
            answered.append(now)
        else:
            pace.throttled(now)
            refused.append(now)
        free[who] = now + latency
    late = [t for t in refused if t > 30]
    assert len(late) <= 0.25 * len([t for t in answered if t > 30]) + 3
    # and not slower than need be
    possible = min(limit, threads / latency) * 30
    assert len([t for t in answered if t > 30]) >= 0.45 * possible - 3
