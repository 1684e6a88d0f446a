"""The pages of a case and the doors of its decision. GET never claims, decides or reveals."""

import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from documents.admin import ReadOnlyAdmin
from documents.queue import ring_default
from review import case, console
from review.compare_pages import compare_page, compared_picture
from review.models import Decision, Review, ReviewDecision, Source
from review.reasons import in_force
from review.services import AlreadyDecided, OwnDocument, decide, escalate

log = structlog.get_logger(__name__)

NOTE_LENGTH = 1000
PAGE_DIGITS = 3
TEMPLATES = "admin/review/review"
QUEUE = "admin:review_review_changelist"
CASE = "admin:review_review_change"
DELIVER = "review.deliver"
READS = ("page", "compare", "compared")


class CasePages(ReadOnlyAdmin):
    """What `ReviewAdmin` adds to the plain admin for one case."""

    def get_urls(self) -> list[URLPattern]:
        def route(address: str, view: Any, name: str) -> URLPattern:
            guard = require_safe if name in READS else require_POST
            pattern: URLPattern = path(address, guard(self.admin_site.admin_view(view)), name=f"review_review_{name}")
            return pattern

        return [
            route("find/", self.find_view, "find"),
            route("<uuid:review_id>/page/<int:page>.png", self.page_view, "page"),
            route("<uuid:review_id>/compare/<uuid:document_id>/", self.compare_view, "compare"),
            route("<uuid:review_id>/compare/<uuid:document_id>.png", self.compared_view, "compared"),
            route("<uuid:review_id>/approve/", self.approve_view, "approve"),
            route("<uuid:review_id>/reject/", self.reject_view, "reject"),
            route("<uuid:review_id>/escalate/", self.escalate_view, "escalate"),
            route("<uuid:review_id>/reveal/", self.reveal_view, "reveal"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            review = self._review(request, uuid.UUID(object_id))
        except ValueError:
            raise Http404 from None
        return self._case_page(request, review)

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Search by POST, so that a number never stands in an address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = console.query_for(request.POST.get("term", ""))
        if query is None:
            messages.warning(request, _("Search by a full reference, a full id or a full number."))
            return HttpResponseRedirect(reverse(QUEUE))
        if query.startswith("number:"):
            log.info("number_searched", user_id=str(request.user.pk))
        return HttpResponseRedirect(reverse(QUEUE, query={"q": query, "state": "all"}))

    def page_view(self, request: HttpRequest, review_id: uuid.UUID, page: int) -> HttpResponse:
        """A page of the original as a picture, its number painted over."""
        review = self._review(request, review_id)
        return _picture(lambda: case.picture(review, page))

    def compare_view(self, request: HttpRequest, review_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        review = self._review(request, review_id)
        return compare_page(request, self.admin_site.each_context(request), review, document_id)

    def compared_view(self, request: HttpRequest, review_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        """The picture of the document beside it."""
        review = self._review(request, review_id)
        return _picture(lambda: compared_picture(review, document_id))

    def reveal_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        """The case with its number in full, in this one answer."""
        review, reason = self._review(request, review_id, "reveal_number"), request.POST.get("reason", "")
        if reason not in console.REVEAL_REASONS:
            return self._case_page(request, review, problem=_("Say why the number has to be seen."), status=400)
        log.info(
            "number_revealed",
            user_id=str(request.user.pk),
            review_id=str(review.pk),
            document_id=str(review.document_id),
            reason=reason,
        )
        return self._case_page(request, review, revealed=True)

    def approve_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        return self._decide(request, review_id, Decision.approved, "")

    def reject_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        return self._decide(request, review_id, Decision.rejected, request.POST.get("reason_code", ""))

    def escalate_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review, reason = self._review(request, review_id, "escalate_review"), request.POST.get("escalation_reason", "")
        if reason not in console.ESCALATION_REASONS:
            return self._case_page(request, review, problem=_("Choose why it is escalated."), status=400)
        if escalate(review, by=str(request.user.pk), reason=reason).decision:
            return self._told(request, review, "")
        transaction.on_commit(_deliver)
        messages.success(request, _("%(ref)s is escalated.") % {"ref": review.document.ref})
        return self._next(request, review)

    def _decide(self, request: HttpRequest, review_id: uuid.UUID, decision: Decision, code: str) -> HttpResponse:
        review = self._review(request, review_id, "decide_review")
        note = request.POST.get("note", "").replace("\r\n", "\n").strip()  # browsers count a new line as one letter
        if problem := _problem(decision, code, note):
            return self._case_page(request, review, problem=problem, status=400, note=note)
        try:
            accepted = decide(
                review_id=review.pk,
                decision=decision,
                source=Source.console,
                decided_by=str(request.user.pk),
                user=request.user,
                reason_code=code,
                note=note,
                correlation_id=getattr(request, "correlation_id", ""),
            )
        except OwnDocument:
            problem = _("You uploaded this document: somebody else has to decide it.")
            return self._case_page(request, review, problem=problem, status=403, note=note)
        except AlreadyDecided:
            return self._told(request, review, note)
        transaction.on_commit(_deliver)
        if accepted.user_id != request.user.pk:
            return self._told(request, review, note)
        messages.success(request, _recorded(accepted) % {"ref": review.document.ref})
        return self._next(request, review)

    def _told(self, request: HttpRequest, review: Review, note: str) -> HttpResponse:
        """Somebody else decided first: 409, who it was, and the note that was not kept."""
        review = Review.objects.select_related("document").get(pk=review.pk)
        shown = {
            **self.admin_site.each_context(request),
            "title": _("Already decided"),
            "opts": self.opts,
            "review": review,
            "accepted": review.decisions.filter(accepted=True).select_related("user").first(),
            "note": note,
        }
        return TemplateResponse(request, f"{TEMPLATES}/already_decided.html", shown, status=409)

    def _next(self, request: HttpRequest, review: Review) -> HttpResponse:
        following = console.next_case(request.user, after=review)
        if following:
            return HttpResponseRedirect(reverse(CASE, args=[following.pk]))
        messages.info(request, _("No other case waits for you."))
        return HttpResponseRedirect(reverse(QUEUE))

    def _review(self, request: HttpRequest, review_id: uuid.UUID, right: str = "") -> Review:
        """Raise unless the user may see cases and, if one is named, holds the right."""
        if not self.has_view_permission(request) or (right and not console.allowed(request.user, right)):
            raise PermissionDenied
        review: Review = get_object_or_404(self.get_queryset(request), pk=review_id)
        return review

    def _case_page(
        self,
        request: HttpRequest,
        review: Review,
        *,
        problem: str = "",
        status: int = 200,
        note: str = "",
        revealed: bool = False,
    ) -> HttpResponse:
        page = _page_number(request.POST.get("page") or request.GET.get("page", ""), case.card_page(review))
        shown = {
            **self.admin_site.each_context(request),
            **case.context(review, request.user, page=page, revealed=revealed),
            "title": f"{review.document.type} {review.document.ref}",
            "opts": self.opts,
            "kept_decisions": console.kept_decisions(),
            "problem": problem,
            "note": note,
            "note_length": NOTE_LENGTH,
        }
        return TemplateResponse(request, f"{TEMPLATES}/case.html", shown, status=status)


def _picture(made: Callable[[], bytes]) -> HttpResponse:
    """A PNG that no cache keeps, or in its place the text of why there is none."""
    try:
        response = HttpResponse(made(), content_type="image/png")
    except case.NoPicture as problem:
        response = HttpResponse(str(problem), content_type="text/plain; charset=utf-8", status=problem.status)
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _problem(decision: Decision, code: str, note: str) -> str:
    """What is wrong with a decision as it was sent, for the person who sent it; an empty text if nothing is."""
    if len(note) > NOTE_LENGTH:
        return _("The note is longer than %(length)d letters.") % {"length": NOTE_LENGTH}
    if decision == Decision.rejected and code not in in_force():
        return _("Choose why it is rejected.")
    return ""


def _recorded(accepted: ReviewDecision) -> str:
    """A decision is a row before it moves the document: promise no more than that, unless it was moved already."""
    approved = accepted.decision == Decision.approved
    if accepted.review.closed_at:
        return _("%(ref)s was approved before.") if approved else _("%(ref)s was rejected before.")
    if approved:
        return _("Decision recorded: %(ref)s will be approved.")
    return _("Decision recorded: %(ref)s will be rejected.")


def _page_number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) <= PAGE_DIGITS else otherwise


def _deliver() -> None:
    ring_default(DELIVER)
