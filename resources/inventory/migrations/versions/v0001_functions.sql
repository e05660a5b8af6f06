-- Partitions of the month of `moment` and of the next. Attached rather than created in place, which would wait for
-- every running sync. Where the default partition has rows of that month already, they and their successors stay there.
CREATE FUNCTION inventory.ensure_partitions(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    partition text;
    first timestamptz;
BEGIN
    FOREACH parent IN ARRAY ARRAY['dataset_history', 'dataset_column_history', 'dataset_tag_history', 'change'] LOOP
        FOR months IN 0..1 LOOP
            first := (date_trunc('month', moment AT TIME ZONE 'UTC') + make_interval(months => months)) AT TIME ZONE 'UTC';
            partition := parent || to_char(first AT TIME ZONE 'UTC', '"_y"YYYY"m"MM');
            CONTINUE WHEN to_regclass('inventory.' || partition) IS NOT NULL;
            PERFORM pg_advisory_xact_lock(hashtext('governance.ensure_partitions'));
            CONTINUE WHEN to_regclass('inventory.' || partition) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE inventory.%I (LIKE inventory.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                               partition, parent);
                EXECUTE format('ALTER TABLE inventory.%I ATTACH PARTITION inventory.%I FOR VALUES FROM (%L) TO (%L)',
                               parent, partition, first,
                               (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
            EXCEPTION WHEN check_violation THEN
                RAISE NOTICE 'the default partition of % has rows of that month already', parent;
            END;
        END LOOP;
    END LOOP;
END $$;

-- The words of a dataset or column, for full-text search: every sign that is no letter or digit parts words.
CREATE FUNCTION inventory.dataset_words(name text, qualified_name text, comment text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('pg_catalog.simple'::regconfig, left(regexp_replace(
        name || ' ' || qualified_name || ' ' || coalesce(comment, ''), '[^[:alnum:]]+', ' ', 'g'), 20000))
$$;
-- new entries gather in a pending list, so that a first load does not wait for the index
CREATE INDEX dataset_words ON inventory.dataset USING gin (inventory.dataset_words(name, qualified_name, comment))
    WITH (fastupdate = on, gin_pending_list_limit = 65536);

CREATE FUNCTION inventory.audit_digest(seq bigint, at timestamptz, actor text, action text, target text, details jsonb,
                                       previous_hash bytea) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(previous_hash || convert_to(jsonb_build_array(
        seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, action, target, details)::text, 'UTF8'))
$$;

-- One writer at a time until its transaction ends, so that no two entries follow the same one.
CREATE FUNCTION inventory.append_audit(actor text, action text, target text, details jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    head inventory.audit_head;
    entry_at timestamptz;
    entry_hash bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('governance.audit'));
    SELECT * INTO STRICT head FROM inventory.audit_head FOR UPDATE;
    entry_at := clock_timestamp();
    entry_hash := inventory.audit_digest(head.seq + 1, entry_at, actor, action, target, details, head.hash);
    INSERT INTO inventory.audit_entry (seq, at, actor, action, target, details, previous_hash, hash)
    VALUES (head.seq + 1, entry_at, actor, action, target, details, head.hash, entry_hash);
    UPDATE inventory.audit_head h SET seq = head.seq + 1, hash = entry_hash;
    RETURN head.seq + 1;
END $$;

-- SECURITY DEFINER: a reader may verify what it may not change, the head included
CREATE FUNCTION inventory.verify_audit() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog AS $$
    WITH chain AS (
        SELECT e.*, lag(e.seq, 1, 0::bigint) OVER by_seq AS seq_before, lag(e.hash, 1, ''::bytea) OVER by_seq AS hash_before
        FROM inventory.audit_entry e WINDOW by_seq AS (ORDER BY e.seq)
    ), broken AS (
        SELECT seq_before + 1 AS seq FROM chain
        WHERE seq <> seq_before + 1 OR previous_hash <> hash_before
           OR hash <> inventory.audit_digest(seq, at, actor, action, target, details, previous_hash)
        UNION ALL
        SELECT coalesce(t.seq, 0) + 1
        FROM inventory.audit_head h LEFT JOIN (SELECT seq, hash FROM inventory.audit_entry ORDER BY seq DESC LIMIT 1) t ON true
        WHERE h.seq <> coalesce(t.seq, 0) OR h.hash <> coalesce(t.hash, ''::bytea)
    )
    SELECT min(seq) FROM broken
$$;

CREATE FUNCTION inventory.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON inventory.audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION inventory.refuse_change();

SELECT inventory.ensure_partitions(now());
