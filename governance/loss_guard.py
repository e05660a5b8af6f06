"""The brake before deletions: how much of what was known one listing may lose before it is no longer believed."""

import shlex

import msgspec

from governance.listing import Reason

FACTS_RATIO, FACTS_MINIMUM = 0.5, 20


class LossGuard(msgspec.Struct, frozen=True):
    """Bounds of what one complete listing may delete.

    Args:
        ratio: share (0 to 1) of the known datasets above which a loss is held.
        minimum: fewer lost datasets than this never trip the ratio, however small the scope.
    """

    ratio: float = 0.2
    minimum: int = 3

    def holds(
        self, known: int, lost: int, listed: int, *, source: str = "SOURCE", scope: str = "NAME"
    ) -> Reason | None:
        """Why these deletions are held back, or None where they are believed.

        Args:
            known: datasets of the scope that were present before.
            lost: how many of them the listing no longer shows.
            listed: records that the listing shows at all, the illegible ones too.
            source: the source's name, for the command that accepts the loss.
            scope: the scope's name, likewise.
        """
        if lost <= 0 or known <= 0:
            return None
        if listed == 0:
            return self._reason(
                "empty_listing", f"the listing is empty, but {known} datasets were known", source, scope
            )
        if lost >= self.minimum and lost / known > self.ratio:
            share = f"{lost} of {known} known datasets ({lost / known:.0%}) are no longer listed"
            bound = f"more than {self.ratio:.0%} is not believed"
            return self._reason("sudden_loss", f"{share}; {bound}", source, scope)
        return None

    def holds_scopes(self, known: int, lost: int, *, source: str = "SOURCE") -> Reason | None:
        """The same for whole scopes of a source: more than half of three or more at once is held."""
        if known >= 3 and lost * 2 > known:
            what = f"{lost} of {known} known scopes are gone at once; more than half is not believed"
            return self._reason("sudden_scope_loss", what, source, "*")
        return None

    def holds_facts(self, known: int, lost: int, listed: int, *, source: str, facet: str, part: str) -> Reason | None:
        """The same for grants, edges and the like of one part: they come and go more than datasets do.

        Held is a reading that suddenly shows nothing, and one that loses more than half of twenty or more.
        """
        what = ""
        if listed == 0 and known >= self.minimum:
            what = f"the reading of {part} is empty, but {known} facts were known"
        elif lost >= FACTS_MINIMUM and lost / known > FACTS_RATIO:
            what = f"{lost} of {known} known facts of {part} ({lost / known:.0%}) are no longer there"
        if not what:
            return None
        command = f"governance facets {source} --facet {facet} --accept-loss"
        code = "empty_listing" if listed == 0 else "sudden_loss"
        return Reason(
            code, f"{what}; nothing was closed", "loss_guard", f"check the source; if the loss is real: {command}"
        )

    @staticmethod
    def _reason(code: str, what: str, source: str, scope: str) -> Reason:
        command = f"governance sync {source} --scope {shlex.quote(scope)} --accept-loss"
        return Reason(
            code, f"{what}; nothing was deleted", "loss_guard", f"check the source; if the loss is real: {command}"
        )
