"""The pages of a case that only show: GET never claims, decides or reveals. What acts is in `review.case_doors`."""

import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from documents.admin import ReadOnlyAdmin
from review import case, console
from review.compare_pages import compare_page, compared_picture
from review.models import Review
from review.revealing import grant_of
from review.undoing import undo_bar

log = structlog.get_logger(__name__)

NOTE_LENGTH = 1000
PAGE_DIGITS = 3
TEMPLATES = "admin/review/review"
QUEUE = "admin:review_review_changelist"
CASE = "admin:review_review_change"


class CasePages(ReadOnlyAdmin):
    """What `ReviewAdmin` shows of one case."""

    def route(self, address: str, view: Any, name: str, *, reads: bool = False) -> URLPattern:
        guard = require_safe if reads else require_POST
        pattern: URLPattern = path(address, guard(self.admin_site.admin_view(view)), name=f"review_review_{name}")
        return pattern

    def get_urls(self) -> list[URLPattern]:
        beside = "<uuid:review_id>/compare/<uuid:document_id>"
        return [
            self.route("find/", self.find_view, "find"),
            self.route("<uuid:review_id>/page/<int:page>.png", self.page_view, "page", reads=True),
            self.route(f"{beside}/", self.compare_view, "compare", reads=True),
            self.route(f"{beside}.png", self.compared_view, "compared", reads=True),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            review = self.case_of(request, uuid.UUID(object_id))
        except ValueError:
            raise Http404 from None
        return self.case_page(request, review)

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Search by POST, so that a number never stands in an address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = console.query_for(request.POST.get("term", ""))
        if query is None:
            messages.warning(request, _("Search by a full reference, a full id or a full number."))
            return HttpResponseRedirect(reverse(QUEUE))
        if query.startswith("number:"):
            console.note_number_search(request.user)
        return HttpResponseRedirect(reverse(QUEUE, query={"q": query, "state": "all"}))

    def page_view(self, request: HttpRequest, review_id: uuid.UUID, page: int) -> HttpResponse:
        """A page of the original as a picture: its number painted over, but under a grant of this user."""
        review = self.case_of(request, review_id)
        revealed = grant_of(request.user, review) is not None
        return _picture(lambda: case.picture(review, page, revealed=revealed))

    def compare_view(self, request: HttpRequest, review_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        review = self.case_of(request, review_id)
        return compare_page(request, self.admin_site.each_context(request), review, document_id)

    def compared_view(self, request: HttpRequest, review_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        """The picture of the document beside it."""
        review = self.case_of(request, review_id)
        return _picture(lambda: compared_picture(review, document_id))

    def case_of(self, request: HttpRequest, review_id: uuid.UUID, right: str = "") -> Review:
        """Raise unless the user may see cases and, if one is named, holds the right."""
        if not self.has_view_permission(request) or (right and not console.allowed(request.user, right)):
            raise PermissionDenied
        review: Review = get_object_or_404(self.get_queryset(request), pk=review_id)
        return review

    def case_page(
        self, request: HttpRequest, review: Review, *, problem: str = "", status: int = 200, note: str = ""
    ) -> HttpResponse:
        page = _page_number(request.POST.get("page") or request.GET.get("page", ""), case.card_page(review))
        shown = {
            **self.admin_site.each_context(request),
            **case.context(review, request.user, page=page),
            "title": f"{review.document.type} {review.document.ref}",
            "opts": self.opts,
            "kept_decisions": console.kept_decisions(),
            "undo": undo_bar(request),
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


def _page_number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) <= PAGE_DIGITS else otherwise
