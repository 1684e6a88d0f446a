"""The messages that went to BULI2 and came from it: to look at, never their sealed bodies, and to send again."""

import uuid
from typing import Any

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from documents.admin import ReadOnlyAdmin
from integrations import buli2
from integrations.models import Buli2Exchange, Direction, ExchangeState

log = structlog.get_logger(__name__)

MAY_RESEND = "integrations.change_buli2exchange"
PAGE = "admin:integrations_buli2exchange_change"
RESENT_KINDS = ("submit", "cancel")  # a poll that was refused is asked anew by the next poll
STOPPED = (ExchangeState.dead, ExchangeState.refused)
TONES = {ExchangeState.dead: "high", ExchangeState.refused: "medium"}


@admin.register(Buli2Exchange)
class Buli2ExchangeAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "direction",
        "kind",
        "state_shown",
        "http_status",
        "error",
        "attempt",
        "duration_ms",
        "next_attempt_at",
    )
    list_filter = ("state", "direction", "kind")
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
        "attempt",
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

    def get_urls(self) -> list[URLPattern]:
        view = require_POST(self.admin_site.admin_view(self.resend_view))
        resend = path("<uuid:exchange_id>/resend/", view, name="integrations_buli2exchange_resend")
        return [resend, *super().get_urls()]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Buli2Exchange | None = None,
    ) -> HttpResponse:
        context["may_resend"] = obj is not None and _has_stopped(obj) and request.user.has_perm(MAY_RESEND)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def resend_view(self, request: HttpRequest, exchange_id: uuid.UUID) -> HttpResponse:
        """Make it due again; the sweep sends it. Twice is once: what waits already is left as it is."""
        if not (self.has_view_permission(request) and request.user.has_perm(MAY_RESEND)):
            raise PermissionDenied
        exchange = get_object_or_404(Buli2Exchange, pk=exchange_id)
        if buli2.resend(exchange):
            ids = {"exchange_id": str(exchange.pk), "review_id": str(exchange.review_id)}
            log.info("exchange_resend", user_id=str(request.user.pk), **ids)
            messages.success(request, _what_next())
        else:
            messages.warning(request, _("Nothing was changed: only what is dead or was refused can be sent again."))
        return HttpResponseRedirect(reverse(PAGE, args=[exchange.pk]))


def _has_stopped(exchange: Buli2Exchange) -> bool:
    """No further try is planned, and another one would have an effect."""
    outbound = exchange.direction == Direction.outbound and exchange.kind in RESENT_KINDS
    return outbound and exchange.state in STOPPED


def _what_next() -> str:
    if settings.BULI2_MODE == "local":
        return _("It waits: it will be sent once BULI2_MODE names a partner.")
    return _("It will be sent within seconds. While BULI2 does not answer, it is tried again for 24 hours.")
