-- The as-of functions once more, with the collation of the tables in what they return: a condition on a name then reaches
-- the index on it, where a column of the default collation would make every version be read.

CREATE TYPE inventory.dataset_then AS (
    source text COLLATE "C", platform text, qualified_name text COLLATE "C", kind text, container text, name text,
    comment text, owner text, format text, location text, row_count bigint, size_bytes bigint, properties jsonb,
    state text, first_seen_at timestamptz, last_seen_at timestamptz, changed_at timestamptz,
    source_updated_at timestamptz, owner_kind text, namespace text COLLATE "C", scope text COLLATE "C",
    native_id text, version text, column_count int, gone_evidence text, dataset_id bigint
);
DROP FUNCTION inventory.datasets_as_of(timestamptz);
CREATE FUNCTION inventory.datasets_as_of(moment timestamptz) RETURNS SETOF inventory.dataset_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.platform, v.qualified_name, v.kind, v.container, v.name, v.comment, v.owner,
           v.format, v.location, v.row_count, v.size_bytes, v.properties, v.state,
           v.first_seen_at,
           coalesce(v.last_seen_at, greatest(v.valid_from, (
               SELECT max(c.at) FROM inventory.sync_scope c
               WHERE c.scope_id = v.scope_id AND c.status = 'complete' AND c.at <= moment))),
           v.changed_at, v.source_updated_at,
           v.owner_kind, v.namespace, v.scope, v.native_id, v.version, v.column_count, v.gone_evidence, v.id
    FROM inventory.dataset_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
COMMENT ON FUNCTION inventory.datasets_as_of(timestamptz) IS 'inventory.datasets as it was at that moment.';

CREATE TYPE inventory.column_then AS (
    source text COLLATE "C", qualified_name text COLLATE "C", path text COLLATE "C", ordinal int, native_type text,
    type text, nullable boolean, comment text, partition_key boolean, properties jsonb, namespace text COLLATE "C",
    dataset_id bigint
);
DROP FUNCTION inventory.columns_as_of(timestamptz);
CREATE FUNCTION inventory.columns_as_of(moment timestamptz) RETURNS SETOF inventory.column_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.qualified_name, v.path, v.ordinal, v.native_type, v.type, v.nullable,
           v.comment, v.partition_key, coalesce(v.properties, '{}'::jsonb), v.namespace, v.dataset_id
    FROM inventory.column_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
COMMENT ON FUNCTION inventory.columns_as_of(timestamptz) IS 'inventory.columns as it was at that moment.';

CREATE TYPE inventory.tag_then AS (
    source text COLLATE "C", qualified_name text COLLATE "C", path text COLLATE "C", tag text, value text, kind text,
    inherited boolean, origin text, confidence double precision, namespace text COLLATE "C", dataset_id bigint
);
DROP FUNCTION inventory.tags_as_of(timestamptz);
CREATE FUNCTION inventory.tags_as_of(moment timestamptz) RETURNS SETOF inventory.tag_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.qualified_name, v.path, v.tag, v.value, v.kind, v.inherited, v.origin,
           v.confidence, v.namespace, v.dataset_id
    FROM inventory.tag_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
COMMENT ON FUNCTION inventory.tags_as_of(timestamptz) IS 'inventory.tags as it was at that moment.';

