"""The pages of blind looks: a decided case without its decision, and what one would have decided oneself; and cases
with a known answer, as compliance sets them before everybody who decides."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from documents.admin import ReadOnlyAdmin
from review import case, console
from review.case_fields import field_rows
from review.looks import LookLost, give_look, plant_for_all, planted, take_look
from review.models import BlindLook, Decision, Review
from review.reasons import in_force
from review.rights import allowed

PAGE = "admin:review_blindlook_changelist"
KNOWN = "admin:review_blindlook_known"
KNOWN_TEMPLATE = "admin/review/blindlook/known.html"
TEMPLATE = "admin/review/blindlook/look.html"


@admin.register(BlindLook)
class BlindLookAdmin(ReadOnlyAdmin):
    """Whoever may decide is given looks; what was decided, and what others said, stands on no page of it."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, "decide_review") or allowed(request.user, "plant_look")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def _check(self, request: HttpRequest, right: str) -> None:
        if not allowed(request.user, right):
            raise PermissionDenied

    def get_urls(self) -> list[URLPattern]:
        def door(address: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(address, require_POST(self.admin_site.admin_view(view)), name=name)
            return found

        own = {"change", "delete", "history", "add"}
        plain = [url for url in super().get_urls() if not own & set((url.name or "").split("_"))]
        return [
            door("take/", self.take_view, "review_blindlook_take"),
            door("<uuid:look_id>/give/", self.give_view, "review_blindlook_give"),
            path("known/", self.admin_site.admin_view(self.known_view), name="review_blindlook_known"),
            *[url for url in plain if url.name],
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not allowed(request.user, "decide_review"):
            return HttpResponseRedirect(reverse(KNOWN))
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
        self._check(request, "decide_review")
        if take_look(request.user) is None:
            messages.info(request, _("No look waits for you."))
        return HttpResponseRedirect(reverse(PAGE))

    def give_view(self, request: HttpRequest, look_id: uuid.UUID) -> HttpResponse:
        """`decision` is approved, or the code of a reason to reject."""
        self._check(request, "decide_review")
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

    def known_view(self, request: HttpRequest) -> HttpResponse:
        """A GET lists what was set before people; a POST of `case` and `answer` sets one more."""
        self._check(request, "plant_look")
        if request.method == "POST":
            return self._plant(request)
        shown = {**self.admin_site.each_context(request), "title": _("Cases with a known answer"), "planted": planted()}
        return TemplateResponse(request, KNOWN_TEMPLATE, shown)

    def _plant(self, request: HttpRequest) -> HttpResponse:
        answer, query = request.POST.get("answer", ""), console.query_for(request.POST.get("case", ""))
        review = console.found(Review.objects.exclude(decision=""), query).first() if query else None
        if review is None or answer not in Decision.values:
            messages.error(request, _("Name a decided case by its reference and say what is right: nothing was done."))
            return HttpResponseRedirect(reverse(KNOWN))
        count = plant_for_all(review, answer=Decision(answer), by=request.user)
        text = ngettext("It comes before %(count)d person.", "It comes before %(count)d people.", count)
        messages.success(request, text % {"count": count})
        return HttpResponseRedirect(reverse(KNOWN))
