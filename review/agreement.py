"""How far people agree: Cohen's kappa over cases that two of them judged without knowing of each other.

The pairs come from cases that needed two, from second looks, and from cases with a known answer, where the other side
is the answer. 1 is full agreement, 0 what chance alone would give.
"""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count

from review.models import BlindLook, Verdict

Pairs = Counter[tuple[str, str]]  # (mine, the other's)


class Agreement(NamedTuple):
    pairs: int
    agreed: int
    kappa: float | None  # None where everybody always said the same: there is nothing to agree on
    known: int  # of the pairs, those with a known answer
    right: int  # of those


def kappa_of(pairs: Pairs) -> float | None:
    """Cohen's kappa of two raters; None when it is not defined."""
    total = sum(pairs.values())
    if not total:
        return None
    mine, others = Counter[str](), Counter[str]()
    for (one, other), count in pairs.items():
        mine[one] += count
        others[other] += count
    by_chance = sum(mine[word] * others[word] for word in mine) / total**2
    observed = sum(count for (one, other), count in pairs.items() if one == other) / total
    return None if by_chance >= 1 else (observed - by_chance) / (1 - by_chance)


def agreements(since: datetime | None = None) -> dict[Any, Agreement]:
    """Of each person, by user id; two queries."""
    pairs: dict[Any, Pairs] = {}
    known: dict[Any, Pairs] = {}
    for user, said, other_user, other, count in _verdicts(since):
        pairs.setdefault(user, Counter())[said, other] += count
        pairs.setdefault(other_user, Counter())[other, said] += count
    for user, kind, said, decider, expected, count in _looks(since):
        pairs.setdefault(user, Counter())[said, expected] += count
        if kind == BlindLook.Kind.known:
            known.setdefault(user, Counter())[said, expected] += count
        elif decider is not None:
            pairs.setdefault(decider, Counter())[expected, said] += count
    return {user: _agreement(counted, known.get(user, Counter())) for user, counted in pairs.items()}


def _verdicts(since: datetime | None) -> Any:
    second = Verdict.objects.filter(
        number=2, undone_at=None, review__given__number=1, review__given__undone_at=None
    ).order_by()
    if since:
        second = second.filter(created_at__gte=since)
    columns = ("user", "decision", "review__given__user", "review__given__decision")
    return second.values_list(*columns).annotate(count=Count("pk"))


def _looks(since: datetime | None) -> Any:
    given = BlindLook.objects.exclude(decision="").order_by()
    if since:
        given = given.filter(looked_at__gte=since)
    return given.values_list("user", "kind", "decision", "decided_by", "expected").annotate(count=Count("pk"))


def _agreement(pairs: Pairs, known: Pairs) -> Agreement:
    return Agreement(sum(pairs.values()), _agreed(pairs), kappa_of(pairs), sum(known.values()), _agreed(known))


def _agreed(pairs: Pairs) -> int:
    return sum(count for (one, other), count in pairs.items() if one == other)