CREATE TYPE inventory.grant_then AS (
    source text COLLATE "C", securable text COLLATE "C", securable_kind text, principal text COLLATE "C",
    principal_kind text, privilege text, grantable boolean, inherited_from text, path text COLLATE "C",
    confers text[], except_paths text[], limited_by text, tag_condition jsonb, denies boolean, inherits boolean,
    origin text, valid_from timestamptz
);
DROP FUNCTION inventory.grants_as_of(timestamptz);
CREATE FUNCTION inventory.grants_as_of(moment timestamptz) RETURNS SETOF inventory.grant_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.securable, v.securable_kind, v.principal, v.principal_kind, v.privilege, v.grantable,
           NULL::text, v.path, v.confers, v.except_paths, v.limited_by, v.tag_condition, v.denies, v.inherits,
           v.origin, v.valid_from
    FROM inventory.grant_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
    UNION ALL
    SELECT d.source, d.qualified_name, d.kind, v.principal, v.principal_kind, v.privilege, v.grantable,
           v.securable, v.path, v.confers, v.except_paths, v.limited_by, v.tag_condition, v.denies, v.inherits,
           v.origin, v.valid_from
    FROM inventory.dataset_versions d
    CROSS JOIN LATERAL inventory.containers_above(d.source_id, d.container) a
    JOIN inventory.grant_versions v ON v.source_id = d.source_id AND v.securable = a.qualified_name AND v.inherits
    WHERE d.state = 'present' AND d.valid_from <= moment AND (d.valid_to IS NULL OR d.valid_to > moment)
      AND v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (v.tag_condition = '{}' OR inventory.tags_fulfil(v.tag_condition, d.id, ''))
$$;
COMMENT ON FUNCTION inventory.grants_as_of(timestamptz) IS 'inventory.grants as it was at that moment.';

CREATE TYPE inventory.membership_then AS (
    source text COLLATE "C", member text COLLATE "C", member_kind text, role text COLLATE "C", role_kind text,
    origin text, valid_from timestamptz
);
DROP FUNCTION inventory.memberships_as_of(timestamptz);
CREATE FUNCTION inventory.memberships_as_of(moment timestamptz) RETURNS SETOF inventory.membership_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.member, v.member_kind, v.role, v.role_kind, v.origin, v.valid_from
    FROM inventory.membership_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
COMMENT ON FUNCTION inventory.memberships_as_of(timestamptz) IS 'inventory.memberships as it was at that moment.';

CREATE TYPE inventory.policy_then AS (
    source text COLLATE "C", policy text COLLATE "C", kind text, securable text COLLATE "C", securable_kind text,
    path text COLLATE "C", expression text, applies_to text[], exempt text[], inherits boolean, tag_condition jsonb,
    origin text, valid_from timestamptz
);
DROP FUNCTION inventory.policies_as_of(timestamptz);
CREATE FUNCTION inventory.policies_as_of(moment timestamptz) RETURNS SETOF inventory.policy_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.policy, v.kind, v.securable, v.securable_kind, v.path, v.expression, v.applies_to, v.exempt,
           v.inherits, v.tag_condition, v.origin, v.valid_from
    FROM inventory.policy_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
COMMENT ON FUNCTION inventory.policies_as_of(timestamptz) IS 'inventory.policies as it was at that moment.';

CREATE TYPE inventory.lineage_then AS (
    source text COLLATE "C", upstream text COLLATE "C", upstream_path text COLLATE "C", downstream text COLLATE "C",
    downstream_path text COLLATE "C", process text, origin text, upstream_kind text, downstream_kind text,
    process_kind text, transformation text, valid_from timestamptz
);
DROP FUNCTION inventory.lineage_as_of(timestamptz);
CREATE FUNCTION inventory.lineage_as_of(moment timestamptz) RETURNS SETOF inventory.lineage_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.upstream, v.upstream_path, v.downstream, v.downstream_path, v.process, v.origin,
           v.upstream_kind, v.downstream_kind, v.process_kind, v.transformation, v.valid_from
    FROM inventory.lineage_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
COMMENT ON FUNCTION inventory.lineage_as_of(timestamptz) IS 'inventory.lineage as it was at that moment.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader') THEN
        GRANT EXECUTE ON FUNCTION inventory.datasets_as_of(timestamptz), inventory.columns_as_of(timestamptz),
            inventory.tags_as_of(timestamptz), inventory.grants_as_of(timestamptz),
            inventory.memberships_as_of(timestamptz), inventory.policies_as_of(timestamptz),
            inventory.lineage_as_of(timestamptz) TO governance_reader;
    END IF;
END $$;
