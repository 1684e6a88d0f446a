"""Documents and their moves, to look at only: the status has named actions, never a form."""

import csv
import json
import re
import uuid
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from documents.audit import check_chain, note
from documents.models import AuditEntry, AuditHead, Document, DocumentEvent
from documents.status import wire_time

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

ROWS = 50
# Nobody turns to page 200, and counting millions of entries takes longer than the page.
MOST_COUNTED = 10_000
CHECKED = 20_000  # newest entries, by the button; all of them are `manage.py verify_audit`'s
TEAM = ("reviewer", "senior")
OPERATIONS = r"^(exchange|reaper|sweep|policy|ops|worker|retention)\."
TRAIL = "admin:documents_auditentry_changelist"
EXPORTED = ("sequence", "at", "action", "actor", "document_id", "subject", "facts", "correlation_id", "hash")
_REF = re.compile(r"(?i)DOC-([0-9a-f]{8})")


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


# The audit trail ------------------------------------------------------------------------------------------------------


class CountedInPart(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    @cached_property
    def count(self) -> int:
        counted: QuerySet[AuditEntry] = self.object_list  # type: ignore[assignment]
        return counted.order_by()[:MOST_COUNTED].count()


class Trail(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """With the names of who acted: one query a page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        ids = [key for entry in self.result_list if (key := _uuid(entry.actor))]
        names = {str(user.pk): user.get_username() for user in get_user_model().objects.filter(pk__in=ids)}
        for entry in self.result_list:
            entry.actor_name = names.get(entry.actor, entry.actor)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Everybody sees as much as their role may: all, their team's acts, those of operations, or their own."""

    list_display = ("sequence", "at", "action", "who", "ref", "facts_shown")
    list_display_links = ("sequence",)
    ordering = ("-sequence",)
    paginator = CountedInPart
    search_fields = ("action",)  # only turns the search on: what is found is get_search_results's business
    search_help_text = _("action, number of the entry, reference or id, in full")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return any(request.user.has_perm(f"documents.{right}_auditentry") for right in SCOPES)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) or super().has_module_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        entries: QuerySet[AuditEntry] = super().get_queryset(request)
        return entries.filter(scope_of(request.user))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Trail

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        return (queryset.filter(_meant(search_term.strip())) if search_term.strip() else queryset), False

    def get_urls(self) -> list[URLPattern]:
        def door(address: str, view: Any) -> URLPattern:
            name = f"documents_auditentry_{address}"
            found: URLPattern = path(f"{address}/", require_POST(self.admin_site.admin_view(view)), name=name)
            return found

        return [door("export", self.export_view), door("check", self.check_view), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """The whole trail as CSV, with the hashes; that it left is an entry of its own, and the last one in it."""
        if not request.user.has_perm("documents.export_auditentry"):
            raise PermissionDenied
        with transaction.atomic():
            last = note("audit.exported", actor=str(request.user.pk)).sequence
        answer = StreamingHttpResponse(_csv(last), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="filot-audit-{last}.csv"'
        answer["Cache-Control"] = "no-store"
        return answer

    def check_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        head = AuditHead.objects.first()
        first = max(1, (head.sequence if head else 0) - CHECKED + 1)
        problems = check_chain(first=first)
        for problem in problems:
            messages.error(request, problem)
        if not problems:
            held = {"first": first, "last": head.sequence if head else 0}
            messages.success(request, gettext("The chain holds, from entry %(first)d to %(last)d.") % held)
        return HttpResponseRedirect(reverse(TRAIL))

    @admin.display(description=_("who"), ordering="actor")
    def who(self, entry: AuditEntry) -> str:
        return str(getattr(entry, "actor_name", entry.actor))

    @admin.display(description=_("ref"), ordering="document_id")
    def ref(self, entry: AuditEntry) -> str:
        return Document(pk=entry.document_id).ref if entry.document_id else "-"

    @admin.display(description=_("facts"))
    def facts_shown(self, entry: AuditEntry) -> str:
        shown = {name: value for name, value in entry.facts.items() if value not in (None, "", [], False)}
        return ", ".join(f"{name}: {_plain(value)}" for name, value in shown.items())


SCOPES = ("view", "view_team", "view_ops", "view_own")


def scope_of(user: Any) -> Q:
    """Whose acts this user may see. One query for a senior."""
    if user.has_perm("documents.view_auditentry"):
        return Q()
    mine = Q(actor=str(user.pk))
    if user.has_perm("documents.view_team_auditentry"):
        team = get_user_model().objects.filter(groups__name__in=TEAM).values_list("pk", flat=True)
        return mine | Q(actor__in=[str(pk) for pk in team])
    return mine | Q(action__regex=OPERATIONS) if user.has_perm("documents.view_ops_auditentry") else mine


def _meant(term: str) -> Q:
    if ref := _REF.fullmatch(term):
        first, last = uuid.UUID(ref[1] + "0" * 24), uuid.UUID(ref[1] + "f" * 24)
        return Q(document_id__range=(first, last))
    if key := _uuid(term):
        return Q(document_id=key) | Q(actor=str(key)) | Q(subject=str(key))
    return Q(sequence=int(term)) if term.isdecimal() and len(term) < 18 else Q(action=term)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


class _Echo:
    def write(self, line: str) -> str:
        return line


def _csv(last: int) -> Iterator[str]:
    """Line by line, so that a trail of any length needs no memory."""
    writer = csv.writer(_Echo())
    yield writer.writerow(EXPORTED)
    for entry in AuditEntry.objects.filter(sequence__lte=last).order_by("sequence").iterator(ROWS * 40):
        facts = json.dumps(entry.facts, sort_keys=True)
        row = [entry.sequence, wire_time(entry.at), entry.action, entry.actor, entry.document_id or "", entry.subject]
        yield writer.writerow([_harmless(str(cell)) for cell in [*row, facts, entry.correlation_id, entry.hash]])


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
