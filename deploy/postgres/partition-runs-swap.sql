-- After partition-runs.sql. Again, until it comes through: it waits two seconds for those who work with the table.
BEGIN;
SET LOCAL lock_timeout = '2s';
LOCK TABLE verification_verificationrun IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER run_follows ON verification_verificationrun;
DROP FUNCTION run_follows();
ALTER TABLE verification_verificationrun RENAME TO verification_verificationrun_old;
ALTER TABLE verification_verificationrun_old RENAME CONSTRAINT one_run_per_attempt TO one_run_per_attempt_of_old;
ALTER TABLE run_parts RENAME TO verification_verificationrun;
-- Later migrations know it by this name.
ALTER TABLE verification_verificationrun RENAME CONSTRAINT one_run_per_attempt_of_parts TO one_run_per_attempt;
COMMIT;
-- Look at it for a day, then: DROP TABLE verification_verificationrun_old. Erasures do not reach it, so no longer.
