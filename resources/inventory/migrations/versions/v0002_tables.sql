-- The facets beside metadata: access, lineage, usage. A facet of a source is read in parts (a database, a kind of view, a
-- day); a part is to its facts what a scope is to its datasets.
ALTER TABLE inventory.sync_run ADD COLUMN facet text NOT NULL DEFAULT 'metadata'
    CHECK (facet IN ('metadata', 'access', 'lineage', 'usage'));

CREATE TABLE inventory.facet (
    source_id int NOT NULL REFERENCES inventory.source,
    facet text NOT NULL CHECK (facet IN ('access', 'lineage', 'usage')),
    -- grows with every sync of the facet; a transaction that was opened under an older one is refused
    fence bigint NOT NULL DEFAULT 0,
    last_complete_sync_at timestamptz,
    PRIMARY KEY (source_id, facet)
);

CREATE TABLE inventory.part (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id int NOT NULL REFERENCES inventory.source,
    facet text NOT NULL,
    name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'deleted')),
    facts bigint NOT NULL DEFAULT 0,
    last_complete_at timestamptz,
    last_status text,
    written_at timestamptz,
    UNIQUE (source_id, facet, name)
);

CREATE TABLE inventory.sync_part (
    sync_id bigint NOT NULL REFERENCES inventory.sync_run ON DELETE CASCADE,
    part_id int NOT NULL REFERENCES inventory.part,
    status text NOT NULL CHECK (status IN ('complete', 'partial', 'failed')),
    reasons jsonb NOT NULL DEFAULT '[]',
    counts jsonb NOT NULL DEFAULT '{}',
    kinds jsonb NOT NULL DEFAULT '{}',
    notes jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sync_id, part_id)
);
CREATE INDEX sync_part_part ON inventory.sync_part (part_id, sync_id);

-- A fact is known by the hash of its content within its part, so that one that stays costs no write.
DROP VIEW inventory.grants, inventory.lineage;
DROP TABLE inventory.privilege, inventory.lineage_edge;

CREATE TABLE inventory.privilege (
    part_id int NOT NULL,
    source_id int NOT NULL,
    valid_from timestamptz NOT NULL,
    grantable boolean NOT NULL,
    inherits boolean NOT NULL,
    denies boolean NOT NULL,
    hash bytea NOT NULL,
    securable text COLLATE "C" NOT NULL,
    securable_kind text NOT NULL,
    principal text COLLATE "C" NOT NULL,
    principal_kind text NOT NULL,
    privilege text NOT NULL,
    confers text[] NOT NULL,
    path text COLLATE "C" NOT NULL,
    except_paths text[] NOT NULL,
    limited_by text,
    tag_condition jsonb NOT NULL,
    origin text NOT NULL
);
CREATE UNIQUE INDEX privilege_part ON inventory.privilege (part_id, hash);
CREATE INDEX privilege_securable ON inventory.privilege (securable, source_id);
CREATE INDEX privilege_principal ON inventory.privilege (principal, source_id);

CREATE TABLE inventory.membership (
    part_id int NOT NULL,
    source_id int NOT NULL,
    valid_from timestamptz NOT NULL,
    hash bytea NOT NULL,
    member text COLLATE "C" NOT NULL,
    member_kind text NOT NULL,
    role text COLLATE "C" NOT NULL,
    role_kind text NOT NULL,
    origin text NOT NULL
);
CREATE UNIQUE INDEX membership_part ON inventory.membership (part_id, hash);
CREATE INDEX membership_member ON inventory.membership (member, source_id);
CREATE INDEX membership_role ON inventory.membership (role, source_id);

CREATE TABLE inventory.policy (
    part_id int NOT NULL,
    source_id int NOT NULL,
    valid_from timestamptz NOT NULL,
    inherits boolean NOT NULL,
    hash bytea NOT NULL,
    policy text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    securable text COLLATE "C" NOT NULL,
    securable_kind text NOT NULL,
    path text COLLATE "C" NOT NULL,
    expression text,
    applies_to text[] NOT NULL,
    exempt text[] NOT NULL,
    tag_condition jsonb NOT NULL,
    origin text NOT NULL
);
CREATE UNIQUE INDEX policy_part ON inventory.policy (part_id, hash);
CREATE INDEX policy_securable ON inventory.policy (securable, source_id);

