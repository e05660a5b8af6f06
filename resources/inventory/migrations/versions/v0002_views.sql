CREATE VIEW inventory.grants AS
SELECT s.name AS source, g.securable, g.securable_kind, g.principal, g.principal_kind, g.privilege, g.grantable,
       NULL::text AS inherited_from, g.path, g.confers, g.except_paths, g.limited_by, g.tag_condition, g.denies,
       g.inherits, g.origin, g.valid_from
FROM inventory.privilege g JOIN inventory.source s ON s.id = g.source_id
UNION ALL
SELECT s.name, d.qualified_name, d.kind, g.principal, g.principal_kind, g.privilege, g.grantable,
       g.securable, g.path, g.confers, g.except_paths, g.limited_by, g.tag_condition, g.denies,
       g.inherits, g.origin, g.valid_from
FROM inventory.dataset d
JOIN inventory.source s ON s.id = d.source_id
CROSS JOIN LATERAL inventory.containers_above(d.source_id, d.container) a
JOIN inventory.privilege g ON g.source_id = d.source_id AND g.securable = a.qualified_name AND g.inherits
WHERE d.state = 'present' AND (g.tag_condition = '{}' OR inventory.tags_fulfil(g.tag_condition, d.id, ''));

CREATE VIEW inventory.memberships AS
SELECT s.name AS source, m.member, m.member_kind, m.role, m.role_kind, m.origin, m.valid_from
FROM inventory.membership m JOIN inventory.source s ON s.id = m.source_id;

CREATE VIEW inventory.policies AS
SELECT s.name AS source, p.policy, p.kind, p.securable, p.securable_kind, p.path, p.expression, p.applies_to, p.exempt,
       p.inherits, p.tag_condition, p.origin, p.valid_from
FROM inventory.policy p JOIN inventory.source s ON s.id = p.source_id;

CREATE VIEW inventory.lineage AS
SELECT s.name AS source, e.upstream, e.upstream_path, e.downstream, e.downstream_path, e.process, e.origin,
       e.upstream_kind, e.downstream_kind, e.process_kind, e.transformation, e.valid_from
FROM inventory.lineage_edge e JOIN inventory.source s ON s.id = e.source_id;

CREATE VIEW inventory.usage AS
SELECT s.name AS source, u.day, u.qualified_name, u.path, u.principal, u.principal_kind, u.reads, u.writes,
       u.last_read_at, u.last_written_at, u.rows, u.bytes, u.queries, u.origin, u.valid_from AS read_at
FROM inventory.usage_day u JOIN inventory.source s ON s.id = u.source_id;

CREATE VIEW inventory.grant_versions AS
SELECT s.name AS source, v.* FROM (
    SELECT g.*, NULL::timestamptz AS valid_to FROM inventory.privilege g
    UNION ALL SELECT * FROM inventory.privilege_history
) v JOIN inventory.source s ON s.id = v.source_id;

CREATE VIEW inventory.membership_versions AS
SELECT s.name AS source, v.* FROM (
    SELECT m.*, NULL::timestamptz AS valid_to FROM inventory.membership m
    UNION ALL SELECT * FROM inventory.membership_history
) v JOIN inventory.source s ON s.id = v.source_id;

CREATE VIEW inventory.policy_versions AS
SELECT s.name AS source, v.* FROM (
    SELECT p.*, NULL::timestamptz AS valid_to FROM inventory.policy p
    UNION ALL SELECT * FROM inventory.policy_history
) v JOIN inventory.source s ON s.id = v.source_id;

CREATE VIEW inventory.lineage_versions AS
SELECT s.name AS source, v.* FROM (
    SELECT e.*, NULL::timestamptz AS valid_to FROM inventory.lineage_edge e
    UNION ALL SELECT * FROM inventory.lineage_edge_history
) v JOIN inventory.source s ON s.id = v.source_id;

CREATE OR REPLACE VIEW inventory.sync_runs AS
SELECT s.name AS source, r.run_id, r.status, r.reasons, r.counts, r.started_at, r.ended_at, r.actor, r.mode,
       r.id AS sync_id, r.facet
FROM inventory.sync_run r JOIN inventory.source s ON s.id = r.source_id;

CREATE OR REPLACE VIEW inventory.sync_scopes AS
SELECT s.name AS source, p.name AS scope, c.status, c.reasons, c.counts, c.started_at, c.ended_at, r.run_id, c.kinds,
       c.notes, r.id AS sync_id, r.facet
FROM inventory.sync_scope c
JOIN inventory.sync_run r ON r.id = c.sync_id
JOIN inventory.scope p ON p.id = c.scope_id
JOIN inventory.source s ON s.id = r.source_id
UNION ALL
SELECT s.name, p.name, c.status, c.reasons, c.counts, c.started_at, c.ended_at, r.run_id, c.kinds,
       c.notes, r.id, r.facet
FROM inventory.sync_part c
JOIN inventory.sync_run r ON r.id = c.sync_id
JOIN inventory.part p ON p.id = c.part_id
JOIN inventory.source s ON s.id = r.source_id;

CREATE VIEW inventory.facets AS
SELECT s.name AS source, s.platform, p.facet, p.name AS part, p.kind, p.state, p.facts, p.last_complete_at,
       p.last_status, f.last_complete_sync_at
FROM inventory.part p
JOIN inventory.source s ON s.id = p.source_id
LEFT JOIN inventory.facet f ON f.source_id = p.source_id AND f.facet = p.facet;

CREATE OR REPLACE VIEW inventory.quarantine AS
SELECT s.name AS source, coalesce(p.name, a.name) AS scope, q.reason, q.payload, r.run_id, q.first_seen_at, q.attempts,
       q.name, q.last_seen_at, coalesce(a.facet, 'metadata') AS facet
FROM inventory.quarantined q
JOIN inventory.source s ON s.id = q.source_id
LEFT JOIN inventory.scope p ON p.id = q.scope_id
LEFT JOIN inventory.part a ON a.id = q.part_id
LEFT JOIN inventory.sync_run r ON r.id = q.sync_id
WHERE q.resolved_at IS NULL;
