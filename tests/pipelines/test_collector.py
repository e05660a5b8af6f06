"""What a sync does to Python's garbage collector is undone at its end, and what was there before is collected again."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from assets.integrations.collector import resting_collector

pytestmark = pytest.mark.xdist_group("collector")


class Cycle:
    """An object that only the collector can end."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    before = gc.get_threshold()
    gc.unfreeze()
    # Python's own, whatever ran before in this process
    gc.set_threshold(700, 10, 10)
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_thresholds_and_what_is_walked_are_as_before(thawed: None) -> None:
    before = gc.get_threshold()
    with resting_collector():
        assert gc.get_freeze_count() > 0 and gc.get_threshold() > before
        with resting_collector():
            pass
        # another sync goes on
        assert gc.get_freeze_count() > 0 and gc.get_threshold() > before
    assert gc.get_freeze_count() == 0 and gc.get_threshold() == before


def test_garbage_of_before_and_of_the_sync_is_collected() -> None:
    gc.collect()
    old = Cycle()
    watched = [weakref.ref(old)]
    del old
    with resting_collector():
        new = Cycle()
        watched.append(weakref.ref(new))
        del new
    assert watched[1]() is None
    gc.collect()
    assert watched[0]() is None


def test_nothing_is_walked_through_at_the_end_that_the_sync_did_not_make() -> None:
    walked: list[int] = []

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            walked.append(len(gc.get_objects()))

    gc.callbacks.append(count)
    try:
        with resting_collector():
            pass
        # the next new objects set off nothing either
        kept = [[n] for n in range(2_000)]
    finally:
        gc.callbacks.remove(count)
    assert len(kept) == 2_000 and len(walked) == 1 and walked[0] < 1_000


def test_what_somebody_else_set_aside_stays_so() -> None:
    gc.freeze()
    with resting_collector():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() > 0


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(RuntimeError), resting_collector():
        raise RuntimeError
    assert gc.get_freeze_count() == 0
