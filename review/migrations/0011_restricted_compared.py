from django.db import migrations

# As in 0003 again: a restricted document is seen by nobody, but hides no second account with its number.
GUARD = """
CREATE OR REPLACE FUNCTION review_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""

BEFORE = """
CREATE OR REPLACE FUNCTION review_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
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
            AND o.restricted_at IS NULL
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
"""


class Migration(migrations.Migration):

    dependencies = [
        ("review", "0010_reminded_at"),
    ]

    operations = [
        migrations.RunSQL(GUARD, BEFORE),
    ]
