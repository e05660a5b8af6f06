"""Where the tags of a scope come from: one SQL statement a schema, or one REST call an object."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.errors import AuthenticationError, GovernanceError, NotFound
from governance.listing import Reason
from governance.model import Tag
from governance.text import clean
from governance.types import path_part
from resources.databricks.client_errors import EndpointAbsent
from resources.databricks.client_session import Workspace, part
from resources.databricks.client_sql import Warehouse
from resources.databricks.translate import qualified

_OFF = "not read: give warehouse_id, or tags: entity for a small estate"
_ABSENT = "not available on this server"
_ENTITIES = {"relation": "tables", "volume": "volumes"}


@dataclass
class TagBook:
    """The tags of one scope, or of a catalog's containers, with what stood in the way."""

    tags: Mapping[str, tuple[Tag, ...]] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether a tag that is not here is not there."""
        return not self.reasons and "tags" not in self.notes


class TagReader:
    """Reads tags in the way that the connection says."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._warehouse = workspace, Warehouse(workspace)
        self._mode = workspace.connection.tags
        self._lock = threading.Lock()
        self._digests: dict[str, dict[str, str]] = {}

    def of_catalog(self, catalog: str, schemas: list[str]) -> TagBook:
        """Tags of a catalog itself and of its schemas."""
        if self._mode == "sql":
            here = _quoted(catalog)
            return self._by_sql(
                "SELECT 'catalog', '', '', tag_name, tag_value "
                f"FROM {here}.information_schema.catalog_tags WHERE catalog_name = :catalog UNION ALL "
                "SELECT 'schema', schema_name, '', tag_name, tag_value "
                f"FROM {here}.information_schema.schema_tags WHERE catalog_name = :catalog",
                {"catalog": catalog},
                lambda kind, name: f"{kind}:{qualified(catalog, name) if name else qualified(catalog)}",
            )
        if self._mode == "off":
            return TagBook()
        entities = [("catalogs", catalog, f"catalog:{qualified(catalog)}", "")]
        entities += [("schemas", f"{catalog}.{s}", f"schema:{qualified(catalog, s)}", "") for s in schemas]
        return self._by_entity(entities)

    def of_schema(self, catalog: str, schema: str) -> TagBook:
        """Tags of everything in a schema, where one statement tells them."""
        if self._mode == "off":
            return TagBook(notes={"tags": _OFF})
        if self._mode == "entity":
            return TagBook(notes={"tags": "read object by object"})
        here, where = _quoted(catalog), "WHERE catalog_name = :catalog AND schema_name = :schema"
        return self._by_sql(
            f"SELECT 'relation', table_name, '', tag_name, tag_value FROM {here}.information_schema.table_tags {where} "
            "UNION ALL SELECT 'relation', table_name, column_name, tag_name, tag_value "
            f"FROM {here}.information_schema.column_tags {where} "
            "UNION ALL SELECT 'volume', volume_name, '', tag_name, tag_value "
            f"FROM {here}.information_schema.volume_tags {where}",
            {"catalog": catalog, "schema": schema},
            lambda kind, name: f"{kind}:{name}",
        )

    def digest(self, catalog: str, schema: str) -> str:
        """A digest of the tags in a schema, from one statement a catalog; empty where SQL does not tell them.

        Raises:
            GovernanceError: they cannot be read.
        """
        if self._mode != "sql":
            return ""
        with self._lock:
            if catalog not in self._digests:
                self._digests[catalog] = self._digests_of(catalog)
            return self._digests[catalog].get(schema, "-")

    def _digests_of(self, catalog: str) -> dict[str, str]:
        here, where = _quoted(catalog), "WHERE catalog_name = :catalog"
        statement = (
            "SELECT schema_name, 'relation', table_name, '', tag_name, tag_value "
            f"FROM {here}.information_schema.table_tags {where} "
            "UNION ALL SELECT schema_name, 'relation', table_name, column_name, tag_name, tag_value "
            f"FROM {here}.information_schema.column_tags {where} "
            "UNION ALL SELECT schema_name, 'volume', volume_name, '', tag_name, tag_value "
            f"FROM {here}.information_schema.volume_tags {where}"
        )
        sums: dict[str, int] = defaultdict(int)
        for schema, *row in self._warehouse.rows(statement, {"catalog": catalog}):
            text = "\0".join(map(str, row)).encode(errors="surrogatepass")
            sums[str(schema)] += int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
        return {schema: f"-{total % 2**64:016x}" for schema, total in sums.items()}

    def of_objects(self, namespace: str, records: list[Any]) -> TagBook:
        """Tags of these objects and their columns, one call each; nothing where SQL has told them already."""
        if self._mode != "entity" or namespace not in _ENTITIES:
            return TagBook()
        entities = []
        for record in records:
            names = (
                [record.get(f) for f in ("catalog_name", "schema_name", "name")] if isinstance(record, dict) else [None]
            )
            if not all(isinstance(n, str) and n for n in names):
                continue
            full, key = ".".join(map(str, names)), f"{namespace}:{names[2]}"
            entities.append((_ENTITIES[namespace], full, key, ""))
            if namespace == "relation":
                columns = [c.get("name") for c in record.get("columns") or () if isinstance(c, dict)]
                entities += [("columns", f"{full}.{c}", key, path_part(c)) for c in columns if isinstance(c, str)]
        return self._by_entity(entities)

    def _by_sql(self, statement: str, parameters: dict[str, str], key: Any) -> TagBook:
        found: dict[str, list[Tag]] = defaultdict(list)
        try:
            for kind, name, column, tag, value in self._warehouse.rows(statement, parameters):
                path = path_part(clean(column)) if column else ""
                found[key(kind, clean(name))].append(_tag(tag, value, path))
        except AuthenticationError:
            raise
        except GovernanceError as error:
            return TagBook(reasons=(_unread(error),))
        return TagBook(_sorted(found))

    def _by_entity(self, entities: list[tuple[str, str, str, str]]) -> TagBook:
        """Each entity is its type, its name in the API, its key here, and the path of the column."""
        found: dict[str, list[Tag]] = defaultdict(list)
        for kind, name, key, path in entities:
            try:
                found[key] += [_tag(a.get("tag_key"), a.get("tag_value"), path) for a in self._assigned(kind, name)]
            except EndpointAbsent:
                return TagBook(notes={"tags": _ABSENT})
            except NotFound:
                # dropped since it was listed
                continue
            except AuthenticationError:
                raise
            except GovernanceError as error:
                return TagBook(_sorted(found), reasons=(_unread(error),))
        return TagBook(_sorted(found))

    def _assigned(self, kind: str, name: str) -> Iterator[Any]:
        path = f"/entity-tag-assignments/{kind}/{part(name)}/tags"
        for page in self._workspace.pages(path, "tag_assignments", max_results=None):
            yield from page


def _tag(key: Any, value: Any, path: str) -> Tag:
    return Tag(clean(str(key)), "tag", path, clean(str(value)) if value not in (None, "") else None)


def _sorted(found: Mapping[str, list[Tag]]) -> dict[str, tuple[Tag, ...]]:
    return {k: tuple(sorted(v, key=lambda t: (t.path, t.kind, t.tag, t.origin))) for k, v in found.items()}


def _unread(error: GovernanceError) -> Reason:
    """Why tags could not be read."""
    return Reason(error.code, f"tags could not be read: {error.message}", error.operation, error.remedy)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
