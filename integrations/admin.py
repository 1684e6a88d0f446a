"""The messages that went to BULI2 and came from it: to look at, never their sealed bodies, and to send again."""

import uuid
from typing import Any

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from documents.admin import ReadOnly, ReadOnlyAdmin, TabularInline
from integrations import buli2
from integrations.breaker import FAILURES
from integrations.models import Buli2Attempt, Buli2Exchange, Direction, ExchangeState

log = structlog.get_logger(__name__)

MAY_RESEND = "integrations.change_buli2exchange"
PAGE = "admin:integrations_buli2exchange_change"
REASONS = dict(
    zip(
        buli2.ACT_REASONS,
        (
            gettext_lazy("BULI2 answers again"),
            gettext_lazy("BULI2 asked for it"),
            gettext_lazy("What was wrong is mended"),
            gettext_lazy("It is not needed any more"),
        ),
        strict=True,
    )
)
SIGNATURES: dict[str, tuple[str, str | Promise]] = {  # tone and word
    "valid": ("low", gettext_lazy("valid")),
    "missing": ("high", gettext_lazy("missing")),
    "invalid": ("high", gettext_lazy("invalid")),
    "no_secret": ("high", gettext_lazy("no secret to check with")),
    "unchecked": ("medium", gettext_lazy("not looked at")),
}
CANCELLED_STATES = (ExchangeState.pending, *buli2.STOPPED)
TONES = {ExchangeState.dead: "high", ExchangeState.refused: "medium"}


class AttemptInline(ReadOnly, TabularInline):
    model = Buli2Attempt
    fields = readonly_fields = ("number", "started_at", "duration_ms", "http_status", "error")
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("integrations.view_buli2exchange")  # they are a part of it


@admin.register(Buli2Exchange)
class Buli2ExchangeAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "direction",
        "kind",
        "state_shown",
        "http_status",
        "error",
        "signature_shown",
        "attempt",
        "duration_ms",
        "next_attempt_at",
    )
    list_filter = ("state", "direction", "kind")
    inlines = (AttemptInline,)
    search_fields = ("review_id__exact", "correlation_id__exact")
    search_help_text = gettext_lazy("id of the review or correlation id, in full")
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
        "signature_shown",
        "attempt",
        "maybe_received",
        "duration_ms",
        "body_sha256",
        "correlation_id",
        "created_at",
        "last_attempt_at",
        "next_attempt_at",
    )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_shown(self, exchange: Buli2Exchange) -> SafeString | str:
        tone, name = TONES.get(ExchangeState(exchange.state)), exchange.get_state_display()
        return format_html('<span class="pill {}">{}</span>', tone, name) if tone else name

    @admin.display(description=gettext_lazy("signature"), empty_value="-")
    def signature_shown(self, exchange: Buli2Exchange) -> SafeString | None:
        if not exchange.signature:
            return None
        tone, name = SIGNATURES[exchange.signature]
        return format_html('<span class="pill {}">{}</span>', tone, name)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Above the rows: whether BULI2 is called at all now, and what waits or needs a hand."""
        return super().changelist_view(request, {**partner_figures(), **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        doors = {"resend": self.resend_view, "cancel": self.cancel_view}
        own = [
            path(
                f"<uuid:exchange_id>/{name}/",
                require_POST(self.admin_site.admin_view(view)),
                name=f"integrations_buli2exchange_{name}",
            )
            for name, view in doors.items()
        ]
        return [*own, *super().get_urls()]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Buli2Exchange | None = None,
    ) -> HttpResponse:
        may = request.user.has_perm(MAY_RESEND)
        context["may_resend"] = obj is not None and may and _has_effect(obj) and obj.state in buli2.STOPPED
        context["act_reasons"] = REASONS
        context["may_cancel"] = obj is not None and may and _has_effect(obj) and obj.state in CANCELLED_STATES
        return super().render_change_form(request, context, add, change, form_url, obj)

    def resend_view(self, request: HttpRequest, exchange_id: uuid.UUID) -> HttpResponse:
        """Make it due again; the sweep sends it. Twice is once: what waits already is left as it is."""
        exchange, reason = self._of_ops(request, exchange_id), request.POST.get("reason", "")
        if reason not in REASONS:
            return self._answer(request, exchange, "", "", _("Say why: nothing was changed."))
        done = buli2.resend(exchange, actor=str(request.user.pk), reason=reason)
        refused = _("Nothing was changed: only what is dead or was refused can be sent again.")
        return self._answer(request, exchange, "exchange_resend", _what_next() if done else "", refused)

    def cancel_view(self, request: HttpRequest, exchange_id: uuid.UUID) -> HttpResponse:
        """Give it up; nobody sends it any more. Twice is once."""
        exchange, reason = self._of_ops(request, exchange_id), request.POST.get("reason", "")
        if reason not in REASONS:
            return self._answer(request, exchange, "", "", _("Say why: nothing was changed."))
        done = buli2.cancel_exchange(exchange, actor=str(request.user.pk), reason=reason)
        refused = _("Nothing was changed: only what waits, is dead or was refused can be given up.")
        return self._answer(request, exchange, "exchange_cancel", _given_up(exchange) if done else "", refused)

    def _of_ops(self, request: HttpRequest, exchange_id: uuid.UUID) -> Buli2Exchange:
        if not (self.has_view_permission(request) and request.user.has_perm(MAY_RESEND)):
            raise PermissionDenied
        return get_object_or_404(Buli2Exchange, pk=exchange_id)

    def _answer(
        self, request: HttpRequest, exchange: Buli2Exchange, event: str, done: str, refused: str
    ) -> HttpResponse:
        """Back to its page; `done` is empty when nothing was changed."""
        if done:
            ids = {"exchange_id": str(exchange.pk), "review_id": str(exchange.review_id)}
            log.info(event, user_id=str(request.user.pk), **ids)
            messages.success(request, done)
        else:
            messages.warning(request, refused)
        return HttpResponseRedirect(reverse(PAGE, args=[exchange.pk]))


def partner_figures() -> dict[str, Any]:
    """The breaker as all processes know it, and the messages that were not delivered."""
    breaker = buli2.buli2_breaker()
    undelivered = Buli2Exchange.objects.filter(direction=Direction.outbound, state__in=CANCELLED_STATES)
    counted = undelivered.order_by().values("state").annotate(number=Count("pk"), since=Min("created_at"))
    return {
        "partner_mode": settings.BULI2_MODE,
        "breaker_state": breaker.state,
        "breaker_failures": breaker.failures,
        "breaker_opens_at": FAILURES,
        "breaker_seconds": breaker.seconds_left,
        "undelivered": [{**row, "label": ExchangeState(row["state"]).label} for row in counted],
    }


def _has_effect(exchange: Buli2Exchange) -> bool:
    return exchange.direction == Direction.outbound and exchange.kind in buli2.EFFECTS


def _given_up(exchange: Buli2Exchange) -> str:
    if exchange.maybe_received:
        return _("It is not tried any more. BULI2 may have received it all the same.")
    return _("It is not tried any more. BULI2 never received it.")


def _what_next() -> str:
    if settings.BULI2_MODE == "local":
        return _("It waits: it will be sent once BULI2_MODE names a partner.")
    return _("It will be sent within seconds. While BULI2 does not answer, it is tried again for 24 hours.")
