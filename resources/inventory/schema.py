"""The stable views as SQLAlchemy Core tables, for queries that are composed rather than written."""

from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Date, DateTime, Double, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

SCHEMA = "inventory"
metadata = MetaData(schema=SCHEMA)

_MOMENT = DateTime(timezone=True)


def _view(view: str, /, **columns: TypeEngine[Any] | type[TypeEngine[Any]]) -> Table:
    return Table(view, metadata, *(Column(column, kind) for column, kind in columns.items()))


sources = _view(
    "sources",
    source=Text,
    platform=Text,
    last_complete_sync_at=_MOMENT,
    datasets=BigInteger,
    columns=BigInteger,
    scopes=BigInteger,
)
scopes = _view(
    "scopes",
    source=Text,
    scope=Text,
    kind=Text,
    state=Text,
    datasets=BigInteger,
    columns=BigInteger,
    last_complete_at=_MOMENT,
    last_status=Text,
    written_at=_MOMENT,
)
datasets = _view(
    "datasets",
    source=Text,
    platform=Text,
    qualified_name=Text,
    kind=Text,
    container=Text,
    name=Text,
    comment=Text,
    owner=Text,
    format=Text,
    location=Text,
    row_count=BigInteger,
    size_bytes=BigInteger,
    properties=JSONB,
    state=Text,
    first_seen_at=_MOMENT,
    last_seen_at=_MOMENT,
    changed_at=_MOMENT,
    source_updated_at=_MOMENT,
    owner_kind=Text,
    namespace=Text,
    scope=Text,
    native_id=Text,
    version=Text,
    column_count=Integer,
    gone_evidence=Text,
    dataset_id=BigInteger,
)
columns = _view(
    "columns",
    source=Text,
    qualified_name=Text,
    path=Text,
    ordinal=Integer,
    native_type=Text,
    type=Text,
    nullable=Boolean,
    comment=Text,
    partition_key=Boolean,
    properties=JSONB,
    namespace=Text,
    dataset_id=BigInteger,
)
tags = _view(
    "tags",
    source=Text,
    qualified_name=Text,
    path=Text,
    tag=Text,
    value=Text,
    kind=Text,
    inherited=Boolean,
    origin=Text,
    confidence=Double,
    namespace=Text,
    dataset_id=BigInteger,
)
changes = _view(
    "changes",
    change_id=BigInteger,
    at=_MOMENT,
    source=Text,
    qualified_name=Text,
    path=Text,
    change=Text,
    field=Text,
    before=Text,
    after=Text,
    run_id=Text,
    namespace=Text,
    actor=Text,
    dataset_id=BigInteger,
)
sync_runs = _view(
    "sync_runs",
    source=Text,
    run_id=Text,
    status=Text,
    reasons=JSONB,
    counts=JSONB,
    started_at=_MOMENT,
    ended_at=_MOMENT,
    actor=Text,
    mode=Text,
    sync_id=BigInteger,
    facet=Text,
)
quarantine = _view(
    "quarantine",
    source=Text,
    scope=Text,
    reason=Text,
    payload=JSONB,
    run_id=Text,
    first_seen_at=_MOMENT,
    attempts=Integer,
    name=Text,
    last_seen_at=_MOMENT,
    facet=Text,
)
grants = _view(
    "grants",
    source=Text,
    securable=Text,
    securable_kind=Text,
    principal=Text,
    principal_kind=Text,
    privilege=Text,
    grantable=Boolean,
    inherited_from=Text,
    path=Text,
    confers=ARRAY(Text),
    except_paths=ARRAY(Text),
    limited_by=Text,
    tag_condition=JSONB,
    denies=Boolean,
    inherits=Boolean,
    origin=Text,
    valid_from=_MOMENT,
)
memberships = _view(
    "memberships",
    source=Text,
    member=Text,
    member_kind=Text,
    role=Text,
    role_kind=Text,
    origin=Text,
    valid_from=_MOMENT,
)
policies = _view(
    "policies",
    source=Text,
    policy=Text,
    kind=Text,
    securable=Text,
    securable_kind=Text,
    path=Text,
    expression=Text,
    applies_to=ARRAY(Text),
    exempt=ARRAY(Text),
    inherits=Boolean,
    tag_condition=JSONB,
    origin=Text,
    valid_from=_MOMENT,
)
lineage = _view(
    "lineage",
    source=Text,
    upstream=Text,
    upstream_path=Text,
    downstream=Text,
    downstream_path=Text,
    process=Text,
    origin=Text,
    upstream_kind=Text,
    downstream_kind=Text,
    process_kind=Text,
    transformation=Text,
    valid_from=_MOMENT,
)
usage = _view(
    "usage",
    source=Text,
    day=Date,
    qualified_name=Text,
    path=Text,
    principal=Text,
    principal_kind=Text,
    reads=BigInteger,
    writes=BigInteger,
    last_read_at=_MOMENT,
    last_written_at=_MOMENT,
    rows=BigInteger,
    bytes=BigInteger,
    queries=ARRAY(Text),
    origin=Text,
    read_at=_MOMENT,
)
facets = _view(
    "facets",
    source=Text,
    platform=Text,
    facet=Text,
    part=Text,
    kind=Text,
    state=Text,
    facts=BigInteger,
    last_complete_at=_MOMENT,
    last_status=Text,
    last_complete_sync_at=_MOMENT,
)
