"""What is learned of a source's pace: within its bounds, to what the source takes, kept, and slowly forgotten."""

import heapq
import random
from itertools import pairwise
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from governance.pace import BatchSize, Concurrency, PaceLimits, Paces, Rate, Remembered
from governance.pace.memory import FORGOTTEN_HOURS, faded_batch, faded_concurrency, faded_rate

HOURS = st.floats(0, 200)
RATES = st.floats(0.2, 500)


# --- calls a second ---


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["slot", "answered", "throttled"])), max_size=200), RATES)
def test_a_rate_stays_within_its_bounds(acts: list[tuple[float, str]], most: float) -> None:
    rate, now = Rate(most=most), 0.0
    for passed, act in acts:
        now += passed
        if act == "slot":
            assert rate.slot(now) >= 0
        elif act == "answered":
            rate.answered()
        else:
            rate.throttled(now)
        assert rate.rate is None or 0.2 <= rate.rate <= most


@given(most=st.floats(1, 100), calls=st.integers(1, 300))
def test_a_documented_rate_is_kept_from_the_first_call_with_a_second_s_worth_at_once(most: float, calls: int) -> None:
    rate, now = Rate(most=most), 1000.0
    made = []
    for _ in range(calls):
        now += rate.slot(now)
        made.append(now)
    assert made[min(len(made) - 1, int(most))] < 1000.001
    for first in range(0, len(made), 7):
        within = [at for at in made[first:] if at < made[first] + 1.0]
        assert len(within) <= 2 * most + 2
    assert made[-1] - made[0] >= (calls - 1) / most - 1.001


@given(learned=RATES)
def test_a_rate_that_was_learned_is_kept_without_a_burst(learned: float) -> None:
    rate, now = Rate(learned=learned), 5.0
    made = [now := now + rate.slot(now) for _ in range(5)]
    assert all(abs(b - a - 1 / learned) < 1e-6 for a, b in pairwise(made))


# --- calls at once ---


def serve(servers: int, callers: int, calls: int, seed: int, first: int = 4, most: int = 8) -> tuple[float, list[int]]:
    """A source that works on so many calls at once and queues the others; the time it took, and the levels."""
    chance, learner = random.Random(seed), Concurrency(most, first)
    now, free, waiting, levels = 0.0, [0.0] * servers, list[tuple[float, int, float, str, int]](), list[int]()
    while len(levels) < calls:
        while len(waiting) < callers and learner.under_way < learner.level:
            filled, operation = learner.begin(), chance.choice(["list", "read"])
            takes = (0.1 if operation == "list" else 0.4) * chance.lognormvariate(0, 0.2)
            place = min(range(servers), key=free.__getitem__)
            free[place] = max(now, free[place]) + takes
            heapq.heappush(waiting, (free[place], chance.getrandbits(60), now, operation, filled))
        now, _, begun, operation, filled = heapq.heappop(waiting)
        learner.end()
        if filled:
            learner.answered(operation, now - begun, filled)
        levels.append(learner.level)
    return now, levels


def late_levels(servers: int) -> list[float]:
    """The level on average in the second half of each of thirty runs, in order."""
    runs = (serve(servers, callers=8, calls=800, seed=seed)[1][400:] for seed in range(30))
    return sorted(sum(levels) / len(levels) for levels in runs)


def test_a_source_that_works_on_many_at_once_is_asked_for_many() -> None:
    found = late_levels(servers=16)
    assert median(found) > 7.5 and found[3] > 6 and max(found) <= 8


def test_a_source_that_queues_is_asked_for_few() -> None:
    found = late_levels(servers=1)
    assert median(found) < 1.2 and found[-4] < 2 and min(found) >= 1


def test_a_source_between_is_asked_for_as_many_as_it_works_on() -> None:
    found = late_levels(servers=3)
    assert 2.8 < median(found) < 3.5 and found[-4] < 4.5


def test_little_time_is_lost_over_knowing_the_number_before() -> None:
    for servers in (1, 2, 4, 8):
        least = 800 * 0.25 / servers
        took = [serve(servers, callers=8, calls=800, seed=seed)[0] for seed in range(20)]
        assert median(took) <= 1.2 * least and max(took) <= 2 * least


@given(st.lists(st.booleans(), max_size=100), st.integers(1, 12), st.floats(0, 20))
def test_a_level_stays_within_its_bounds(acts: list[bool], most: int, first: float) -> None:
    learner = Concurrency(most, first)
    for answered in acts:
        filled = learner.begin()
        if answered:
            learner.answered("read", 0.1, filled)
        else:
            learner.refused()
        learner.end()
        assert 1 <= learner.level <= most and 1 <= learner.value <= most


def test_a_refusal_halves_the_level_at_once() -> None:
    learner = Concurrency(8, 8)
    learner.refused()
    assert learner.level == 4


# --- records in one call ---


