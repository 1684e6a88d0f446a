from django.db import migrations

# docs/privacy.md says which law asks for these and what is unverified; `manage.py retention` changes them.
RULES = [
    ("*", "auto_approve", 5, "relationship", True),
    ("*", "approved", 5, "relationship", True),
    ("*", "auto_reject", 5, "decision", False),
    ("*", "rejected", 5, "decision", False),
    ("*", "*", 1, "decision", False),
]

# Messages from before they said whose they are.
WHOSE = """
UPDATE integrations_buli2exchange e SET subject = d.owner_id
FROM review_review r JOIN documents_document d ON d.id = r.document_id
WHERE e.review_id = r.id AND e.subject = '00000000-0000-0000-0000-000000000000'
"""


def make_rules(apps, schema_editor):
    for type, state, years, counts_from, legal_hold in RULES:
        apps.get_model("privacy", "RetentionRule").objects.get_or_create(
            type=type, state=state, defaults={"years": years, "counts_from": counts_from, "legal_hold": legal_hold}
        )


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0001_initial"),
        ("review", "0001_initial"),
        ("integrations", "0003_whose_exchange"),
    ]
    operations = [
        migrations.RunPython(make_rules, migrations.RunPython.noop),
        migrations.RunSQL(WHOSE, migrations.RunSQL.noop),
    ]
