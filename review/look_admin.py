"""The page of blind looks: a decided case without its decision, and what one would have decided oneself."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from documents.admin import ReadOnlyAdmin
from review import case, console
from review.case_fields import field_rows
from review.looks import LookLost, give_look, take_look
from review.models import BlindLook, Decision, Review
from review.reasons import in_force
from review.rights import allowed

PAGE = "admin:review_blindlook_changelist"
TEMPLATE = "admin/review/blindlook/look.html"


@admin.register(BlindLook)
class BlindLookAdmin(ReadOnlyAdmin):
    """Whoever may decide is given looks; what was decided, and what others said, stands on no page of it."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, "decide_review")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        def door(address: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(address, require_POST(self.admin_site.admin_view(view)), name=name)
            return found

        own = {"change", "delete", "history", "add"}
        plain = [url for url in super().get_urls() if not own & set((url.name or "").split("_"))]
        return [
            door("take/", self.take_view, "review_blindlook_take"),
            door("<uuid:look_id>/give/", self.give_view, "review_blindlook_give"),
            *[url for url in plain if url.name],
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        mine = BlindLook.objects.filter(user=request.user.pk, decision="", lease_until__isnull=False)
        held = mine.filter(review__document__restricted_at=None, review__document__erased_at=None).first()
        shown: dict[str, Any] = {**self.admin_site.each_context(request), "title": _("A second look"), "look": held}
        if held:
            review = console.with_latest_run(Review.objects.filter(pk=held.review_id)).get()
            shown |= {
                "document": review.document,
                "rows": field_rows(review, revealed=False),
                "picture": reverse("admin:review_review_page", args=[review.pk, case.card_page(review)]),
                "reasons": list(in_force().values()),
            }
        return TemplateResponse(request, TEMPLATE, shown)

    def take_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if take_look(request.user) is None:
            messages.info(request, _("No look waits for you."))
        return HttpResponseRedirect(reverse(PAGE))

    def give_view(self, request: HttpRequest, look_id: uuid.UUID) -> HttpResponse:
        """`decision` is approved, or the code of a reason to reject."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        code = request.POST.get("decision", "")
        if code != Decision.approved and code not in in_force():
            messages.error(request, _("Choose what you would decide."))
            return HttpResponseRedirect(reverse(PAGE))
        approved = code == Decision.approved
        decision = Decision.approved if approved else Decision.rejected
        try:
            give_look(look_id, request.user, decision=decision, reason_code="" if approved else code)
        except LookLost:
            messages.warning(request, _("The look is no longer in your hands: nothing was saved."))
        else:
            messages.success(request, _("Kept. It changes nothing for the document."))
        return HttpResponseRedirect(reverse(PAGE))
