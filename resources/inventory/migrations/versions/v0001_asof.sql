-- Plain SQL, so that the planner sees through them: a condition on a name reaches the index.
CREATE FUNCTION inventory.datasets_as_of(moment timestamptz)
RETURNS TABLE (
    source text, platform text, qualified_name text, kind text, container text, name text, comment text, owner text,
    format text, location text, row_count bigint, size_bytes bigint, properties jsonb, state text,
    first_seen_at timestamptz, last_seen_at timestamptz, changed_at timestamptz, source_updated_at timestamptz,
    owner_kind text, namespace text, scope text, native_id text, version text, column_count int, gone_evidence text,
    dataset_id bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
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

CREATE FUNCTION inventory.columns_as_of(moment timestamptz)
RETURNS TABLE (
    source text, qualified_name text, path text, ordinal int, native_type text, type text, nullable boolean,
    comment text, partition_key boolean, properties jsonb, namespace text, dataset_id bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.qualified_name, v.path, v.ordinal, v.native_type, v.type, v.nullable,
           v.comment, v.partition_key, coalesce(v.properties, '{}'::jsonb), v.namespace, v.dataset_id
    FROM inventory.column_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;

CREATE FUNCTION inventory.tags_as_of(moment timestamptz)
RETURNS TABLE (
    source text, qualified_name text, path text, tag text, value text, kind text, inherited boolean, origin text,
    confidence double precision, namespace text, dataset_id bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.qualified_name, v.path, v.tag, v.value, v.kind, v.inherited, v.origin,
           v.confidence, v.namespace, v.dataset_id
    FROM inventory.tag_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
