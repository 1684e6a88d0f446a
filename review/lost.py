"""What became of a case under somebody's hands, in sentences for them."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from documents.status import Status
from review.case import hold_of
from review.models import Review, Source


def what_happened(review: Review, user: Any) -> list[str]:
    """`review` as it stands now, with its document and holder."""
    hold = hold_of(review, user)
    if review.decision:
        return _decided(review)
    if review.document.restricted_at:
        return [_("Its sender asked for erasure: what the law keeps of it is used for nothing.")]
    if review.document.state is not Status.needs_review:
        return [_("The document was moved meanwhile and waits for nobody any more.")]
    if hold.state == "other" and hold.until:
        told = _("%(who)s has this case now, until %(at)s.")
        return [told % {"who": hold.name, "at": timezone.localtime(hold.until).strftime("%H:%M")}]
    if hold.state == "free":
        return [_("Your time for it was over: it went back to the queue.")]
    changes = [_("The case was changed after your page was made: look at it again before you decide.")]
    if review.corrections.exists():
        changes.append(_("A field was corrected."))
    return changes


def _decided(review: Review) -> list[str]:
    accepted = review.decisions.filter(accepted=True).select_related("user").first()
    if accepted is None or review.decided_at is None:
        return [_("It was decided meanwhile.")]
    who = "BULI2" if accepted.source == Source.buli2 else str(accepted.user or accepted.decided_by)
    facts = {"who": who, "at": timezone.localtime(review.decided_at).strftime("%d %b %H:%M")}
    told = _("%(who)s approved it at %(at)s.") if review.decision == "approved" else _("%(who)s rejected it at %(at)s.")
    return [told % facts, _("That decision stands; yours changed nothing.")]
