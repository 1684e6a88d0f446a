"""Whatever acts on a case: taking, deciding, undoing, correcting, revealing. Each is a POST, and one verb below."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from documents.storage import answers
from review import case, console
from review.bulk import BulkRefused, chosen, in_bulk
from review.case_pages import CASE, NOTE_LENGTH, QUEUE, TEMPLATES, CasePages
from review.correcting import CorrectionRefused, correct
from review.deciding import NotAllowed, Outcome, Said, TooLate, UnknownReason, decide_case, undo
from review.looks import is_turn, take_look
from review.lost import what_happened
from review.models import Decision, Review
from review.revealing import RevealRefused, cover, reveal
from review.services import OwnDocument, escalate
from review.taking import CaseLost, NotTaken, beat, release, take, take_next
from review.undoing import forget_undo, remember_undo

LOOK = "admin:review_blindlook_changelist"
POSTS = ("claim", "release", "approve", "reject", "escalate", "correct", "reveal", "cover", "beat", "undo")


class CaseDoors(CasePages):
    def get_urls(self) -> list[URLPattern]:
        doors = [self.route(f"<uuid:review_id>/{name}/", getattr(self, f"{name}_view"), name) for name in POSTS]
        return [
            self.route("take/", self.take_view, "take"),
            self.route("bulk/", self.bulk_view, "bulk"),
            self.route("<uuid:review_id>/new-upload/", self.new_upload_view, "new_upload"),
            *doors,
            *super().get_urls(),
        ]

    # In whose hands

    def take_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request) or not console.allowed(request.user, "decide_review"):
            raise PermissionDenied
        return self.next_case(request)

    def claim_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review = self.case_of(request, review_id, "decide_review")
        try:
            take(review.pk, request.user)
        except NotTaken as refused:
            messages.warning(request, console.not_taken(refused.code))
        return HttpResponseRedirect(reverse(CASE, args=[review_id]))

    def release_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review = self.case_of(request, review_id, "decide_review")
        release(review.pk, request.user)
        return self.next_case(request)

    def beat_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        """The page is still open: renew the lease, and say what is left of it."""
        review = self.case_of(request, review_id)
        left = beat(review.pk, request.user)
        if left is None:
            review = Review.objects.select_related("document", "holder").get(pk=review.pk)
            return JsonResponse({"text": " ".join(what_happened(review, request.user))}, status=409)
        return JsonResponse({"left": left})

    def next_case(self, request: HttpRequest) -> HttpResponse:
        """Take the next one and go there; else say why there is none. Now and then a look at a decided one comes first,
        and where nothing waits any more too."""
        if is_turn() and take_look(request.user):
            return HttpResponseRedirect(reverse(LOOK))
        review = take_next(request.user)
        if review is not None:
            return HttpResponseRedirect(reverse(CASE, args=[review.pk]))
        if take_look(request.user):
            return HttpResponseRedirect(reverse(LOOK))
        messages.info(request, console.nothing_to_take(request.user))
        return HttpResponseRedirect(reverse(QUEUE))

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        told = request.POST
        try:
            done = in_bulk(
                told.get("action", ""),
                chosen(told.getlist("ids")),
                request.user,
                person=told.get("user", ""),
                reason_code=told.get("reason_code", ""),
            )
        except BulkRefused as refused:
            if refused.code == "no_right":
                raise PermissionDenied from None
            messages.error(request, console.not_done(refused.code))
        else:
            text = ngettext("Done with %(count)d case.", "Done with %(count)d cases.", done)
            messages.success(request, text % {"count": done})
        return HttpResponseRedirect(reverse(QUEUE))

    # Deciding

    def approve_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        return self._decide(request, review_id, Decision.approved)

    def reject_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        return self._decide(request, review_id, Decision.rejected)

    def new_upload_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        return self._decide(request, review_id, Decision.rejected, new_upload=True)

    def _decide(
        self, request: HttpRequest, review_id: uuid.UUID, decision: Decision, *, new_upload: bool = False
    ) -> HttpResponse:
        review, note = self.case_of(request, review_id, "decide_review"), _note(request)
        if len(note) > NOTE_LENGTH:
            problem = _("The note is longer than %(length)d letters.") % {"length": NOTE_LENGTH}
            return self.case_page(request, review, problem=problem, status=400, note=note)
        if not answers(review.document.storage_key):
            return self.case_page(request, review, problem=str(case.STORE_AWAY), status=503, note=note)
        said = Said(decision, _version(request), "", note, new_upload)
        if decision == Decision.rejected:
            said = Said(decision, _version(request), request.POST.get("reason_code", ""), note, new_upload)
        try:
            outcome = decide_case(review.pk, request.user, said, correlation_id=getattr(request, "correlation_id", ""))
        except UnknownReason:
            problem = _("Choose why it is rejected.")
            return self.case_page(request, review, problem=problem, status=400, note=note)
        except (OwnDocument, NotAllowed) as refused:
            problem = console.not_taken("own" if isinstance(refused, OwnDocument) else "senior_only")
            return self.case_page(request, review, problem=problem, status=403, note=note)
        except CaseLost as lost:
            return self.lost_page(request, lost.review, note)
        return self._decided(request, outcome, new_upload)

    def _decided(self, request: HttpRequest, outcome: Outcome, new_upload: bool) -> HttpResponse:
        decision = outcome.decision
        word = "verdict" if decision is None else "new_upload" if new_upload else decision.decision
        remember_undo(request, review=outcome.review, decision=word, until=outcome.undo_until)
        return self.next_case(request)

    def undo_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review = self.case_of(request, review_id, "decide_review")
        forget_undo(request)
        try:
            undo(review.pk, request.user)
        except TooLate:
            messages.warning(request, _("Too late: the decision has left."))
            return HttpResponseRedirect(reverse(QUEUE))
        messages.success(request, _("Undone: the case is in your hands again."))
        return HttpResponseRedirect(reverse(CASE, args=[review_id]))

    def escalate_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review, reason = self.case_of(request, review_id, "escalate_review"), request.POST.get("escalation_reason", "")
        note = _note(request)
        if reason not in console.ESCALATION_REASONS:
            problem = _("Choose why it is escalated.")
            return self.case_page(request, review, problem=problem, status=400, note=note)
        if case.hold_of(review, request.user).state != "mine" or review.version != _version(request):
            return self.lost_page(request, review, note)
        escalate(review, by=str(request.user.pk), reason=reason)
        release(review.pk, request.user, skipped=False)
        messages.success(request, _("%(ref)s is escalated.") % {"ref": review.document.ref})
        return self.next_case(request)

    # Fields and numbers

    def correct_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review, told = self.case_of(request, review_id), request.POST
        try:
            correct(
                review.pk,
                request.user,
                field=told.get("field", ""),
                value=told.get("value", ""),
                why=told.get("why", ""),
                version=_version(request),
            )
        except CorrectionRefused as refused:
            if refused.code in ("no_right", "own"):
                raise PermissionDenied from None
            return self.case_page(request, review, problem=console.not_corrected(refused.code), status=400)
        except CaseLost as lost:
            return self.lost_page(request, lost.review, "")
        messages.success(request, _("Corrected: the checks ran again."))
        return HttpResponseRedirect(reverse(CASE, args=[review_id]))

    def reveal_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        """Grant the number in full to this user for some minutes; the page and its picture then show it."""
        review, reason = self.case_of(request, review_id), request.POST.get("reason", "")
        if reason not in console.REVEAL_REASONS:
            return self.case_page(request, review, problem=_("Say why the number has to be seen."), status=400)
        try:
            reveal(review, request.user, reason=reason)
        except RevealRefused as refused:
            if refused.code != "spent":
                raise PermissionDenied from None
            problem = _("You have seen as many numbers as you may in one day.")
            return self.case_page(request, review, problem=problem, status=403)
        return self._back(request, review)

    def cover_view(self, request: HttpRequest, review_id: uuid.UUID) -> HttpResponse:
        review = self.case_of(request, review_id)
        cover(review, request.user)
        return self._back(request, review)

    def _back(self, request: HttpRequest, review: Review) -> HttpResponse:
        page = request.POST.get("page", "")
        query = {"page": page} if page.isdecimal() else None
        return HttpResponseRedirect(reverse(CASE, args=[review.pk], query=query))

    def lost_page(self, request: HttpRequest, review: Review, note: str) -> HttpResponse:
        """Nothing was saved: what became of the case, and the note that was typed."""
        shown: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Nothing was saved"),
            "review": review,
            "changes": what_happened(review, request.user),
            "note": note,
        }
        return TemplateResponse(request, f"{TEMPLATES}/lost.html", shown, status=409)


def _note(request: HttpRequest) -> str:
    return request.POST.get("note", "").replace("\r\n", "\n").strip()  # browsers count a new line as one letter


def _version(request: HttpRequest) -> int:
    """Of the page that the form stood on; none there ever was, for what we did not write."""
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else -1
