"""What codes of ours are called on the console's pages."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

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

# What the policies say that no check says. It stands in English with each run; here only so that it is translated.
POLICY_SENTENCES = frozenset(
    {
        N_("No NIK was found on the card."),
        N_("No NPWP number was found on the card."),
        N_("No name was found on the card."),
        N_("No date of birth was found on the card."),
        N_("No complete address was found on the card."),
        N_("A NIK stands on the card but could not be read with certainty."),
        N_("An NPWP number stands on the card but could not be read with certainty."),
        N_("Hardly any text could be read from the picture."),
        N_("Everything that counts was read from the card."),
        N_("Everything that counts was read from the card, and nothing speaks against it."),
        N_("The score reaches the threshold for approval."),
        N_("The score is below the threshold for rejection and the card is incomplete."),
        N_("It is surely no acceptable card, and the score is below the threshold."),
        N_("The evidence is not enough for a decision without a person."),
        N_("At least one check forbids a decision without a person."),
    }
)
