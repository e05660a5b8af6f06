CREATE TABLE inventory.source_pace (
    source_id int NOT NULL REFERENCES inventory.source,
    bucket text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('rate', 'concurrency', 'batch')),
    value double precision CHECK (value > 0),
    bound double precision CHECK (bound > 0),
    calls bigint NOT NULL,
    throttled bigint NOT NULL,
    latency_ms double precision,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id text NOT NULL,
    PRIMARY KEY (source_id, bucket, kind)
);

CREATE VIEW inventory.pace AS
SELECT s.name AS source, p.bucket, p.kind, p.value, p.bound, p.calls, p.throttled, p.latency_ms, p.updated_at, p.run_id
FROM inventory.source_pace p JOIN inventory.source s ON s.id = p.source_id;

COMMENT ON VIEW inventory.pace IS 'One row per bucket and kind of pace of a source: what was learned of how hard it may be asked.';
COMMENT ON COLUMN inventory.pace.source IS 'Name of the source in the estate.';
COMMENT ON COLUMN inventory.pace.bucket IS 'What the platform meters together: the platform itself, one of its services, or a kind of bulk call.';
COMMENT ON COLUMN inventory.pace.kind IS 'rate: calls a second. concurrency: calls at once. batch: records in one call.';
COMMENT ON COLUMN inventory.pace.value IS 'What the source takes; NULL for a rate that no refusal has bounded so far. The next run begins here, or further on the way back where this is long ago.';
COMMENT ON COLUMN inventory.pace.bound IS 'What is never gone beyond: documented by the platform, or set for the source; NULL where neither is.';
COMMENT ON COLUMN inventory.pace.calls IS 'Calls of that run.';
COMMENT ON COLUMN inventory.pace.throttled IS 'Those of them that were refused for there being too many.';
COMMENT ON COLUMN inventory.pace.latency_ms IS 'Milliseconds until an answer in that run, on average.';
COMMENT ON COLUMN inventory.pace.updated_at IS 'When it was learned.';
COMMENT ON COLUMN inventory.pace.run_id IS 'The Dagster run that learned it.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader') THEN
        GRANT SELECT ON inventory.pace TO governance_reader;
    END IF;
END $$;
