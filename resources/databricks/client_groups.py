"""Groups and their members, nested ones too, from the workspace's SCIM directory: three listings, no call a group."""

from collections.abc import Iterator
from typing import Any

from governance.errors import NotFound, PermissionDenied, ProtocolError
from governance.listing import FactPage, Quarantined, Reason
from governance.model import Membership, PrincipalKind
from resources.databricks.client_errors import PLATFORM, EndpointAbsent
from resources.databricks.client_session import Workspace
from resources.databricks.translate_access import membership

SCIM = "/api/2.0/preview/scim/v2"
_COUNT = 100
_ABSENT = "no directory of groups on this server"
# groups of the workspace alone, which nothing in Unity Catalog can be granted to
_LOCAL = "WorkspaceGroup"

_MEMBERS: tuple[tuple[str, str, PrincipalKind], ...] = (
    ("Users", "userName", "user"),
    ("ServicePrincipals", "applicationId", "service"),
)

Names = dict[str, tuple[str, PrincipalKind]]


class GroupReader:
    """Reads the directory."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def pages(self) -> Iterator[FactPage]:
        """Who is in which group."""
        try:
            groups = list(self._listed("Groups", "id,displayName,members,meta"))
            names = self._names(groups)
        except EndpointAbsent:
            yield FactPage(notes={"groups": _ABSENT})
            return
        except (PermissionDenied, NotFound) as error:
            yield FactPage(reasons=(self.denied(error.message, error.operation),))
            return
        for group in groups:
            if _kind(group) == _LOCAL:
                yield FactPage(counts={"workspace_groups_left_out": 1})
            else:
                yield _page(group, names)

    def denied(self, message: str, operation: str) -> Reason:
        """Why groups could not be read."""
        remedy = f"make `{self._workspace.grantee}` a workspace admin: the directory is shown to admins only"
        return Reason("permission_denied", f"groups and their members could not be read: {message}", operation, remedy)

    def first(self) -> None:
        """Asks for one group, to see whether we may.

        Raises:
            GovernanceError: we may not.
        """
        self._page("Groups", "id", 1, 1)

    def _names(self, groups: list[dict[str, Any]]) -> Names:
        """Principal and kind by id; a member's own entry has a display name at most."""
        names: Names = {}
        for path, field, kind in _MEMBERS:
            for one in self._listed(path, f"id,{field}"):
                if one.get("id") and one.get(field):
                    names[str(one["id"])] = (str(one[field]), kind)
        names |= {
            str(g["id"]): (str(g["displayName"]), "group") for g in groups if g.get("id") and g.get("displayName")
        }
        return names

    def _listed(self, path: str, attributes: str) -> Iterator[dict[str, Any]]:
        """Every record, each once: a page may repeat what shifted while it was read."""
        seen: set[str] = set()
        start = 1
        while True:
            found = self._page(path, attributes, start, _COUNT)
            if not found:
                return
            for one in found:
                if isinstance(one, dict) and str(one.get("id")) not in seen:
                    seen.add(str(one.get("id")))
                    yield one
            start += len(found)

    def _page(self, path: str, attributes: str, start: int, count: int) -> list[Any]:
        query = {"attributes": attributes, "startIndex": start, "count": count}
        answer = self._workspace.get(f"{SCIM}/{path}", query, base="")
        self._workspace.meter.add(pages=1)
        found = answer.get("Resources") or []
        if not isinstance(found, list) or (not found and start <= int(answer.get("totalResults") or 0)):
            message = "the listing ends before its own total"
            raise ProtocolError(message, platform=PLATFORM, operation=f"GET {SCIM}/{path}")
        return found


def _page(group: dict[str, Any], names: Names) -> FactPage:
    name = group.get("displayName")
    if not isinstance(name, str) or not name:
        return FactPage(quarantined=(Quarantined(None, "a group has no name", group),))
    facts: list[Membership] = []
    refused: list[Quarantined] = []
    for member in group.get("members") or ():
        known = names.get(str(member.get("value"))) if isinstance(member, dict) else None
        if known is None:
            refused.append(
                Quarantined(name, "a member is nobody that the directory lists", {"group": name, "of": member})
            )
        else:
            facts.append(membership(name, *known))
    return FactPage(tuple(facts), tuple(refused), counts={"groups": 1})


def _kind(group: dict[str, Any]) -> str:
    meta = group.get("meta")
    return str(meta.get("resourceType") or "") if isinstance(meta, dict) else ""
