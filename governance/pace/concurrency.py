"""How many calls at once a source takes, learned from how long it takes to answer.

More calls at once are worth it as long as they do not take longer for it. So the level goes up and down in small steps,
and each time the same operations are compared at the two levels, just after each other: where the last step up brought
less than half of what it could have, the source only queues what is asked, and the level goes back. A refusal halves
the level at once.
"""

import threading
from collections import defaultdict

_ENOUGH = 8
"""Answers at full use that a level is judged by, or twice the level where that is more."""
_WORTH = 1 / 2
"""Share of the ideal gain that a step up must have brought: half-way between one that queues and one that works."""
_REST, _LONGEST_REST = 4, 64
"""Judgements that a level is kept for when neither neighbour is better; doubled each time it proves best again."""


class Concurrency:
    """The calls that may be under way at once. Safe to use from several threads.

    Args:
        most: calls at once that are never gone beyond.
        first: to begin with.
    """

    def __init__(self, most: int, first: float) -> None:
        self.most = max(1, most)
        self._first = max(1.0, min(first, float(self.most)))
        self.level = round(self._first)
        self.under_way = 0
        self._free = threading.Condition()
        self._before: int | None = None
        """The level that this one is compared with."""
        self._seconds: dict[int, dict[str, list[float]]] = {self.level: defaultdict(list)}
        self._answers = 0
        self._step, self._wrong_steps = 1, 0
        self._wait, self._rest = 0, _REST

    @property
    def value(self) -> float:
        """The level; with the fraction that it was begun with, where it is still that."""
        return self._first if self.level == round(self._first) else float(self.level)

    def begin(self) -> int:
        """Waits until one more call may be made; the level that it fills, so that its time tells something, else 0."""
        with self._free:
            while self.under_way >= self.level:
                self._free.wait()
            self.under_way += 1
            return self.level if self.under_way == self.level else 0

    def end(self) -> None:
        """A call is over, whatever came of it."""
        with self._free:
            self.under_way -= 1
            self._free.notify_all()

    def answered(self, operation: str, seconds: float, filled: int) -> None:
        """A call went well.

        Args:
            operation: what was asked; only the same are compared.
            seconds: until the answer.
            filled: the level that it filled when it began; what has begun at another one than this is not judged by.
        """
        with self._free:
            if filled != self.level:
                return
            self._seconds[self.level][operation].append(seconds)
            self._answers += 1
            if self._answers >= max(_ENOUGH, 2 * self.level):
                self._judge()

    def refused(self) -> None:
        """There were too many: half of them from now on, and no step up for a while."""
        with self._free:
            self._begin_at(self.level // 2)
            self._wait = _REST

    def _judge(self) -> None:
        """A level has been seen long enough: on, back, or a first step."""
        if self._before is None:
            if self._wait > 0:
                self._wait -= 1
                self._begin_at(self.level)
            else:
                self._take_step()
            return
        worth = self._is_worth(*sorted((self._before, self.level)))
        if worth is None:
            self._answers = 0
        elif worth is (self._step > 0):
            self._wrong_steps, self._rest = 0, _REST
            self._take_step()
        else:
            self._begin_at(self._before)
            self._turn()

    def _take_step(self) -> None:
        """To the next level in this direction, whose answers are compared with those of this one."""
        # a third at a time: what one more of many brings is less than chance does
        further = max(1, min(self.level + self._step * max(1, self.level // 3), self.most))
        if further == self.level:
            self._begin_at(self.level)
            self._turn()
            return
        self._before, self.level, self._answers = self.level, further, 0
        self._seconds = {self._before: self._seconds[self._before], self.level: defaultdict(list)}
        self._free.notify_all()

    def _turn(self) -> None:
        """That direction leads nowhere: the other one next; after both have failed, a rest."""
        self._step, self._wrong_steps = -self._step, self._wrong_steps + 1
        if self._wrong_steps >= 2:
            self._wrong_steps, self._wait, self._rest = 0, self._rest, min(self._rest * 2, _LONGEST_REST)

    def _begin_at(self, level: int) -> None:
        """To a level whose answers are counted from here, with nothing to compare them with yet."""
        self.level, self._before, self._answers = max(1, min(level, self.most)), None, 0
        self._seconds = {self.level: defaultdict(list)}
        self._free.notify_all()

    def _is_worth(self, low: int, high: int) -> bool | None:
        """Whether the higher level gets more done; None where the same operations were not seen at both."""
        pairs = [
            (sum(a) / len(a), sum(b) / len(b), min(len(a), len(b)))
            for operation, a in self._seconds[low].items()
            if (b := self._seconds[high].get(operation))
        ]
        below, above = (sum(pair[i] * pair[2] for pair in pairs) for i in (0, 1))
        if not below or not above:
            return None
        gained = (high / above) / (low / below) - 1.0
        return gained >= _WORTH * (high / low - 1.0)
