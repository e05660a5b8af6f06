"""How many calls a second a source takes, learned from its throttling: down by half at once, up again little by little.

Additive increase and multiplicative decrease, as a network's senders share a line. Until the source first throttles
there is no bound but the documented one, in which a second's worth of calls may be made at once.
"""

import threading

_CUT = 0.5
_GAIN = 0.1
"""Share of the rate at the last cut that is won back each second."""
_SETTLE = 0.25
"""Seconds in which further refusals belong to the same burst and cut no more."""
_WINDOW = 2.0
"""Seconds over which the actual rate is measured."""
_SHORTEST, _TELLING = 0.05, 0.5
"""Seconds that a measurement takes at least, and those from which on it says more than the one before it."""
_BURST = 1.0
"""Seconds of the documented rate that a source which has refused nothing yet is asked for at once."""


class Rate:
    """The rate of one source. Safe to use from several threads; times are of one steady clock, in seconds.

    Args:
        lowest: calls a second that are always allowed.
        most: calls a second that the platform documents; None where it does not.
        learned: by an earlier run.
    """

    def __init__(self, lowest: float = 0.2, most: float | None = None, learned: float | None = None) -> None:
        self.lowest, self.most = lowest, most
        self.rate = None if learned is None else self._bounded(learned)
        self._cut_rate = self.rate or 0.0
        self._cut_at = float("-inf")
        self._next = float("-inf")
        self._since: float | None = None
        self._count = 0
        self._before: float | None = None
        self._lock = threading.Lock()

    def slot(self, now: float) -> float:
        """Takes the next free place for a call; seconds until it."""
        with self._lock:
            rate = self.rate or self.most
            burst = _BURST if self.rate is None and rate is not None else 0.0
            at = max(now, self._next - burst)
            if rate is not None:
                self._next = max(at, self._next) + 1.0 / rate
            self._counted(at)
            return at - now

    def answered(self) -> None:
        """A call went well."""
        with self._lock:
            if self.rate is not None:
                self.rate = self._bounded(self.rate + self._cut_rate * _GAIN / self.rate)

    def throttled(self, now: float, hold: float = 0.0) -> None:
        """A call was refused for there being too many.

        Args:
            now: the time.
            hold: seconds in which no other call is to be made, where the source said so.
        """
        with self._lock:
            if now - self._cut_at >= _SETTLE:
                measured = self._measured(now)
                self.rate = self._bounded(_CUT * min(measured, self.rate or measured))
                self._cut_rate, self._cut_at = self.rate, now
            self._next = max(self._next, now + hold)

    def _bounded(self, rate: float) -> float:
        rate = max(self.lowest, rate)
        return rate if self.most is None else min(rate, self.most)

    def _counted(self, at: float) -> None:
        if self._since is None or at - self._since > _WINDOW:
            self._before = self._count / (at - self._since) if self._since is not None else None
            self._since, self._count = at, 0
        self._count += 1

    def _measured(self, now: float) -> float:
        """Calls a second, lately."""
        since = now if self._since is None else self._since
        if self._before is not None and now - since < _TELLING:
            return self._before
        return max(self._count, 1) / max(now - since, _SHORTEST)
