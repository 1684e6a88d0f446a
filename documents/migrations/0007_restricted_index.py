from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index that is built beside writers

    dependencies = [
        ('documents', '0006_new_upload'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='document',
            index=models.Index(condition=models.Q(('restricted_at__isnull', False)), fields=['id'], name='document_restricted'),
        ),
    ]
