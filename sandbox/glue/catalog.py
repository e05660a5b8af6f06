"""The calls that moto lacks or answers unlike AWS: paged listings, and Lake Formation tags with inheritance.

They read moto's own state, so that everything written through moto shows here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.glue.models import glue_backends
from moto.lakeformation.models import lakeformation_backends

from sandbox.faults import FaultPlan
from sandbox.glue import paging
from sandbox.glue.gate import Refused

Json = dict[str, Any]


class Catalog:
    """One account's Data Catalog as AWS answers for it.

    Args:
        account: moto's account, where the state is.
        region: the Region.
        faults: which databases to leave out of listings.
    """

    def __init__(self, account: str, region: str, faults: FaultPlan) -> None:
        self.account, self.region, self.faults = account, region, faults

    def handler(self, operation: str) -> Callable[[Json], Json] | None:
        """What answers this operation; None leaves it to moto."""
        return {
            "AWSGlue.GetDatabases": self.databases,
            "AWSGlue.GetTables": self.tables,
            "/ListLFTags": self.tags,
            "/GetResourceLFTags": self.resource_tags,
            "/SearchTablesByLFTags": self.tagged_tables,
            "/AddLFTagsToResource": self.tag,
            "/RemoveLFTagsFromResource": self.untag,
        }.get(operation)

    @property
    def _glue(self) -> Any:
        return glue_backends[self.account][self.region]

    @property
    def _lake(self) -> Any:
        return lakeformation_backends[self.account][self.region]

    def databases(self, query: Json) -> Json:
        """GetDatabases."""
        found = {d.name: d for d in self._glue.get_databases() if not self.faults.lost(d.name)}
        names, token = paging.page(sorted(found), query)
        return paging.answer("DatabaseList", [paging.plain(found[n].as_dict()) for n in names], token)

    def tables(self, query: Json) -> Json:
        """GetTables: skinny where AttributesToGet says so."""
        database = str(query.get("DatabaseName"))
        if database not in self._glue.databases:
            raise Refused(400, "EntityNotFoundException", f"Database {database} not found.")
        wanted = query.get("AttributesToGet")
        if wanted is not None and "NAME" not in wanted:
            raise Refused(400, "InvalidInputException", "AttributesToGet must include NAME")
        found = {} if self.faults.lost(database) else self._glue.databases[database].tables
        expression = query.get("Expression")
        names, token = paging.page(sorted(n for n in found if not expression or re.fullmatch(expression, n)), query)
        return paging.answer("TableList", [_skinny(_table(found[n]), wanted) for n in names], token)

    def tags(self, query: Json) -> Json:
        """ListLFTags."""
        known = self._lake.list_lf_tags(self._lake.account_id)
        keys, token = paging.page(sorted(known), query, largest=1000)
        return paging.answer("LFTags", [{"TagKey": k, "TagValues": known[k]} for k in keys], token)

    def resource_tags(self, query: Json) -> Json:
        """GetResourceLFTags: with what is inherited unless only the assigned ones are asked for."""
        resource, assigned = query.get("Resource") or {}, bool(query.get("ShowAssignedLFTags"))
        if "Database" in resource:
            return _without_empty({"LFTagOnDatabase": self._pairs(self._on_database(resource["Database"]["Name"]))})
        if "Table" in resource:
            inner, columns = resource["Table"], None
        elif "TableWithColumns" in resource:
            inner, columns = resource["TableWithColumns"], resource["TableWithColumns"].get("ColumnNames")
        else:
            raise Refused(400, "InvalidInputException", "Resource must be a database, a table or columns")
        return self._of_table(inner["DatabaseName"], inner["Name"], columns, assigned)

    def tagged_tables(self, query: Json) -> Json:
        """SearchTablesByLFTags: tables where every condition holds for the table or for one of its columns."""
        size, after = query.get("MaxResults") or 100, paging.after(query.get("NextToken"))
        found: list[Json] = []
        for database, name in sorted((d.name, t) for d in self._glue.get_databases() for t in d.tables):
            if after is not None and f"{database}\0{name}" <= after:
                continue
            answer = self._of_table(database, name, None, assigned=False)
            if all(_holds(condition, answer) for condition in query.get("Expression") or ()):
                if len(found) == size:
                    last = found[-1]["Table"]
                    return paging.answer("TableList", found, paging.token(f"{last['DatabaseName']}\0{last['Name']}"))
                found.append({"Table": {"CatalogId": self.account, "DatabaseName": database, "Name": name}, **answer})
        return paging.answer("TableList", found, None)

    def tag(self, query: Json) -> Json:
        """AddLFTagsToResource: sets these keys and leaves the others as they are."""
        known, failures = self._lake.list_lf_tags(self._lake.account_id), []
        for pair in query.get("LFTags") or ():
            if not set(pair["TagValues"]) <= set(known.get(pair["TagKey"], ())):
                error = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Tag or tag value does not exist."}
                failures.append({"LFTag": pair, "Error": error})
                continue
            for held, key in self._holders(query["Resource"]):
                held[key] = [p for p in held.get(key, ()) if p["TagKey"] != pair["TagKey"]] + [pair]
        return {"Failures": failures}

    def untag(self, query: Json) -> Json:
        """RemoveLFTagsFromResource."""
        gone = {pair["TagKey"] for pair in query.get("LFTags") or ()}
        for held, key in self._holders(query["Resource"]):
            held[key] = [p for p in held.get(key, ()) if p["TagKey"] not in gone]
        return {"Failures": []}

    def forget(self, operation: str, query: Json) -> None:
        """Takes the tags away of what has just been deleted."""
        if operation == "AWSGlue.DeleteTable":
            gone = (self.account, query.get("DatabaseName"), query.get("Name"))
        elif operation == "AWSGlue.DeleteDatabase":
            gone = (self.account, query.get("Name"), None)
        else:
            return
        for held in (self._lake.lf_database_tags, self._lake.lf_table_tags, self._lake.lf_columns_tags):
            for key in [k for k in held if k[:2] == gone[:2] and (gone[2] is None or k[2:3] == gone[2:])]:
                del held[key]

    def _holders(self, resource: Json) -> list[tuple[dict[Any, Any], tuple[str, ...]]]:
        """Where moto holds the tags of this resource, and under which keys."""
        if "Database" in resource:
            self._on_database(resource["Database"]["Name"])
            return [(self._lake.lf_database_tags, (self.account, resource["Database"]["Name"]))]
        inner = resource.get("TableWithColumns") or resource["Table"]
        base = (self.account, inner["DatabaseName"], inner["Name"])
        known = self._columns(inner["DatabaseName"], inner["Name"])
        if "Table" in resource:
            return [(self._lake.lf_table_tags, base)]
        unknown = set(inner["ColumnNames"]) - set(known)
        if unknown:
            raise Refused(400, "EntityNotFoundException", f"Columns {', '.join(sorted(unknown))} not found.")
        return [(self._lake.lf_columns_tags, (*base, column)) for column in inner["ColumnNames"]]

    def _of_table(self, database: str, table: str, columns: Sequence[str] | None, assigned: bool) -> Json:
        above = self._on_database(database)
        direct = _values(self._lake.lf_table_tags.get((self.account, database, table)))
        effective = direct if assigned else {**above, **direct}
        names = self._columns(database, table) if columns is None else columns
        per_column = {}
        for name in names:
            own = _values(self._lake.lf_columns_tags.get((self.account, database, table, name)))
            per_column[name] = own if assigned else {**effective, **own}
        return _without_empty(
            {
                "LFTagOnDatabase": self._pairs(above),
                "LFTagsOnTable": self._pairs(effective),
                "LFTagsOnColumns": [{"Name": n, "LFTags": self._pairs(t)} for n, t in per_column.items() if t],
            }
        )

    def _columns(self, database: str, table: str) -> list[str]:
        found = self._glue.databases.get(database)
        if found is None or table not in found.tables:
            raise Refused(400, "EntityNotFoundException", f"Table {database}.{table} not found.")
        told = found.tables[table].as_dict()
        both = (told.get("StorageDescriptor") or {}).get("Columns") or [], told.get("PartitionKeys") or []
        return [c["Name"] for part in both for c in part]

    def _on_database(self, name: str) -> dict[str, list[str]]:
        if name not in self._glue.databases:
            raise Refused(400, "EntityNotFoundException", f"Database {name} not found.")
        return _values(self._lake.lf_database_tags.get((self.account, name)))

    def _pairs(self, tags: Mapping[str, list[str]]) -> list[Json]:
        return [{"CatalogId": self.account, "TagKey": k, "TagValues": v} for k, v in sorted(tags.items())]


def _values(stored: Sequence[Json] | None) -> dict[str, list[str]]:
    return {pair["TagKey"]: list(pair["TagValues"]) for pair in stored or ()}


def _holds(condition: Json, answer: Json) -> bool:
    """Whether the tag of a search's condition is on the table or a column with one of its values."""
    everywhere = [*answer.get("LFTagsOnTable", ())]
    everywhere += [pair for column in answer.get("LFTagsOnColumns", ()) for pair in column["LFTags"]]
    wanted = set(condition["TagValues"])
    return any(p["TagKey"] == condition["TagKey"] and wanted & set(p["TagValues"]) for p in everywhere)


def _table(found: Any) -> Json:
    """A table as Glue tells it: UpdateTime is there from the start."""
    told: Json = paging.plain(found.as_dict())
    told.setdefault("UpdateTime", told["CreateTime"])
    told.setdefault("IsRegisteredWithLakeFormation", False)
    return told


def _skinny(table: Json, wanted: Sequence[str] | None) -> Json:
    if wanted is None or "DEFAULT" in wanted:
        return table
    kept = {"Name", "DatabaseName", "CatalogId", "IsRegisteredWithLakeFormation"}
    kept |= {"TableType"} if "TABLE_TYPE" in wanted else set()
    return {k: v for k, v in table.items() if k in kept}


def _without_empty(answer: Json) -> Json:
    return {k: v for k, v in answer.items() if v}
