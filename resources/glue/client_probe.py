"""Lines of `governance doctor` about calls of AWS."""

from collections.abc import Callable

from governance.errors import GovernanceError, PermissionDenied
from governance.listing import Probe


def tried(operation: str, ask: Callable[[], str], facet: str = "") -> Probe:
    """What came of a call.

    Args:
        operation: such as `glue:GetTables`, which is also the action that a policy has to allow.
        ask: makes the call, and says in a few words what it gave.
        facet: whose reading needs it, where that is not the metadata.
    """
    name = f"{facet}: {operation}" if facet else operation
    try:
        return Probe(name, True, ask())
    except GovernanceError as error:
        return Probe(name, False, error.message, operation if isinstance(error, PermissionDenied) else "", error.remedy)
