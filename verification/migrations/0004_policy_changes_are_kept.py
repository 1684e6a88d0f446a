from django.db import migrations

# Of every role, superusers included (ALWAYS: in a session that plays a replica too). An empty table may be truncated:
# nothing is lost, and test databases are emptied that way.
KEEP = """
CREATE FUNCTION policy_changes_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM verification_policychange) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'changes of policy are kept: no % here', TG_OP USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER policy_change_is_kept BEFORE UPDATE OR DELETE ON verification_policychange
    FOR EACH ROW EXECUTE FUNCTION policy_changes_are_kept();
CREATE TRIGGER policy_changes_are_kept BEFORE TRUNCATE ON verification_policychange
    FOR EACH STATEMENT EXECUTE FUNCTION policy_changes_are_kept();

ALTER TABLE verification_policychange ENABLE ALWAYS TRIGGER policy_change_is_kept;
ALTER TABLE verification_policychange ENABLE ALWAYS TRIGGER policy_changes_are_kept;
"""

FORGET = """
DROP TRIGGER policy_change_is_kept ON verification_policychange;
DROP TRIGGER policy_changes_are_kept ON verification_policychange;
DROP FUNCTION policy_changes_are_kept();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('verification', '0003_judging'),
    ]

    operations = [
        migrations.RunSQL(KEEP, FORGET),
    ]
