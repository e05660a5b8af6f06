"""Reads Lake Formation tags with as few calls as the server allows."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from governance.errors import NotFound, PermissionDenied, ProtocolError
from governance.listing import Reason
from resources.calls import Caller
from resources.glue.client_pages import pages
from resources.glue.translate_tags import UNASSIGNED, Assigned, Values, assigned_of, values_of

_DESCRIBE_TAGS = (
    "aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier=<this identity> --permissions DESCRIBE"
    ' --resource \'{"LFTag":{"TagKey":"<key>","TagValues":["*"]}}\''
)


class LakeTags:
    """The tags of one catalog, read when first asked for and kept as long as the reader lives.

    Searching by tag costs one call for every hundred tagged tables of the catalog. A server without that call is asked
    table by table, and only where there are tags at all.

    Args:
        lake: boto3's client.
        call: runs the calls.
        catalog: `CatalogId` for every call, or nothing.
    """

    def __init__(self, lake: Any, call: Caller, catalog: dict[str, str]) -> None:
        self._lake, self._call, self._catalog = lake, call, catalog
        self._lock = threading.Lock()
        self._keys: dict[str, list[str]] | None = None
        self._found: dict[tuple[str, str], Assigned] | None = None
        self._denied: Reason | None = None

    def denied(self) -> Reason | None:
        """Why tags cannot be read; None as long as they can. Asks at first use."""
        self._prepare()
        return self._denied

    @property
    def are_searched(self) -> bool:
        """Whether all tags are known from a search, so that asking for a table's costs no call."""
        self._prepare()
        return self._found is not None and self._denied is None

    def of_database(self, database: str) -> Values:
        """A database's own tags."""
        self._prepare()
        if not self._keys or self._denied:
            return {}
        return values_of(self._answer(self._named(database)).get("LFTagOnDatabase"))

    def of_table(self, database: str, table: str) -> Assigned:
        """A table's tags and those of its columns."""
        self._prepare()
        if self._found is not None:
            return self._found.get((database, table), UNASSIGNED)
        if not self._keys or self._denied:
            return UNASSIGNED
        resource = {"Table": {**self._catalog, "DatabaseName": database, "Name": table}}
        return assigned_of(self._answer(resource))

    def summary(self, database: str, above: Values) -> object:
        """What a search tells of a database's tags: its own, and those of its tables and columns."""
        found = self._found or {}
        tables = {table: assigned for (home, table), assigned in found.items() if home == database and assigned}
        return [above, tables, self._denied is None, self._found is None]

    # --- for `governance doctor`: these raise what the others turn into a reason ---

    def visible(self) -> str:
        """How many tags there are for us; Lake Formation does not refuse, it shows fewer."""
        count = len(dict(self._all_keys()))
        if count:
            return f"{count} LF-tags"
        return f"no LF-tag is visible to this identity; if there are any: {_DESCRIBE_TAGS}"

    def ask_database(self, database: str) -> Values:
        """A database's tags."""
        return values_of(self._ask_resource(self._named(database)).get("LFTagOnDatabase"))

    def can_search(self) -> str:
        """Whether tables can be found by tag."""
        key = next(self._all_keys(), None)
        if key is None:
            return "no tags to search by"
        try:
            self._asker(key[0], key[1][:1])({})
        except ProtocolError:
            return "not on this server: tags are read table by table"
        except PermissionDenied as error:
            return f"not permitted: tags are read table by table, which takes longer. {error.remedy}"
        return "tables are found by tag"

    def close(self) -> None:
        """Gives back the sockets."""
        self._lake.close()

    def _named(self, database: str) -> dict[str, Any]:
        return {"Database": {**self._catalog, "Name": database}}

    def _ask_resource(self, resource: dict[str, Any]) -> dict[str, Any]:
        return self._ask(
            "GetResourceLFTags",
            lambda: self._lake.get_resource_lf_tags(
                **self._catalog,
                Resource=resource,
                ShowAssignedLFTags=True,
            ),
        )

    def _answer(self, resource: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._ask_resource(resource)
        except PermissionDenied as error:
            with self._lock:
                self._denied = Reason.of(error)
            return {}
        except NotFound:
            # dropped since it was listed: the next listing says so
            return {}

    def _prepare(self) -> None:
        with self._lock:
            if self._keys is not None:
                return
            try:
                keys = dict(self._all_keys())
                # both or neither: a search that broke off is begun again by the next who asks
                self._found = self._search(keys) if keys else {}
                self._keys = keys
            except PermissionDenied as error:
                self._keys, self._found, self._denied = {}, {}, Reason.of(error)

    def _all_keys(self) -> Iterator[tuple[str, list[str]]]:
        def ask(token: dict[str, str]) -> dict[str, Any]:
            return self._ask(
                "ListLFTags",
                lambda: self._lake.list_lf_tags(**self._catalog, **token, MaxResults=1000),
            )

        for page in pages("lakeformation:ListLFTags", "LFTags", ask):
            for pair in page:
                yield str(pair["TagKey"]), [str(v) for v in pair["TagValues"]]

    def _search(self, keys: dict[str, list[str]]) -> dict[tuple[str, str], Assigned] | None:
        """Every tagged table of the catalog; None where the server cannot search, or not for us."""
        found: dict[tuple[str, str], Assigned] = {}
        try:
            for key, values in keys.items():
                for start in range(0, len(values), 50):
                    for page in pages(
                        "lakeformation:SearchTablesByLFTags", "TableList", self._asker(key, values[start : start + 50])
                    ):
                        for told in page:
                            table, assigned = told.get("Table") or {}, assigned_of(told)
                            if assigned != UNASSIGNED:
                                found[str(table.get("DatabaseName")), str(table.get("Name"))] = assigned
        except (ProtocolError, PermissionDenied):
            return None
        return found

    def _asker(self, key: str, values: list[str]) -> Callable[[dict[str, str]], dict[str, Any]]:
        condition = {"TagKey": key, "TagValues": values}

        def ask(token: dict[str, str]) -> dict[str, Any]:
            return self._ask(
                "SearchTablesByLFTags",
                lambda: self._lake.search_tables_by_lf_tags(
                    **self._catalog,
                    **token,
                    Expression=[condition],
                    MaxResults=100,
                ),
            )

        return ask

    def _ask(self, operation: str, call: Callable[[], Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._call(f"lakeformation:{operation}", call)
        return answer
