-- Tables are singular and internal; what people read are the plural views. Current tables hold only what is current;
-- closed versions go to *_history, whose partitions by month of valid_to are pruned by dropping them.

CREATE TABLE inventory.source (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    platform text NOT NULL,
    -- grows with every sync; a transaction that was opened under an older one is refused
    fence bigint NOT NULL DEFAULT 0,
    last_complete_sync_at timestamptz
);

CREATE TABLE inventory.sync_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id int NOT NULL REFERENCES inventory.source,
    run_id text NOT NULL,
    actor text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('source', 'scopes')),
    fence bigint NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'complete', 'partial', 'failed')),
    reasons jsonb NOT NULL DEFAULT '[]',
    counts jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE INDEX sync_run_source ON inventory.sync_run (source_id, id);
CREATE INDEX sync_run_run ON inventory.sync_run (run_id);

CREATE TABLE inventory.scope (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id int NOT NULL REFERENCES inventory.source,
    name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'out_of_scope', 'deleted')),
    datasets bigint NOT NULL DEFAULT 0,
    columns bigint NOT NULL DEFAULT 0,
    last_complete_at timestamptz,
    last_status text,
    -- the timestamp of the scope's last transaction; the source's next one is later than all of them
    written_at timestamptz,
    UNIQUE (source_id, name)
);

CREATE TABLE inventory.sync_scope (
    sync_id bigint NOT NULL REFERENCES inventory.sync_run ON DELETE CASCADE,
    scope_id int NOT NULL REFERENCES inventory.scope,
    status text NOT NULL CHECK (status IN ('complete', 'partial', 'failed')),
    reasons jsonb NOT NULL DEFAULT '[]',
    counts jsonb NOT NULL DEFAULT '{}',
    kinds jsonb NOT NULL DEFAULT '{}',
    notes jsonb NOT NULL DEFAULT '{}',
    -- false while deletions wait for the rest of the source: such a scope is read again after a crash
    settled boolean NOT NULL DEFAULT true,
    at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sync_id, scope_id)
);
CREATE INDEX sync_scope_complete ON inventory.sync_scope (scope_id, at) WHERE status = 'complete';

CREATE TABLE inventory.container (
    source_id int NOT NULL REFERENCES inventory.source,
    -- the scope on whose pages it came; NULL where the list of scopes named it
    scope_id int REFERENCES inventory.scope,
    qualified_name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    parent text,
    comment text,
    owner text,
    owner_kind text,
    location text,
    properties jsonb NOT NULL DEFAULT '{}',
    tags jsonb NOT NULL DEFAULT '[]',
    native_id text,
    hash bytea NOT NULL,
    state text NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'deleted')),
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (source_id, qualified_name)
);
CREATE INDEX container_scope ON inventory.container (scope_id);

-- No foreign keys below: they would cost a look-up for each of millions of rows, and one module writes them all.
CREATE SEQUENCE inventory.dataset_block;
CREATE TABLE inventory.dataset (
    id bigint PRIMARY KEY,
    source_id int NOT NULL,
    scope_id int NOT NULL,
    valid_from timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- NULL while present: it follows from the scope's last complete listing
    last_seen_at timestamptz,
    source_updated_at timestamptz,
    row_count bigint,
    size_bytes bigint,
    column_count int NOT NULL,
    state text NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'deleted', 'out_of_scope')),
    hash bytea NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    qualified_name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    container text NOT NULL,
    name text NOT NULL,
    comment text,
    owner text,
    owner_kind text,
    format text,
    location text,
    properties jsonb NOT NULL DEFAULT '{}',
    native_id text,
    version text,
    gone_evidence text
);
-- the name first: it serves a source's look-ups, those over all sources, and prefixes
CREATE UNIQUE INDEX dataset_identity ON inventory.dataset (qualified_name, source_id, namespace);
CREATE INDEX dataset_scope ON inventory.dataset (scope_id, state) INCLUDE (column_count);

