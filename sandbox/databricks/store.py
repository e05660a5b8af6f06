"""What the workspace holds: catalogs, schemas and what lies in them, with tags and grants, all in memory.

Names keep their case and two that differ in case are two, as on the open-source server; Databricks folds them.
"""

import time
import uuid
from collections.abc import Iterator

import msgspec

from sandbox.databricks.access import Grants, Principal
from sandbox.databricks.answers import ApiError, Record, absent, invalid


class Kind(msgspec.Struct, frozen=True):
    """A kind of securable and how the API speaks of it."""

    word: str
    collection: str
    """The last part of its path."""
    listed: str
    """Where a listing holds its records."""
    code: str
    """How its error codes begin."""
    id_field: str
    parent: str
    fields: frozenset[str]
    """What may be given; everything else is the server's."""
    renamable: bool = True


_COMMON = frozenset({"name", "comment", "owner", "properties"})
_INSIDE = _COMMON | {"catalog_name", "schema_name", "storage_location"}
KINDS = {
    kind.word: kind
    for kind in (
        Kind("catalog", "catalogs", "catalogs", "CATALOG", "id", "", _COMMON | {"storage_root", "catalog_type"}),
        Kind(
            "schema", "schemas", "schemas", "SCHEMA", "schema_id", "catalog", _COMMON | {"catalog_name", "storage_root"}
        ),
        Kind(
            "table",
            "tables",
            "tables",
            "TABLE",
            "table_id",
            "schema",
            _INSIDE
            | {
                "table_type",
                "data_source_format",
                "columns",
                "view_definition",
                "view_dependencies",
                "row_filter",
                "table_constraints",
                "pipeline_id",
                "storage_credential_name",
                "sql_path",
            },
        ),
        Kind(
            "volume",
            "volumes",
            "volumes",
            "VOLUME",
            "volume_id",
            "schema",
            (_INSIDE | {"volume_type"}) - {"properties"},
        ),
        Kind(
            "function",
            "functions",
            "functions",
            "FUNCTION",
            "function_id",
            "schema",
            (_INSIDE - {"storage_location"})
            | {
                "input_params",
                "data_type",
                "full_data_type",
                "return_params",
                "routine_body",
                "routine_definition",
                "routine_dependencies",
                "external_language",
                "parameter_style",
                "is_deterministic",
                "sql_data_access",
                "is_null_call",
                "security_type",
                "specific_name",
            },
        ),
        Kind(
            "model",
            "models",
            "registered_models",
            "REGISTERED_MODEL",
            "id",
            "schema",
            (_INSIDE | {"aliases"}) - {"properties"},
        ),
    )
}
INSIDE_A_SCHEMA = ("table", "volume", "function", "model")
NEEDED = {
    "catalog": (),
    "schema": ("catalog_name",),
    "table": ("catalog_name", "schema_name", "table_type"),
    "volume": ("catalog_name", "schema_name", "volume_type"),
    "function": ("catalog_name", "schema_name", "data_type"),
    "model": ("catalog_name", "schema_name"),
}
TAGGABLE = {"catalogs": "catalog", "schemas": "schema", "tables": "table", "volumes": "volume", "columns": "table"}


