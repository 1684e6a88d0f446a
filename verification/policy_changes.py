"""Changing which policy is in force: an act with a name and a reason, kept for ever (models.PolicyChange)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from documents import audit
from verification.evidence import Evidence
from verification.judging import Choice, change_in_force, choice_of_settings
from verification.kinds import kind_of
from verification.models import PolicyChange
from verification.policy import load_policy
from verification.scoring import Thresholds

log = structlog.get_logger(__name__)

ACTOR = "policy_changes"  # of the audit trail
NAME_LENGTH = 150  # of models.PolicyChange.by
TICK = timedelta(microseconds=1)


class ChangeRefused(Exception):
    """The text says to an operator what is wrong. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of one role; None leaves it as it is. `gone` takes a shadow or a trial away."""

    policy: str | None = None
    approve: int | None = None
    reject: int | None = None
    share: float | None = None
    gone: bool = False


AS_IT_IS = Wish()


@dataclass(frozen=True, slots=True)
class InForce:
    """The policies in their roles. `share` is the share of the owners that the trial decides for."""

    live: Choice
    shadow: Choice | None = None
    trial: Choice | None = None
    share: float | None = None

    @classmethod
    def of(cls, change: PolicyChange | None) -> Self:
        """What a change says, whether this version of the software has those policies or not."""
        if change is None:
            return cls(choice_of_settings())
        return cls(
            live=_held(change.live),
            shadow=_held(change.shadow) if change.shadow else None,
            trial=_held(change.trial) if change.trial else None,
            share=change.trial["share"] if change.trial else None,
        )

    def as_words(self) -> dict[str, str]:
        trial = f"{self.trial} share {self.share:g}" if self.trial else "none"
        return {"live": str(self.live), "shadow": str(self.shadow or "none"), "trial": trial}


def in_force() -> InForce:
    """What decides at this moment."""
    return InForce.of(change_in_force())


def change_policy(
    *, by: str, reason: str, live: Wish = AS_IT_IS, shadow: Wish = AS_IT_IS, trial: Wish = AS_IT_IS
) -> tuple[InForce, InForce]:
    """Put policies in force, from the next judgement on: what was, and what is. Raises ChangeRefused.

    Names are pinned to their present version. Changes are made one after the other, each on top of the one before.
    """
    if not by.strip() or not reason.strip():
        raise ChangeRefused("a change needs who makes it and why")
    if len(by.strip()) > NAME_LENGTH:
        raise ChangeRefused(f"a name of more than {NAME_LENGTH} characters")
    if live == shadow == trial == AS_IT_IS:
        raise ChangeRefused("nothing was asked for")
    with transaction.atomic():
        _one_at_a_time()
        latest = change_in_force()
        before = InForce.of(latest)
        after = _after(before, live=live, shadow=shadow, trial=trial)
        if latest is not None and after == before:
            raise ChangeRefused("that is in force already")
        change = PolicyChange.objects.create(
            # A clock that runs behind must not write a change under the one before.
            at=max(timezone.now(), latest.at + TICK) if latest else timezone.now(),
            by=by.strip(),
            reason=reason.strip(),
            live=after.live.as_json(),
            shadow=after.shadow.as_json() if after.shadow else {},
            trial={**after.trial.as_json(), "share": after.share} if after.trial else {},
        )
        # Who and why are the row's, a name and a sentence; the trail holds codes only.
        audit.note("policy.changed", actor=ACTOR, subject=str(change.pk), **_as_facts(before, after))
    log.info(
        "policy_changed",
        by=by.strip(),
        before=before.live.policy,
        live=after.live.policy,
        shadow=after.shadow.policy if after.shadow else "",
        trial=after.trial.policy if after.trial else "",
    )
    return before, after


def _as_facts(before: InForce, after: InForce) -> dict[str, Any]:
    """Each role that is another than before, as a code: "standard@1/85/35", of a trial with its share behind it."""
    was, now = _as_codes(before), _as_codes(after)
    return {role: [was[role], code] for role, code in now.items() if was[role] != code}


def _as_codes(held: InForce) -> dict[str, str]:
    roles = {"live": held.live, "shadow": held.shadow, "trial": held.trial}
    codes = {
        role: f"{choice.policy}/{choice.thresholds.approve}/{choice.thresholds.reject}" if choice else ""
        for role, choice in roles.items()
    }
    return codes | ({"trial": f"{codes['trial']}/{held.share:g}"} if held.trial else {})


def _one_at_a_time() -> None:
    """Readers go on; another change waits for this one and then sees it."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {PolicyChange._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _after(before: InForce, *, live: Wish, shadow: Wish, trial: Wish) -> InForce:
    """Every policy of it is known here and judges every document type. Raises ChangeRefused."""
    decides = _chosen("live policy", live, before.live, before.live)
    if decides is None:
        raise ChangeRefused("some policy has to decide")
    looks_on = _chosen("shadow", shadow, before.shadow, decides)
    on_trial = _chosen("trial", trial, before.trial, decides)
    share = before.share if trial.share is None else trial.share
    if on_trial is None:
        return InForce(decides, looks_on)
    if share is None or not 0 <= share <= 1:
        raise ChangeRefused("a trial needs its share of the owners, from 0 to 1")
    return InForce(decides, looks_on, on_trial, share)


def _chosen(role: str, wish: Wish, held: Choice | None, like: Choice) -> Choice | None:
    """The choice in a role after a wish. What is not asked for is as it is held, else as with the live policy."""
    if held is None and wish != AS_IT_IS and wish.policy is None:
        raise ChangeRefused(f"there is no {role} in force: name its policy")
    if wish.gone or (held is None and wish == AS_IT_IS):
        return None
    base = held or like
    approve = base.thresholds.approve if wish.approve is None else wish.approve
    reject = base.thresholds.reject if wish.reject is None else wish.reject
    try:
        chosen = Choice(pinned(wish.policy or base.policy), Thresholds(approve=approve, reject=reject))
        _rehearse(chosen)
    except ValueError as error:
        raise ChangeRefused(f"{role}: {error}") from error
    if reject < 0:
        raise ChangeRefused(f"{role}: thresholds are from 0 to 100")
    return chosen


def pinned(name: str) -> str:
    """A policy's name with its version: what is in force does not change with a release. ValueError for none."""
    policy = load_policy(name)
    return f"{policy.NAME}@{policy.VERSION}"


def _rehearse(choice: Choice) -> None:
    """ValueError for a policy that can't judge every document type: its documents would lie unjudged."""
    today = timezone.now().date()
    for name in settings.DOCUMENT_TYPES:
        choice.judge(Evidence(document_type=name, values={}, lines=(), kind=kind_of(()), today=today))


def _held(data: Mapping[str, Any]) -> Choice:
    return Choice(data["policy"], Thresholds(approve=data["approve"], reject=data["reject"]))
