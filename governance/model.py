"""The frozen records that everything the platforms say is translated into.

The records are msgspec structs: made millions of times in a sync, and encoded to canonical JSON for the content hash.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

TagKind = Literal["tag", "classification", "term", "label"]


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named field at any depth.

    `path` names fields only: `a`, `a.b`, `items[].sku`, `attributes{}.v`; a part that holds `.`, `[`, `]`, `{`, `}` or
    a double quote is written in double quotes, with `"` doubled.
    `ordinal` is the 1-based position among its siblings, so that a new nested field moves nothing else.
    `type` is the canonical text of the typed tree, `unknown` where `native_type` could not be parsed.
    """

    path: str
    ordinal: int
    native_type: str
    type: str
    nullable: bool | None = None
    comment: str | None = None
    partition_key: bool = False
    properties: dict[str, Any] = {}


class Tag(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tag, classification, glossary term or label on a dataset (`path` empty) or a column.

    `inherited` is true where the platform derives it from a container, a parent or by propagation; `origin` says
    where from (the container's or entity's qualified name), or which facility told us. `confidence` is 0 to 1.
    """

    tag: str
    kind: TagKind
    path: str = ""
    value: str | None = None
    inherited: bool = False
    origin: str = ""
    confidence: float | None = None


class Container(msgspec.Struct, frozen=True, omit_defaults=True):
    """A database, catalog, schema or collection: what holds datasets. `kind` is the platform's word, lower case."""

    qualified_name: str
    kind: str
    name: str
    parent: str | None = None
    comment: str | None = None
    owner: str | None = None
    owner_kind: str | None = None
    location: str | None = None
    properties: dict[str, Any] = {}
    tags: tuple[Tag, ...] = ()
    native_id: str | None = None


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """A table, view, materialized view, external table, volume, topic, file set, function or model.

    Identity inside a source is (`namespace`, `qualified_name`), case kept: platforms let a table and a volume, or
    two Atlas types, share a name. `namespace` is `relation` for everything that is selected from; else the platform's
    own word (`volume`, `function`, `model`, or the Atlas type name).
    `native_id` (ARN, GUID), `version` (the token for optimistic locking) and `source_updated_at` (timezone-aware)
    are kept up to date but are no content: alone they make no change row.
    `row_count` and `size_bytes` are what the platform stored, never computed here. `properties` must be plain JSON.
    """

    qualified_name: str
    kind: str
    container: str
    name: str
    namespace: str = "relation"
    comment: str | None = None
    owner: str | None = None
    owner_kind: str | None = None
    format: str | None = None
    location: str | None = None
    row_count: int | None = None
    size_bytes: int | None = None
    properties: dict[str, Any] = {}
    columns: tuple[Column, ...] = ()
    tags: tuple[Tag, ...] = ()
    native_id: str | None = None
    version: str | None = None
    source_updated_at: datetime | None = None
