-- The functions of before, each with a gate: a moment whose versions were pruned is an error. The gate is a subquery
-- without a reference to a row, so that it is judged once, before anything is read, and the rest is still seen through.
CREATE OR REPLACE FUNCTION inventory.datasets_as_of(moment timestamptz) RETURNS SETOF inventory.dataset_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.platform, v.qualified_name, v.kind, v.container, v.name, v.comment, v.owner,
           v.format, v.location, v.row_count, v.size_bytes, v.properties, v.state,
           v.first_seen_at,
           coalesce(v.last_seen_at, CASE
               -- it follows from the listings, and those of that time are no longer known
               WHEN moment < (SELECT h.kept_since FROM inventory.horizons h WHERE h.what = 'runs') THEN NULL
               ELSE greatest(v.valid_from, (
                   SELECT max(c.at) FROM inventory.sync_scope c
                   WHERE c.scope_id = v.scope_id AND c.status = 'complete' AND c.at <= moment)) END),
           v.changed_at, v.source_updated_at,
           v.owner_kind, v.namespace, v.scope, v.native_id, v.version, v.column_count, v.gone_evidence, v.id
    FROM inventory.dataset_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
$$;

CREATE OR REPLACE FUNCTION inventory.columns_as_of(moment timestamptz) RETURNS SETOF inventory.column_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.qualified_name, v.path, v.ordinal, v.native_type, v.type, v.nullable,
           v.comment, v.partition_key, coalesce(v.properties, '{}'::jsonb), v.namespace, v.dataset_id
    FROM inventory.column_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
$$;

CREATE OR REPLACE FUNCTION inventory.tags_as_of(moment timestamptz) RETURNS SETOF inventory.tag_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.qualified_name, v.path, v.tag, v.value, v.kind, v.inherited, v.origin,
           v.confidence, v.namespace, v.dataset_id
    FROM inventory.tag_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
$$;

CREATE OR REPLACE FUNCTION inventory.grants_as_of(moment timestamptz) RETURNS SETOF inventory.grant_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.securable, v.securable_kind, v.principal, v.principal_kind, v.privilege, v.grantable,
           NULL::text, v.path, v.confers, v.except_paths, v.limited_by, v.tag_condition, v.denies, v.inherits,
           v.origin, v.valid_from
    FROM inventory.grant_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
    UNION ALL
    SELECT d.source, d.qualified_name, d.kind, v.principal, v.principal_kind, v.privilege, v.grantable,
           v.securable, v.path, v.confers, v.except_paths, v.limited_by, v.tag_condition, v.denies, v.inherits,
           v.origin, v.valid_from
    FROM inventory.dataset_versions d
    CROSS JOIN LATERAL inventory.containers_above(d.source_id, d.container) a
    JOIN inventory.grant_versions v ON v.source_id = d.source_id AND v.securable = a.qualified_name AND v.inherits
    WHERE d.state = 'present' AND d.valid_from <= moment AND (d.valid_to IS NULL OR d.valid_to > moment)
      AND v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
      AND (v.tag_condition = '{}' OR inventory.tags_fulfil(v.tag_condition, d.id, ''))
$$;

CREATE OR REPLACE FUNCTION inventory.memberships_as_of(moment timestamptz) RETURNS SETOF inventory.membership_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.member, v.member_kind, v.role, v.role_kind, v.origin, v.valid_from
    FROM inventory.membership_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
$$;

CREATE OR REPLACE FUNCTION inventory.policies_as_of(moment timestamptz) RETURNS SETOF inventory.policy_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.policy, v.kind, v.securable, v.securable_kind, v.path, v.expression, v.applies_to, v.exempt,
           v.inherits, v.tag_condition, v.origin, v.valid_from
    FROM inventory.policy_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
$$;

CREATE OR REPLACE FUNCTION inventory.lineage_as_of(moment timestamptz) RETURNS SETOF inventory.lineage_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.upstream, v.upstream_path, v.downstream, v.downstream_path, v.process, v.origin,
           v.upstream_kind, v.downstream_kind, v.process_kind, v.transformation, v.valid_from
    FROM inventory.lineage_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
$$;
