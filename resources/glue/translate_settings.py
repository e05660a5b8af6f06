"""The data lake settings as grants on the catalog: administrators, and what is given on whatever is made anew. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from governance.errors import RecordError
from governance.model import Confers, Grant
from resources.glue.translate_names import principal_of

Json = Mapping[str, Any]

_ADMINS: dict[str, tuple[str, tuple[Confers, ...]]] = {
    # what they may not do they may give themselves
    "DataLakeAdmins": ("DataLakeAdmin", ("manage", "describe")),
    "ReadOnlyAdmins": ("ReadOnlyAdmin", ("describe",)),
}
_DEFAULTS = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")


def grants_of_settings(settings: Json, catalog: str) -> Iterator[Grant]:
    """Who administers the catalog, and which privileges new databases and tables start with.

    Raises:
        RecordError: a principal is missing.
    """
    for key, (privilege, confers) in _ADMINS.items():
        for admin in settings.get(key) or ():
            yield _grant(admin, privilege, catalog, confers, inherits=True)
    for key in _DEFAULTS:
        for entry in settings.get(key) or ():
            for privilege in sorted(entry.get("Permissions") or ()):
                # nothing that is there is given by it
                yield _grant(entry.get("Principal"), f"{key}: {privilege}", catalog, ("other",))


def admins_of(settings: Json) -> set[str]:
    """Who sees every permission: administrators, and those who may only look."""
    return {str(a.get("DataLakePrincipalIdentifier")) for key in _ADMINS for a in settings.get(key) or ()}


def notes_of(settings: Json) -> dict[str, str]:
    """What the settings say of engines outside AWS, which filter data themselves."""
    allowed = [str(p.get("DataLakePrincipalIdentifier")) for p in settings.get("ExternalDataFilteringAllowList") or ()]
    notes = {}
    if settings.get("AllowExternalDataFiltering"):
        notes["external_data_filtering"] = ", ".join(sorted(allowed)) or "allowed"
    if settings.get("AllowFullTableExternalDataAccess"):
        notes["full_table_external_access"] = "allowed"
    return notes


def _grant(
    principal: Any, privilege: str, catalog: str, confers: tuple[Confers, ...], *, inherits: bool = False
) -> Grant:
    name = principal.get("DataLakePrincipalIdentifier") if isinstance(principal, dict) else None
    if not isinstance(name, str) or not name:
        raise RecordError(
            f"{privilege} is given to nobody", platform="glue", operation="lakeformation:GetDataLakeSettings"
        )
    who = principal_of(name)
    return Grant(
        catalog, "catalog", who.name, who.kind, privilege, confers, inherits=inherits, origin="data lake settings"
    )