class Store:
    """Everything in the metastore, by kind and full name."""

    def __init__(self) -> None:
        self.metastore_id = str(uuid.uuid4())
        self.grants = Grants()
        self.records: dict[str, dict[str, Record]] = {word: {} for word in KINDS}
        self.versions: dict[str, dict[int, Record]] = {}
        self.tags: dict[tuple[str, str], dict[str, Record]] = {}
        self.policies: dict[tuple[str, str], dict[str, Record]] = {}
        self._clock = 0

    def now(self) -> int:
        """Milliseconds since the epoch, never the same twice."""
        self._clock = max(self._clock + 1, int(time.time() * 1000))
        return self._clock

    def get(self, word: str, name: str) -> Record:
        """The record.

        Raises:
            ApiError: 404 with the code of the topmost thing that is missing.
        """
        if name in self.records[word]:
            return self.records[word][name]
        parts = name.split(".")
        depth = {"catalog": 1, "schema": 2}.get(word, 3)
        for above, cut in (("catalog", 1), ("schema", 2)):
            if cut < depth and ".".join(parts[:cut]) not in self.records[above]:
                raise absent(KINDS[above].code, ".".join(parts[:cut]))
        raise absent(KINDS[word].code, name)

    def create(self, word: str, body: Record, who: Principal) -> Record:
        """A new record.

        Raises:
            ApiError: a field is missing, the name is taken, or the parent is not there.
        """
        kind = KINDS[word]
        for field in ("name", *NEEDED[word]):
            if not isinstance(body.get(field), str) or not body[field]:
                raise invalid(f"Missing required field: {field}")
        above = [body[field] for field in ("catalog_name", "schema_name") if field in NEEDED[word]]
        if kind.parent:
            self.get(kind.parent, ".".join(above))
        name = ".".join([*above, body["name"]])
        if name in self.records[word]:
            raise ApiError(400, f"{kind.code}_ALREADY_EXISTS", f"{word.capitalize()} '{name}' already exists.")
        now = self.now()
        record = {field: value for field, value in body.items() if field in kind.fields and value is not None}
        record.setdefault("owner", who.name)
        record |= {
            "created_at": now,
            "created_by": who.name,
            "updated_at": now,
            "updated_by": who.name,
            "metastore_id": self.metastore_id,
            "full_name": name,
            kind.id_field: str(uuid.uuid4()),
        }
        if word == "volume":
            record.setdefault("storage_location", f"s3://acme-uc/volumes/{record['volume_id']}")
        self.records[word][name] = record
        if word == "catalog":
            record.setdefault("catalog_type", "MANAGED_CATALOG")
            for own in ("default", "information_schema"):
                self.create("schema", {"name": own, "catalog_name": name, "owner": record["owner"]}, who)
        return record

    def update(self, word: str, name: str, body: Record, who: Principal) -> Record:
        """The record with fields replaced; `new_name` renames it and whatever lies in it.

        Raises:
            ApiError: it is not there, or the new name is taken.
        """
        kind, record = KINDS[word], self.get(word, name)
        new = body.get("new_name")
        if new and new != record["name"]:
            self._rename(word, name, str(new))
        for field, value in body.items():
            if field in kind.fields and field not in ("name", "catalog_name", "schema_name"):
                record[field] = value
        record |= {"updated_at": self.now(), "updated_by": who.name}
        return record

    def delete(self, word: str, name: str, force: bool) -> None:
        """Removes it; with `force` also what lies in it.

        Raises:
            ApiError: it is not there, or not empty.
        """
        self.get(word, name)
        below = list(self.below(word, name))
        own = {f"{name}.default", f"{name}.information_schema"} if word == "catalog" else set()
        if not force and any(full not in own for _, full in below):
            raise ApiError(400, f"{KINDS[word].code}_NOT_EMPTY", f"{word.capitalize()} '{name}' is not empty.")
        for inner, full in [*below, (word, name)]:
            del self.records[inner][full]
            self.versions.pop(full, None)
            self.grants.forget((inner, full))
            self.policies.pop((inner, full), None)
            for key in [k for k in self.tags if _is_tag_of(k, inner, full)]:
                del self.tags[key]

    def below(self, word: str, name: str) -> Iterator[tuple[str, str]]:
        """Kind and full name of all that lies in a catalog or schema."""
        if word not in ("catalog", "schema"):
            return
        inner = ("schema", *INSIDE_A_SCHEMA) if word == "catalog" else INSIDE_A_SCHEMA
        for each in inner:
            for full, record in self.records[each].items():
                above = (
                    record["catalog_name"] if word == "catalog" else f"{record['catalog_name']}.{record['schema_name']}"
                )
                if above == name:
                    yield each, full

    def chain(self, word: str, name: str) -> list[tuple[str, str]]:
        """The securable and those above it, from which it inherits."""
        record, out = self.get(word, name), [(word, name)]
        if word in INSIDE_A_SCHEMA:
            out.append(("schema", f"{record['catalog_name']}.{record['schema_name']}"))
        if word != "catalog":
            out.append(("catalog", record["catalog_name"]))
        return [*out, ("metastore", self.metastore_id)]

    def sees_all(self, who: Principal, word: str, name: str) -> bool:
        """Whether SQL shows it all grants on the securable: to an admin, to its owner and to those of what is above."""
        owners = {self.records[w][n].get("owner") for w, n in self.chain(word, name) if w in self.records}
        return who.admin or not owners.isdisjoint(who.identities)

    def _rename(self, word: str, name: str, new: str) -> None:
        moved = [(word, name), *self.below(word, name)]
        depth = {"catalog": 0, "schema": 1}.get(word, 2)
        part = ("catalog_name", "schema_name", "name")[depth]
        target = ".".join([*name.split(".")[:depth], new])
        if target in self.records[word]:
            raise ApiError(400, f"{KINDS[word].code}_ALREADY_EXISTS", f"{word.capitalize()} '{target}' already exists.")
        for each, full in moved:
            record = self.records[each].pop(full)
            record["name" if full == name and each == word else part] = new
            record["full_name"] = target + full[len(name) :]
            self.records[each][record["full_name"]] = record
            self.grants.renamed((each, full), (each, record["full_name"]))
            if (each, full) in self.policies:
                self.policies[each, record["full_name"]] = self.policies.pop((each, full))
            if full in self.versions:
                self.versions[record["full_name"]] = self.versions.pop(full)
            for key in [k for k in self.tags if _is_tag_of(k, each, full)]:
                self.tags[key[0], record["full_name"] + key[1][len(full) :]] = self.tags.pop(key)


def _is_tag_of(key: tuple[str, str], word: str, full: str) -> bool:
    """Whether a tag's entity is this securable or one of its columns."""
    entity, name = key
    if entity == "columns":
        return word == "table" and name.startswith(f"{full}.")
    return TAGGABLE[entity] == word and name == full
