"""What an inventory must hold after each transaction of a sync, worked out without the inventory."""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from governance.filters import NameFilter
from governance.model import Dataset
from tests.inventory.estate import in_any_order

State = tuple[str, Dataset]
"""A dataset's state, and its record; a deleted one has neither columns nor tags."""


class SourceModel:
    """One source: what it holds now, and what it held after each of its transactions."""

    def __init__(self) -> None:
        self.now: dict[str, State] = {}
        self.scope_of: dict[str, str] = {}
        self.past: list[tuple[datetime, dict[str, State]]] = []

    def at(self, moment: datetime) -> Mapping[str, State]:
        """What it held then."""
        return next((held for at, held in reversed(self.past) if at <= moment), {})

    def keep(self, at: datetime) -> None:
        """A transaction with this timestamp was committed."""
        assert not self.past or at > self.past[-1][0], "timestamps of a source rise, whatever its clock does"
        self.past.append((at, dict(self.now)))

    def listed(self, scope: str, shown: Mapping[str, Dataset], names: NameFilter) -> None:
        """These were on the pages of a scope."""
        for name, dataset in shown.items():
            if names.matches(name):
                self.now[name] = ("present", in_any_order(dataset))
                self.scope_of[name] = scope

    def missed(self, scope: str, shown: Mapping[str, Dataset], names: NameFilter) -> list[str]:
        """The listing was complete: hides or deletes what it does not show; returns what only the end can tell."""
        unsure = []
        for name in [n for n, of in self.scope_of.items() if of == scope]:
            state, dataset = self.now[name]
            if state == "deleted" or (name in shown and names.matches(name)):
                continue
            if not names.matches(name):
                self.now[name] = ("out_of_scope", dataset)
            elif name.startswith(f"{scope}."):
                self.deleted(name)
            else:
                unsure.append(name)
        return unsure

    def settle(self, scope: str, unsure: list[str]) -> None:
        """The end of a sync: what was missed in this scope and did not show in another is gone."""
        for name in unsure:
            if self.scope_of[name] == scope:
                self.deleted(name)

    def drop(self, scope: str) -> None:
        """The scope is gone."""
        for name in self._of(scope):
            self.deleted(name)

    def hide(self, scope: str) -> None:
        """The scope is excluded."""
        for name in self._of(scope):
            state, dataset = self.now[name]
            if state == "present":
                self.now[name] = ("out_of_scope", dataset)

    def deleted(self, name: str) -> None:
        """A tombstone."""
        self.now[name] = ("deleted", replace(self.now[name][1], columns=(), tags=()))

    def _of(self, scope: str) -> list[str]:
        return [n for n, of in self.scope_of.items() if of == scope and self.now[n][0] != "deleted"]
