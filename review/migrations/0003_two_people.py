from django.db import migrations

FILL = """
UPDATE review_review r SET
    risk = coalesce(100 - d.ai_score, 100),
    needs_two = coalesce(d.ai_score <= 30, true),
    two_because = CASE WHEN coalesce(d.ai_score <= 30, true) THEN ARRAY['high_risk']::varchar[] ELSE ARRAY[]::varchar[] END
FROM documents_document d WHERE d.id = r.document_id AND r.decision = '';
UPDATE review_reviewdecision SET deliver_after = created_at, leaving_at = delivered_at;
"""

# The rules of review.four_eyes, for whoever writes around it. An accepted decision of people needs two who said the
# same where the risk is 70 or more, where another owner sent this number, or where the case was marked so before; and
# nobody decides a document they uploaded.
GUARD = """
CREATE FUNCTION review_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    doc record;
    needs boolean;
BEGIN
    SELECT d.id, d.owner_id, d.type, d.ai_score, d.number_index, r.needs_two INTO doc
        FROM review_review r JOIN documents_document d ON d.id = r.document_id WHERE r.id = NEW.review_id;
    IF NEW.user_id = doc.owner_id OR NEW.first_user_id = doc.owner_id THEN
        RAISE EXCEPTION 'nobody decides a document they uploaded' USING ERRCODE = 'check_violation';
    END IF;
    needs := doc.needs_two OR doc.ai_score IS NULL OR doc.ai_score <= 30 OR (doc.number_index <> '' AND EXISTS (
        SELECT FROM documents_document o
        WHERE o.number_index = doc.number_index AND o.type = doc.type AND o.owner_id <> doc.owner_id
    ));
    IF needs AND (
        NEW.user_id IS NULL OR NEW.first_user_id IS NULL OR NEW.user_id = NEW.first_user_id
        OR 2 > (
            SELECT count(DISTINCT v.user_id) FROM review_verdict v
            WHERE v.review_id = NEW.review_id AND v.decision = NEW.decision AND v.undone_at IS NULL
                AND v.user_id IN (NEW.user_id, NEW.first_user_id)
        )
    ) THEN
        RAISE EXCEPTION 'this case needs two people who say the same' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER review_decision_of_two BEFORE INSERT OR UPDATE OF accepted, user_id, first_user_id, decision, source, review_id
    ON review_reviewdecision FOR EACH ROW WHEN (NEW.accepted AND NEW.source = 'console')
    EXECUTE FUNCTION review_two_people();

CREATE FUNCTION review_needs_two_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what needs two people once needs them for good' USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER review_needs_two_stays BEFORE UPDATE OF needs_two ON review_review
    FOR EACH ROW WHEN (OLD.needs_two AND NOT NEW.needs_two) EXECUTE FUNCTION review_needs_two_stays();

ALTER TABLE review_reviewdecision ENABLE ALWAYS TRIGGER review_decision_of_two;
ALTER TABLE review_review ENABLE ALWAYS TRIGGER review_needs_two_stays;
"""

UNGUARD = """
DROP TRIGGER review_decision_of_two ON review_reviewdecision;
DROP TRIGGER review_needs_two_stays ON review_review;
DROP FUNCTION review_two_people();
DROP FUNCTION review_needs_two_stays();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("review", "0002_console"),
        ("documents", "0004_audit_trail"),
    ]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