@settings(max_examples=100)
@given(most=st.integers(1, 500), takes=st.integers(1, 500), calls=st.integers(20, 400))
def test_a_batch_comes_to_what_the_platform_takes(most: int, takes: int, calls: int) -> None:
    batch, refused = BatchSize(most), 0
    for _ in range(calls):
        asked = batch.size
        assert 1 <= asked <= most
        if asked > takes:
            refused += 1
            batch.too_many(asked)
        else:
            batch.went_well(asked)
    # halvings at first; then 10, 20, 40 … calls between two that are too large
    assert refused <= 9 + calls // 10 and (refused <= 14 or calls > 600)
    assert min(takes, most) / 2 <= batch.size or most == 1 or batch.size * 2 > takes


def test_a_small_call_that_goes_well_says_nothing_of_larger_ones() -> None:
    batch = BatchSize(100)
    batch.too_many(100)
    for _ in range(50):
        batch.went_well(3)
    assert batch.size == 50
    for _ in range(10):
        batch.went_well(50)
    assert batch.size == 100


# --- from run to run ---


@given(RATES, HOURS, HOURS, st.none() | st.floats(1, 600))
def test_a_rate_fades_upwards_until_nothing_binds_it(rate: float, a: float, b: float, bound: float | None) -> None:
    young, old = sorted((a, b))
    first, second = faded_rate(rate, young, bound), faded_rate(rate, old, bound)
    if bound is not None:
        assert first is not None and second is not None and first <= second <= bound
    elif second is None:
        assert old >= FORGOTTEN_HOURS
    else:
        assert first is not None and rate <= first <= second


@given(st.floats(1, 8), HOURS, HOURS)
def test_fading_twice_is_fading_once_for_as_long(level: float, a: float, b: float) -> None:
    """So that a source synced every hour forgets no faster and no slower than one synced every day."""
    twice = faded_concurrency(faded_concurrency(level, a, 4, 8), b, 4, 8)
    assert abs(twice - faded_concurrency(level, a + b, 4, 8)) < 1e-6
    assert abs(faded_batch(faded_batch(level, a, 100), b, 100) - faded_batch(level, a + b, 100)) < 1e-6


@given(st.floats(1, 8), HOURS)
def test_calls_at_once_drift_to_where_a_beginner_begins(level: float, age: float) -> None:
    faded = faded_concurrency(level, age, 4, 8)
    assert min(level, 4) - 1e-9 <= faded <= max(level, 4) + 1e-9
    assert abs(faded_concurrency(level, 10_000, 4, 8) - 4) < 1e-6
    # a clock that was put back
    assert abs(faded_concurrency(level, -5, 4, 8) - level) < 1e-9


def test_a_run_begins_where_the_last_one_ended() -> None:
    limits = PaceLimits(at_once=8, buckets=(("login", "login"),))
    first = Paces(limits)
    bucket = first.bucket("snowflake", "snowflake:TABLES")
    assert bucket is first.bucket("snowflake", "snowflake:COLUMNS") is not first.bucket("snowflake", "login")
    assert bucket.at_once is not None
    bucket.at_once.refused()
    bucket.rate.slot(1.0)
    bucket.rate.throttled(1.5)
    first.batch("bulk", 100).too_many(60)
    kept = {(row.bucket, row.kind): row.value for row in first.learned() if row.value is not None}
    assert kept[("snowflake", "concurrency")] == 2 and kept[("bulk", "batch")] == 30
    second = Paces(limits)
    used_before = second.batch("bulk", 100)
    second.remember([Remembered(bucket, kind, value, 0.0) for (bucket, kind), value in kept.items()])
    again = second.bucket("snowflake", "snowflake:TABLES")
    assert again.at_once is not None and again.at_once.level == 2
    assert again.rate.rate == bucket.rate.rate is not None
    assert used_before.size == second.batch("bulk", 100).size == 30
    # without a call the same is kept on, fractions and all
    assert {(row.bucket, row.kind): row.value for row in second.learned()}[("bulk", "batch")] == 30


@given(hours=st.floats(0.1, 3), size=st.integers(1, 3))
def test_what_fades_by_less_than_one_is_not_lost_to_rounding(hours: float, size: int) -> None:
    value = float(size)
    for _ in range(int(48 / hours) + 1):
        paces = Paces(PaceLimits(at_once=8))
        paces.remember([Remembered("atlas", "concurrency", 1.0, 0.0), Remembered("bulk", "batch", value, hours)])
        paces.batch("bulk", 100)
        value = next(row.value or 0.0 for row in paces.learned() if row.kind == "batch")
    assert value >= 3.9 * size


def test_fewer_threads_bound_what_can_be_learned() -> None:
    paces = Paces(PaceLimits(at_once=8))
    paces.narrow(2)
    at_once = paces.bucket("atlas", "atlas:search").at_once
    assert at_once is not None and (at_once.most, at_once.level) == (2, 2)
    paces = Paces(PaceLimits())
    paces.narrow(2)
    assert paces.bucket("glue", "glue:GetTables").at_once is None
