"""The frozen records that everything the platforms say is translated into.

The records are msgspec structs: made millions of times in a sync, and encoded to canonical JSON for the content hash.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

Integer = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""Of 32 bits; checked where a record is decoded, not where one is made."""

TagKind = Literal["tag", "classification", "term", "label"]


class Column(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A named field at any depth.

    `path` names fields only: `a`, `a.b`, `items[].sku`, `attributes{}.v`; a part that holds `.`, `[`, `]`, `{`, `}` or
    a double quote is written in double quotes, with `"` doubled.
    `ordinal` is the 1-based position among its siblings, so that a new nested field moves nothing else.
    `type` is the canonical text of the typed tree, `unknown` where `native_type` could not be parsed.
    """

    path: str
    ordinal: Integer
    native_type: str
    type: str
    nullable: bool | None = None
    comment: str | None = None
    partition_key: bool = False
    properties: dict[str, Any] = {}


class Tag(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


PrincipalKind = Literal["user", "group", "role", "service", "account", "public", "share", "application", "unknown"]
Confers = Literal["read", "write", "use", "manage", "describe", "other"]
"""What a privilege comes down to: `read` the data, `write` it, `use` (pass through) a container on the way to it,
`manage` (own, grant; includes reading unless the translator says otherwise in a grant of its own), `describe` metadata
only, `other`."""


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One privilege of one principal on one securable, as it was given (never one that merely follows from another).

    `securable` is a qualified name: of a dataset, a container, or the platform's own name of anything else.
    `inherits` says that it reaches everything below the securable; the inventory derives those rows itself.
    `path` names the one column it is limited to; `except_paths` the columns it leaves out. `limited_by` names the
    Policy (row or cell filter) through which alone it lets see. `tag_condition` is for privileges given to tags: all
    of its pairs of tag and allowed values must hold for a dataset below the securable, or for a column.
    `privilege` is the platform's own word. One privilege that comes down to several things is one Grant with several
    words in `confers`. `origin` names the facility that told us.
    """

    securable: str
    securable_kind: str
    principal: str
    principal_kind: PrincipalKind
    privilege: str
    confers: tuple[Confers, ...] = ()
    path: str = ""
    grantable: bool = False
    inherits: bool = False
    except_paths: tuple[str, ...] = ()
    limited_by: str | None = None
    tag_condition: dict[str, tuple[str, ...]] = {}
    denies: bool = False
    origin: str = ""


class Membership(msgspec.Struct, frozen=True, omit_defaults=True):
    """`member` has everything that `role` (a role or group) has."""

    member: str
    member_kind: PrincipalKind
    role: str
    role_kind: PrincipalKind
    origin: str = ""


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What limits or changes what those who may read a dataset see, or who may at all.

    `kind`: `row_filter`, `column_mask`, `cell_filter`, `resource_policy`, `abac` (`tag_mask`, `tag_filter` where a tag
    carries it), `no_inheritance`: the privilege that `policy` names is not taken from containers above this one.
    `applies_to` and `exempt` name principals; both empty: everybody, or unknown where the platform does
    not say, which `expression` then shows. `inherits`: it reaches everything below the securable.
    """

    policy: str
    kind: str
    securable: str
    securable_kind: str
    path: str = ""
    expression: str | None = None
    applies_to: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    inherits: bool = False
    tag_condition: dict[str, tuple[str, ...]] = {}
    origin: str = ""


NodeKind = Literal["dataset", "location", "external"]


class LineageEdge(msgspec.Struct, frozen=True, omit_defaults=True):
    """Data flows from `upstream` to `downstream`, of a whole dataset (paths empty) or of one column into another.

    A node is a dataset of the same source by its qualified name, a storage location (`s3://…`, `abfss://…`), or
    something the source only knows by name (`external`). Datasets of several sources meet where they have one location.
    `process` is the view, job or query kind that connects them; `transformation` is `direct` (the value flows) or
    `indirect` (it filters, joins or groups).
    """

    upstream: str
    downstream: str
    upstream_path: str = ""
    downstream_path: str = ""
    upstream_kind: NodeKind = "dataset"
    downstream_kind: NodeKind = "dataset"
    process: str = ""
    process_kind: str = ""
    transformation: Literal["direct", "indirect"] = "direct"
    origin: str = ""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often one principal read and wrote one dataset on one day (UTC), and when last (timezone-aware).

    `path` names a column where the platform counts columns; the row of the whole dataset has it empty. `rows` and
    `bytes` are what the platform reports, None where it does not. `queries` are texts with their number, largest first,
    and only where a setting asks for them.
    """

    qualified_name: str
    day: date
    principal: str
    principal_kind: PrincipalKind
    reads: int = 0
    writes: int = 0
    path: str = ""
    last_read_at: datetime | None = None
    last_written_at: datetime | None = None
    rows: int | None = None
    bytes: int | None = None
    queries: tuple[str, ...] = ()
    origin: str = ""


Facet = Literal["access", "lineage", "usage"]
"""What is known of a source beside its metadata."""

Fact = Grant | Membership | Policy | LineageEdge | Usage
"""What the facets access, lineage and usage consist of."""
