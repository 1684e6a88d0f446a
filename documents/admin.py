"""Documents and their moves, to look at only: the status has named actions, never a form."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from documents.models import Document, DocumentEvent

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

ROWS = 50


class ReadOnly:
    """For everybody, superusers included: rows are written by services, and the admin would write around them."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    actions = None
    list_per_page = ROWS
    show_full_result_count = False  # a second COUNT over the whole table

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Under the name of what is listed: "Select document to view" promises that something can be selected."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


class EventInline(ReadOnly, TabularInline):
    model = DocumentEvent
    fields = ("at", "before", "after", "actor", "reason", "correlation_id")
    readonly_fields = fields
    extra = 0
    verbose_name = _("move")
    verbose_name_plural = _("history")


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = ("ref", "type", "status", "status_since", "created_at", "queue", "attempts", "ai_score")
    list_filter = ("status", "type", "queue")
    ordering = ("-created_at",)
    search_fields = ("pk__exact",)
    search_help_text = _("id of the document, in full")
    inlines = (EventInline,)
    fieldsets = (
        (None, {"fields": ("id", "type", "status", "status_since", "created_at", "updated_at", "owner_key")}),
        (_("File"), {"fields": ("content_type", "size", "sha256")}),
        (_("Queue"), {"fields": ("queue", "queued_at", "fallback_reason", "attempts", "claimed_by", "heartbeat_at")}),
        (_("Outcome"), {"fields": ("ai_score", "ai_decision", "correlation_id")}),
    )

    @admin.display(description=_("owner"))
    def owner_key(self, document: Document) -> str:
        return str(document.owner_id)

    @admin.display(description=_("ref"), ordering="id")
    def ref(self, document: Document) -> str:
        return document.ref
