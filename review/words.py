"""What codes of ours are called on the console's pages."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, str | Promise] = {
    # states of a document
    "uploaded": _("uploaded"),
    "processing": _("being read"),
    "ocr_completed": _("read"),
    "ai_evaluated": _("judged"),
    "auto_approve": _("approved by itself"),
    "auto_reject": _("rejected by itself"),
    "needs_review": _("waits for a person"),
    "approved": _("approved"),
    "rejected": _("rejected"),
    # of a message
    "pending": _("waits to be sent"),
    "done": _("done"),
    "refused": _("refused"),
    "dead": _("given up"),
    "failed": _("failed"),
    "outbound": _("to BULI2"),
    "inbound": _("from BULI2"),
    "submit": _("submission"),
    "status": _("status"),
    "cancel": _("withdrawal"),
    "callback": _("callback"),
    # of a run
    "running": _("running"),
    "judged": _("judged"),
    "lost": _("lost"),
    # of a worker
    "starting": _("starting"),
    "idle": _("idle"),
    "working": _("working"),
    "resting": _("resting"),
    "stuck": _("without progress"),
    "silent": _("silent"),
    # why two have to agree
    "high_risk": _("high risk"),
    "duplicate_number": _("the number is on another owner's card"),
    "override": _("a check forbids it"),
    "number_corrected": _("the number was corrected"),
    # of the breaker
    "closed": _("closed"),
    "open": _("open"),
    "half-open": _("half open"),
}