CREATE TABLE inventory.lineage_edge (
    part_id int NOT NULL,
    source_id int NOT NULL,
    valid_from timestamptz NOT NULL,
    hash bytea NOT NULL,
    upstream text COLLATE "C" NOT NULL,
    upstream_kind text NOT NULL,
    upstream_path text COLLATE "C" NOT NULL,
    downstream text COLLATE "C" NOT NULL,
    downstream_kind text NOT NULL,
    downstream_path text COLLATE "C" NOT NULL,
    process text NOT NULL,
    process_kind text NOT NULL,
    transformation text NOT NULL,
    origin text NOT NULL
);
CREATE UNIQUE INDEX lineage_edge_part ON inventory.lineage_edge (part_id, hash);
CREATE INDEX lineage_edge_upstream ON inventory.lineage_edge (upstream, source_id);
CREATE INDEX lineage_edge_downstream ON inventory.lineage_edge (downstream, source_id);

CREATE TABLE inventory.privilege_history (LIKE inventory.privilege, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.privilege_history_default PARTITION OF inventory.privilege_history DEFAULT;
CREATE INDEX privilege_history_securable ON inventory.privilege_history (securable);
CREATE TABLE inventory.membership_history (LIKE inventory.membership, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.membership_history_default PARTITION OF inventory.membership_history DEFAULT;
CREATE INDEX membership_history_member ON inventory.membership_history (member);
CREATE TABLE inventory.policy_history (LIKE inventory.policy, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.policy_history_default PARTITION OF inventory.policy_history DEFAULT;
CREATE INDEX policy_history_securable ON inventory.policy_history (securable);
CREATE TABLE inventory.lineage_edge_history (LIKE inventory.lineage_edge, valid_to timestamptz NOT NULL)
    PARTITION BY RANGE (valid_to);
CREATE TABLE inventory.lineage_edge_history_default PARTITION OF inventory.lineage_edge_history DEFAULT;
CREATE INDEX lineage_edge_history_downstream ON inventory.lineage_edge_history (downstream);
CREATE INDEX lineage_edge_history_upstream ON inventory.lineage_edge_history (upstream);

-- A day's usage is dated by itself and has no further history: what a later reading of the day says takes its place.
CREATE TABLE inventory.usage_day (
    part_id int NOT NULL,
    source_id int NOT NULL,
    valid_from timestamptz NOT NULL,
    day date NOT NULL,
    reads bigint NOT NULL,
    writes bigint NOT NULL,
    last_read_at timestamptz,
    last_written_at timestamptz,
    rows bigint,
    bytes bigint,
    hash bytea NOT NULL,
    qualified_name text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    principal_kind text NOT NULL,
    queries text[] NOT NULL,
    origin text NOT NULL
) PARTITION BY RANGE (day);
CREATE TABLE inventory.usage_day_default PARTITION OF inventory.usage_day DEFAULT;
CREATE UNIQUE INDEX usage_day_part ON inventory.usage_day (part_id, hash, day);
CREATE INDEX usage_day_name ON inventory.usage_day (qualified_name, source_id, day);
CREATE INDEX usage_day_principal ON inventory.usage_day (principal, source_id, day);

-- where data lies: what several sources call one place, in one spelling
CREATE FUNCTION inventory.place(location text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rtrim(regexp_replace(regexp_replace(location, '^s3[an]://', 's3://'), '^dbfs:(/Volumes|/mnt)', '\1'), '/')
$$;
CREATE INDEX dataset_place ON inventory.dataset (inventory.place(location) text_pattern_ops)
    WHERE location IS NOT NULL AND length(location) < 2000;
CREATE INDEX dataset_container ON inventory.dataset (container, source_id);
CREATE INDEX lineage_edge_upstream_place ON inventory.lineage_edge (inventory.place(upstream))
    WHERE upstream_kind = 'location';
CREATE INDEX lineage_edge_downstream_place ON inventory.lineage_edge (inventory.place(downstream))
    WHERE downstream_kind = 'location';

ALTER TABLE inventory.quarantined ALTER COLUMN scope_id DROP NOT NULL, ADD COLUMN part_id int REFERENCES inventory.part,
    ADD CHECK (num_nonnulls(scope_id, part_id) = 1), ADD UNIQUE (part_id, fingerprint);
