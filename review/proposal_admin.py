"""Changes that need two compliance admins: one asks for it, another applies or refuses it. Nothing else writes them."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents.admin import ReadOnlyAdmin
from review.models import Proposal, RejectReason
from review.proposals import RIGHT, SHAPES, ProposalRefused, checked_content, propose, settle
from review.rights import allowed

if TYPE_CHECKING:
    Form = ModelForm[Proposal]
else:
    Form = ModelForm

EXAMPLES = {
    "reason": '{"code": "blurred", "position": 8, "kind": "RETRY", "active": true, "texts": {"en": {"text": "...", '
    '"public": "..."}, "id": {"text": "...", "public": "..."}}}',
    "thresholds": '{"approve": 85, "reject": 35, "reason": "..."}',
    "sla": '{"hours": 24}',
}


class ProposalForm(Form):
    class Meta:
        model = Proposal
        fields = ("kind", "content")
        help_texts = {"content": " | ".join(f"{kind}: {example}" for kind, example in EXAMPLES.items())}

    def clean(self) -> dict[str, Any]:
        """What can't be is told in the form, not when another has to apply it."""
        told: dict[str, Any] = super().clean() or {}
        if told.get("kind") in SHAPES and told.get("content") is not None:
            try:
                told["content"] = checked_content(told["kind"], told["content"])
            except ProposalRefused as refused:
                raise forms.ValidationError({"content": str(refused)}) from refused
        return told


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    form = ProposalForm
    list_display = ("proposed_at", "kind", "state", "proposed_by", "settled_by", "settled_at")
    list_filter = ("state", "kind")
    list_select_related = ("proposed_by", "settled_by")
    readonly_fields = ("state", "proposed_by", "proposed_at", "settled_by", "settled_at")
    actions = ("apply", "refuse")  # type: ignore[assignment]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, RIGHT)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return allowed(request.user, RIGHT)

    def save_model(self, request: HttpRequest, obj: Proposal, form: Any, change: bool) -> None:
        made = propose(request.user, kind=obj.kind, content=obj.content)
        obj.pk, obj.proposed_by, obj._state.adding = made.pk, made.proposed_by, False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """The audit trail has it."""

    @admin.action(description=gettext_lazy("Apply what another proposed"), permissions=["settle"])
    def apply(self, request: HttpRequest, queryset: QuerySet[Proposal]) -> None:
        self._settle(request, queryset, apply=True)

    @admin.action(description=gettext_lazy("Refuse"), permissions=["settle"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Proposal]) -> None:
        self._settle(request, queryset, apply=False)

    def _settle(self, request: HttpRequest, queryset: QuerySet[Proposal], *, apply: bool) -> None:
        for proposal in queryset:
            try:
                settle(proposal.pk, request.user, apply=apply)
            except ProposalRefused as refused:
                messages.error(request, str(refused))
            else:
                messages.success(request, _("Applied.") if apply else _("Refused."))


@admin.register(RejectReason)
class RejectReasonAdmin(ReadOnlyAdmin):
    """Every version of every reason; in force is the newest of each code."""

    list_display = ("code", "position", "kind", "active", "created_at", "proposal")
    list_select_related = ("proposal",)
    ordering = ("code", "-pk")
