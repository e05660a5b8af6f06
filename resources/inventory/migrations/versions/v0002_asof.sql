CREATE FUNCTION inventory.grants_as_of(moment timestamptz)
RETURNS TABLE (
    source text, securable text, securable_kind text, principal text, principal_kind text, privilege text,
    grantable boolean, inherited_from text, path text, confers text[], except_paths text[], limited_by text,
    tag_condition jsonb, denies boolean, inherits boolean, origin text, valid_from timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
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

CREATE FUNCTION inventory.memberships_as_of(moment timestamptz)
RETURNS TABLE (source text, member text, member_kind text, role text, role_kind text, origin text, valid_from timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.member, v.member_kind, v.role, v.role_kind, v.origin, v.valid_from
    FROM inventory.membership_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;

CREATE FUNCTION inventory.policies_as_of(moment timestamptz)
RETURNS TABLE (
    source text, policy text, kind text, securable text, securable_kind text, path text, expression text,
    applies_to text[], exempt text[], inherits boolean, tag_condition jsonb, origin text, valid_from timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.policy, v.kind, v.securable, v.securable_kind, v.path, v.expression, v.applies_to, v.exempt,
           v.inherits, v.tag_condition, v.origin, v.valid_from
    FROM inventory.policy_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;

CREATE FUNCTION inventory.lineage_as_of(moment timestamptz)
RETURNS TABLE (
    source text, upstream text, upstream_path text, downstream text, downstream_path text, process text, origin text,
    upstream_kind text, downstream_kind text, process_kind text, transformation text, valid_from timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.upstream, v.upstream_path, v.downstream, v.downstream_path, v.process, v.origin,
           v.upstream_kind, v.downstream_kind, v.process_kind, v.transformation, v.valid_from
    FROM inventory.lineage_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
$$;
