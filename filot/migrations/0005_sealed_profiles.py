import json

from django.db import migrations

import documents.encrypted
from documents.encrypted import Sealed
from documents.sealing import seal


def seal_profiles(apps, schema_editor):
    """What an identity provider said of a person leaves the plain columns."""
    users = apps.get_model("filot", "User").objects
    for pk, name, email in users.exclude(subject="").values_list("pk", "display_name", "email"):
        if not name and not email:
            continue
        told = json.dumps({"display_name": name, "email": email}).encode()
        sealed = Sealed(seal(told, subject=pk, belongs_to=f"filot_user.profile.{pk}"))
        users.filter(pk=pk).update(profile=sealed, display_name="", email="")


class Migration(migrations.Migration):
    dependencies = [("filot", "0004_second_factor")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="profile",
            field=documents.encrypted.EncryptedJSONField(
                blank=True, help_text="{display_name, email} of an outside user", null=True
            ),
        ),
        migrations.RunPython(seal_profiles, migrations.RunPython.noop),
    ]
