CREATE VIEW inventory.sources AS
SELECT s.name AS source, s.platform, s.last_complete_sync_at,
       coalesce(c.datasets, 0)::bigint AS datasets, coalesce(c.columns, 0)::bigint AS columns,
       coalesce(c.scopes, 0)::bigint AS scopes
FROM inventory.source s
LEFT JOIN LATERAL (
    SELECT sum(datasets) AS datasets, sum(columns) AS columns, count(*) FILTER (WHERE state = 'present') AS scopes
    FROM inventory.scope WHERE source_id = s.id
) c ON true;

CREATE VIEW inventory.scopes AS
SELECT s.name AS source, p.name AS scope, p.kind, p.state, p.datasets, p.columns, p.last_complete_at, p.last_status,
       p.written_at
FROM inventory.scope p JOIN inventory.source s ON s.id = p.source_id;

CREATE VIEW inventory.containers AS
SELECT s.name AS source, s.platform, c.qualified_name, c.kind, c.name, c.parent, c.comment, c.owner, c.owner_kind,
       c.location, c.properties, c.tags, c.state, c.first_seen_at, c.changed_at, c.native_id
FROM inventory.container c JOIN inventory.source s ON s.id = c.source_id;

CREATE VIEW inventory.datasets AS
SELECT s.name AS source, s.platform, d.qualified_name, d.kind, d.container, d.name, d.comment, d.owner, d.format,
       d.location, d.row_count, d.size_bytes, d.properties, d.state, d.first_seen_at,
       coalesce(d.last_seen_at, greatest(d.valid_from, p.last_complete_at)) AS last_seen_at,
       d.changed_at, d.source_updated_at, d.owner_kind, d.namespace, p.name AS scope, d.native_id, d.version,
       d.column_count, d.gone_evidence, d.id AS dataset_id
FROM inventory.dataset d
JOIN inventory.source s ON s.id = d.source_id
JOIN inventory.scope p ON p.id = d.scope_id;

CREATE VIEW inventory.columns AS
SELECT s.name AS source, d.qualified_name, c.path, c.ordinal, c.native_type, c.type, c.nullable, c.comment,
       c.partition_key, coalesce(c.properties, '{}'::jsonb) AS properties, d.namespace, d.id AS dataset_id
FROM inventory.dataset_column c
JOIN inventory.dataset d ON d.id = c.dataset_id
JOIN inventory.source s ON s.id = d.source_id;

CREATE VIEW inventory.tags AS
SELECT s.name AS source, d.qualified_name, t.path, t.tag, t.value, t.kind, t.inherited, t.origin, t.confidence,
       d.namespace, d.id AS dataset_id
FROM inventory.dataset_tag t
JOIN inventory.dataset d ON d.id = t.dataset_id
JOIN inventory.source s ON s.id = d.source_id;

CREATE VIEW inventory.grants AS
SELECT s.name AS source, g.securable, g.securable_kind, g.principal, g.principal_kind, g.privilege, g.grantable,
       g.inherited_from
FROM inventory.privilege g JOIN inventory.source s ON s.id = g.source_id;

CREATE VIEW inventory.lineage AS
SELECT s.name AS source, e.upstream, e.upstream_path, e.downstream, e.downstream_path, e.process, e.origin
FROM inventory.lineage_edge e JOIN inventory.source s ON s.id = e.source_id;

CREATE VIEW inventory.changes AS
SELECT c.change_id, c.at, s.name AS source, d.qualified_name, c.path, c.change, c.field, c.before, c.after,
       r.run_id, d.namespace, r.actor, d.id AS dataset_id
FROM inventory.change c
JOIN inventory.dataset d ON d.id = c.dataset_id
JOIN inventory.source s ON s.id = c.source_id
JOIN inventory.sync_run r ON r.id = c.sync_id;

CREATE VIEW inventory.sync_runs AS
SELECT s.name AS source, r.run_id, r.status, r.reasons, r.counts, r.started_at, r.ended_at, r.actor, r.mode,
       r.id AS sync_id
FROM inventory.sync_run r JOIN inventory.source s ON s.id = r.source_id;

CREATE VIEW inventory.sync_scopes AS
SELECT s.name AS source, p.name AS scope, c.status, c.reasons, c.counts, c.started_at, c.ended_at, r.run_id, c.kinds,
       c.notes, r.id AS sync_id
FROM inventory.sync_scope c
JOIN inventory.sync_run r ON r.id = c.sync_id
JOIN inventory.scope p ON p.id = c.scope_id
JOIN inventory.source s ON s.id = r.source_id;

CREATE VIEW inventory.quarantine AS
SELECT s.name AS source, p.name AS scope, q.reason, q.payload, r.run_id, q.first_seen_at, q.attempts, q.name,
       q.last_seen_at
FROM inventory.quarantined q
JOIN inventory.source s ON s.id = q.source_id
JOIN inventory.scope p ON p.id = q.scope_id
LEFT JOIN inventory.sync_run r ON r.id = q.sync_id
WHERE q.resolved_at IS NULL;

CREATE VIEW inventory.audit AS
SELECT seq, at, actor, action, target, details, encode(hash, 'hex') AS hash, encode(previous_hash, 'hex') AS previous_hash
FROM inventory.audit_entry;

CREATE VIEW inventory.dataset_versions AS
SELECT v.*, s.name AS source, s.platform, p.name AS scope
FROM (
    SELECT d.*, NULL::timestamptz AS valid_to FROM inventory.dataset d
    UNION ALL
    SELECT * FROM inventory.dataset_history
) v
JOIN inventory.source s ON s.id = v.source_id
JOIN inventory.scope p ON p.id = v.scope_id;

CREATE VIEW inventory.column_versions AS
SELECT v.*, s.name AS source, d.qualified_name, d.namespace
FROM (
    SELECT c.*, NULL::timestamptz AS valid_to FROM inventory.dataset_column c
    UNION ALL
    SELECT * FROM inventory.dataset_column_history
) v
JOIN inventory.dataset d ON d.id = v.dataset_id
JOIN inventory.source s ON s.id = d.source_id;

CREATE VIEW inventory.tag_versions AS
SELECT v.*, s.name AS source, d.qualified_name, d.namespace
FROM (
    SELECT t.*, NULL::timestamptz AS valid_to FROM inventory.dataset_tag t
    UNION ALL
    SELECT * FROM inventory.dataset_tag_history
) v
JOIN inventory.dataset d ON d.id = v.dataset_id
JOIN inventory.source s ON s.id = d.source_id;
