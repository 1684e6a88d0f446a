"""The page of whoever keeps FiLot running: what waits, who works, what is stuck, what was not delivered."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from documents.audit import note
from documents.queue import ring
from documents.status import Status
from filot.queues import queue_figures
from integrations.models import Buli2Exchange, Direction, ExchangeState
from review.models import ReviewDecision
from verification.models import Worker
from verification.sweeping import reap_stuck
from verification.workers import state_of

PAGE = "admin:ops"
MAY_SEE = "verification.view_verificationrun"
MAY_REAP = "verification.change_verificationrun"
SHOWN = 50
REASONS: dict[str, str | Promise] = {
    "worker_died": gettext_lazy("A worker died"),
    "device_hangs": gettext_lazy("A device hangs"),
    "after_deployment": gettext_lazy("After a deployment"),
    "applicant_waits": gettext_lazy("An applicant waits"),
}


def ops_view(request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
    """`shown` is what every page of the console shows. A GET is also the dry run; only a POST gives back."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    if request.method == "POST":
        return _reap(request)
    context = {**shown, "title": _("Operations"), "reasons": REASONS, **figures()}
    context["may_reap"] = request.user.has_perm(MAY_REAP)
    return TemplateResponse(request, "admin/ops/ops.html", context)


def figures() -> dict[str, Any]:
    waiting = queue_figures()
    kept = ReviewDecision.objects.filter(accepted=True, delivered_at=None, deliver_after__lt=timezone.now())
    outbound = Buli2Exchange.objects.filter(direction=Direction.outbound)
    open_messages = outbound.filter(state__in=(ExchangeState.pending, ExchangeState.dead)).order_by()
    return {
        "queues": [(name, length, _minutes(waiting["oldest"][name])) for name, length in waiting["length"].items()],
        "workers": [(worker, state_of(worker)) for worker in Worker.objects.all()[:SHOWN]],
        "stuck": reap_stuck(dry_run=True)[:SHOWN],
        "kept": kept.select_related("review__document").order_by("created_at")[:SHOWN],
        "exchanges": open_messages.values("state").annotate(number=Count("pk"), since=Min("created_at")),
        "migrations": unapplied(),
    }


def _minutes(seconds: float) -> int:
    return int(seconds // 60)


def unapplied() -> list[str]:
    """Migrations of this code that its database has not seen."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _reap(request: HttpRequest) -> HttpResponse:
    """The reaper of the sweep and of `manage.py reap_stuck`, now and for a reason."""
    if not request.user.has_perm(MAY_REAP):
        raise PermissionDenied
    reason = request.POST.get("reason", "")
    if reason not in REASONS:
        messages.error(request, _("Say why: nothing was done."))
        return HttpResponseRedirect(reverse(PAGE))
    with transaction.atomic():  # nothing is given back without its entry
        reaped = reap_stuck()
        note("reaper.run", actor=str(request.user.pk), reason=reason, count=len(reaped))
    for queue, count in Counter(each.queue for each in reaped if each.state is Status.uploaded).items():
        ring(queue, count)
    text = ngettext("%(count)d document was given back.", "%(count)d documents were given back.", len(reaped))
    messages.success(request, text % {"count": len(reaped)})
    return HttpResponseRedirect(reverse(PAGE))
