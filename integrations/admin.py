"""The messages that went to BULI2 and came from it, to look at only. Their sealed bodies are not shown."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from documents.admin import ReadOnlyAdmin
from integrations.models import Buli2Exchange


@admin.register(Buli2Exchange)
class Buli2ExchangeAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "direction",
        "kind",
        "state",
        "http_status",
        "error",
        "attempt",
        "duration_ms",
        "next_attempt_at",
    )
    list_filter = ("state", "direction", "kind")
    search_fields = ("review_id__exact", "correlation_id__exact")
    search_help_text = _("id of the review or correlation id, in full")
    fields = (
        "id",
        "direction",
        "kind",
        "method",
        "path",
        "review_id",
        "state",
        "http_status",
        "error",
        "attempt",
        "duration_ms",
        "body_sha256",
        "correlation_id",
        "created_at",
        "last_attempt_at",
        "next_attempt_at",
    )
