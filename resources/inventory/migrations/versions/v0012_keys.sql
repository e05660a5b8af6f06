-- What is asked by its key costs the same in a large inventory: a scope or part by its name, a scope's quarantine, a role's members.
CREATE INDEX scope_name ON inventory.scope (name, source_id);
CREATE INDEX part_name ON inventory.part (name, source_id);
CREATE INDEX quarantined_part ON inventory.quarantined (part_id) WHERE part_id IS NOT NULL AND resolved_at IS NULL;

-- Two halves rather than two outer joins, so that a condition on the scope finds it by its index.
CREATE OR REPLACE VIEW inventory.quarantine AS
SELECT s.name AS source, p.name AS scope, q.reason, q.payload, r.run_id, q.first_seen_at, q.attempts, q.name,
       q.last_seen_at, 'metadata'::text AS facet
FROM inventory.quarantined q
JOIN inventory.scope p ON p.id = q.scope_id
JOIN inventory.source s ON s.id = p.source_id
LEFT JOIN inventory.sync_run r ON r.id = q.sync_id
WHERE q.resolved_at IS NULL
UNION ALL
SELECT s.name, a.name, q.reason, q.payload, r.run_id, q.first_seen_at, q.attempts, q.name, q.last_seen_at, a.facet
FROM inventory.quarantined q
JOIN inventory.part a ON a.id = q.part_id
JOIN inventory.source s ON s.id = a.source_id
LEFT JOIN inventory.sync_run r ON r.id = q.sync_id
WHERE q.part_id IS NOT NULL AND q.resolved_at IS NULL;
