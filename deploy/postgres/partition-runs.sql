-- Runs into 16 parts by document, while FiLot works. What is written meanwhile is followed by a trigger, so nothing is
-- stopped and no erasure is undone by the copy. It needs room for the table once more.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/partition-runs.sql
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/partition-runs-swap.sql
--
-- To give it up before the second: DROP TRIGGER run_follows ON verification_verificationrun; DROP TABLE run_parts;
CREATE TABLE run_parts (LIKE verification_verificationrun INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY HASH (document_id);
SELECT format('CREATE TABLE verification_verificationrun_p%s PARTITION OF run_parts
               FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part) FROM generate_series(0, 15) part \gexec
ALTER TABLE run_parts ADD PRIMARY KEY (id, document_id);
ALTER TABLE run_parts ADD CONSTRAINT one_run_per_attempt_of_parts UNIQUE (document_id, attempt);
CREATE INDEX run_parts_started ON run_parts (started_at DESC);
ALTER TABLE run_parts ADD FOREIGN KEY (document_id) REFERENCES documents_document DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION run_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM run_parts WHERE id = OLD.id AND document_id = OLD.document_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO run_parts SELECT (NEW).*;
    END IF;
    RETURN NULL;
END $$;
SET lock_timeout = '2s'; -- the trigger waits for writers, and writers for it: run all of this again if it gives up
CREATE TRIGGER run_follows AFTER INSERT OR UPDATE OR DELETE ON verification_verificationrun
    FOR EACH ROW EXECUTE FUNCTION run_follows();
RESET lock_timeout;

-- A day a transaction, waiting for nobody: a row that somebody is changing is written by the trigger. It is left out if
-- that change is taken back, so what is missing comes afterwards, one by one.
SET statement_timeout = 0;
CREATE PROCEDURE copy_runs() LANGUAGE plpgsql AS $$
DECLARE
    day date := (SELECT min(started_at)::date FROM verification_verificationrun);
    missing uuid;
BEGIN
    WHILE day <= now()::date + 1 LOOP
        INSERT INTO run_parts SELECT * FROM verification_verificationrun
            WHERE started_at >= day AND started_at < day + 1 FOR SHARE SKIP LOCKED ON CONFLICT DO NOTHING;
        COMMIT;
        day := day + 1;
    END LOOP;
    FOR missing IN
        SELECT old.id FROM verification_verificationrun old LEFT JOIN run_parts part
            ON part.id = old.id AND part.document_id = old.document_id WHERE part.id IS NULL
    LOOP
        INSERT INTO run_parts SELECT * FROM verification_verificationrun
            WHERE id = missing FOR SHARE ON CONFLICT DO NOTHING;
        COMMIT;
    END LOOP;
END $$;
CALL copy_runs();
DROP PROCEDURE copy_runs();
ANALYZE run_parts;
