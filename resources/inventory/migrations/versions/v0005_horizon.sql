-- Since when each kind of record is kept. Written before anything is dropped, so that no moment is answered by halves.
CREATE TABLE inventory.horizon (
    what text PRIMARY KEY CHECK (what IN ('history', 'changes', 'usage', 'runs')),
    kept_since timestamptz NOT NULL,
    pruned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE VIEW inventory.horizons AS SELECT what, kept_since, pruned_at FROM inventory.horizon;

CREATE FUNCTION inventory.is_kept(moment timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    since timestamptz;
BEGIN
    SELECT h.kept_since INTO since FROM inventory.horizon h WHERE h.what = 'history';
    IF moment < since THEN
        RAISE EXCEPTION 'history is kept since % only: the estate at % is no longer known',
            to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'),
            to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"')
            USING ERRCODE = 'GV001', HINT = 'ask for a moment that is kept; inventory.horizons says since when';
    END IF;
    RETURN true;
END $$;
