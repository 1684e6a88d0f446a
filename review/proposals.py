"""Changes that need two compliance admins: reasons to reject, thresholds, the time a case may take."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from django.db import transaction
from django.db.models.functions import Now
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from documents.audit import note
from review.models import Proposal, RejectReason, RejectReasonText
from review.rights import rights_of
from verification.policy_changes import ChangeRefused, Wish, change_policy

RIGHT = "settle_proposal"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,62}$")]


class ProposalRefused(Exception):
    """The text says to a person what is wrong. Nothing was changed."""


class Texts(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Text
    public: Text


class ReasonContent(BaseModel):
    """A new reason, or how one of this code is to be from now on. Both languages, or clients read half of each."""

    model_config = ConfigDict(extra="forbid")

    code: Code
    position: int = Field(ge=1, le=9)
    kind: Literal["RETRY", "FINAL"]
    active: bool = True
    texts: dict[Literal["en", "id"], Texts]

    @model_validator(mode="after")
    def _both_languages(self) -> "ReasonContent":
        if set(self.texts) != {"en", "id"}:
            raise ValueError("texts in English and in Indonesian are needed")
        return self


class ThresholdsContent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    approve: int = Field(ge=0, le=100)
    reject: int = Field(ge=0, le=100)
    reason: Text


class SlaContent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    hours: int = Field(ge=1, le=720)


SHAPES: Mapping[str, type[BaseModel]] = {
    Proposal.Kind.reason: ReasonContent,
    Proposal.Kind.thresholds: ThresholdsContent,
    Proposal.Kind.sla: SlaContent,
}


def propose(user: Any, *, kind: str, content: Mapping[str, Any]) -> Proposal:
    """Put a change before another compliance admin. Raises ProposalRefused."""
    _check_right(user)
    checked = checked_content(kind, content)
    with transaction.atomic():
        proposal = Proposal.objects.create(kind=kind, content=checked, proposed_by=user)
        note("proposal.made", actor=str(user.pk), subject=str(proposal.pk), kind=kind)
    return proposal


def checked_content(kind: str, content: Any) -> dict[str, Any]:
    """The content as it will be applied. Raises ProposalRefused."""
    if kind not in SHAPES:
        raise ProposalRefused("There is no such kind of change.")
    try:
        return SHAPES[kind].model_validate(content).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ProposalRefused(f"{'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}") from error


def settle(proposal_id: uuid.UUID, user: Any, *, apply: bool) -> Proposal:
    """Apply another's proposal, or refuse one (one's own too). Raises ProposalRefused, Proposal.DoesNotExist."""
    _check_right(user)
    with transaction.atomic():
        proposal = Proposal.objects.select_for_update(of=("self",)).select_related("proposed_by").get(pk=proposal_id)
        if proposal.state != Proposal.State.open:
            raise ProposalRefused("It was settled before.")
        if apply and proposal.proposed_by_id == user.pk:
            raise ProposalRefused("Another compliance admin has to apply what you propose.")
        proposal.state = Proposal.State.applied if apply else Proposal.State.refused
        proposal.settled_by, proposal.settled_at = user, Now()
        proposal.save()
        if apply:
            _apply(proposal, user)
        action = "proposal.applied" if apply else "proposal.refused"
        note(
            action,
            actor=str(user.pk),
            subject=str(proposal.pk),
            kind=proposal.kind,
            proposed_by=proposal.proposed_by_id,
        )
    proposal.refresh_from_db()
    return proposal


def _check_right(user: Any) -> None:
    if RIGHT not in rights_of(user):
        raise ProposalRefused("This needs two compliance admins.")


def _apply(proposal: Proposal, user: Any) -> None:
    content = proposal.content
    if proposal.kind == Proposal.Kind.reason:
        shown = {name: content[name] for name in ("code", "position", "kind", "active")}
        reason = RejectReason.objects.create(proposal=proposal, **shown)
        for language, texts in content["texts"].items():
            RejectReasonText.objects.create(reason=reason, language=language, **texts)
    if proposal.kind == Proposal.Kind.thresholds:
        by = f"{proposal.proposed_by.get_username()} and {user.get_username()}"
        wish = Wish(approve=content["approve"], reject=content["reject"])
        try:
            change_policy(by=by[:150], reason=content["reason"], live=wish)
        except ChangeRefused as refused:
            raise ProposalRefused(str(refused)) from refused
    # The time a case may take is read from the newest applied proposal: review.services.sla_hours.