CREATE TABLE inventory.dataset_history (LIKE inventory.dataset, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.dataset_history_default PARTITION OF inventory.dataset_history DEFAULT;
CREATE INDEX dataset_history_id ON inventory.dataset_history (id);
CREATE INDEX dataset_history_name ON inventory.dataset_history (qualified_name);

CREATE TABLE inventory.dataset_column (
    dataset_id bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    ordinal int NOT NULL,
    nullable boolean,
    partition_key boolean NOT NULL,
    path text COLLATE "C" NOT NULL,
    native_type text NOT NULL,
    type text NOT NULL,
    comment text,
    properties jsonb
);
-- without the path: a path has no bound that an index could take, and equal keys are stored once
CREATE INDEX dataset_column_dataset ON inventory.dataset_column (dataset_id);
CREATE TABLE inventory.dataset_column_history (LIKE inventory.dataset_column, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.dataset_column_history_default PARTITION OF inventory.dataset_column_history DEFAULT;
CREATE INDEX dataset_column_history_dataset ON inventory.dataset_column_history (dataset_id);

CREATE TABLE inventory.dataset_tag (
    dataset_id bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    confidence double precision,
    inherited boolean NOT NULL,
    path text COLLATE "C" NOT NULL,
    tag text NOT NULL,
    kind text NOT NULL,
    value text,
    origin text NOT NULL
);
CREATE INDEX dataset_tag_dataset ON inventory.dataset_tag (dataset_id);
CREATE TABLE inventory.dataset_tag_history (LIKE inventory.dataset_tag, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.dataset_tag_history_default PARTITION OF inventory.dataset_tag_history DEFAULT;
CREATE INDEX dataset_tag_history_dataset ON inventory.dataset_tag_history (dataset_id);

CREATE SEQUENCE inventory.change_id;
CREATE TABLE inventory.change (
    change_id bigint NOT NULL DEFAULT nextval('inventory.change_id'),
    at timestamptz NOT NULL,
    dataset_id bigint NOT NULL,
    sync_id bigint NOT NULL,
    source_id int NOT NULL,
    change text NOT NULL CHECK (change IN ('created', 'updated', 'deleted', 'restored')),
    path text NOT NULL DEFAULT '',
    field text NOT NULL DEFAULT '',
    before text,
    after text,
    PRIMARY KEY (change_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE inventory.change_default PARTITION OF inventory.change DEFAULT;
CREATE INDEX change_dataset ON inventory.change (dataset_id);
CREATE INDEX change_at ON inventory.change USING brin (at) WITH (pages_per_range = 32);

CREATE TABLE inventory.quarantined (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id int NOT NULL REFERENCES inventory.source,
    scope_id int NOT NULL REFERENCES inventory.scope,
    fingerprint bytea NOT NULL,
    name text,
    reason text NOT NULL,
    payload jsonb NOT NULL,
    sync_id bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 1,
    resolved_at timestamptz,
    UNIQUE (scope_id, fingerprint)
);
CREATE INDEX quarantined_waiting ON inventory.quarantined (source_id) WHERE resolved_at IS NULL;

-- Filled by the access and lineage assets.
CREATE TABLE inventory.privilege (
    source_id int NOT NULL REFERENCES inventory.source,
    securable text COLLATE "C" NOT NULL,
    securable_kind text NOT NULL,
    principal text COLLATE "C" NOT NULL,
    principal_kind text NOT NULL,
    privilege text NOT NULL,
    grantable boolean NOT NULL DEFAULT false,
    inherited_from text,
    valid_from timestamptz NOT NULL
);
CREATE INDEX privilege_securable ON inventory.privilege (source_id, securable);
CREATE TABLE inventory.lineage_edge (
    source_id int NOT NULL REFERENCES inventory.source,
    upstream text COLLATE "C" NOT NULL,
    upstream_path text NOT NULL DEFAULT '',
    downstream text COLLATE "C" NOT NULL,
    downstream_path text NOT NULL DEFAULT '',
    process text,
    origin text NOT NULL,
    valid_from timestamptz NOT NULL
);
CREATE INDEX lineage_edge_upstream ON inventory.lineage_edge (source_id, upstream);
CREATE INDEX lineage_edge_downstream ON inventory.lineage_edge (source_id, downstream);

CREATE TABLE inventory.audit_entry (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    details jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);
-- remembers how long the chain is, so that entries cut off its end are missed
CREATE TABLE inventory.audit_head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    seq bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO inventory.audit_head (seq, hash) VALUES (0, ''::bytea);
