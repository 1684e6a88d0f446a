"""Who may what in the console: by a grant to the person or their group, never by being a superuser."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q

from review.models import Review


def allowed(user: Any, codename: str) -> bool:
    """Whether the user holds a permission of `review`. A superuser does not hold one by being one, only by a grant."""
    return codename in rights_of(user)


def rights_of(user: Any) -> frozenset[str]:
    """The codenames of `review` that were granted; one query for each user object."""
    held: frozenset[str] | None = getattr(user, "review_rights", None)
    if held is None:
        granted = Permission.objects.filter(Q(group__user=user.pk) | Q(user=user.pk), content_type__app_label="review")
        held = frozenset(granted.values_list("codename", flat=True)) if user.is_active else frozenset()
        user.review_rights = held
    return held


def is_own(user: Any, review: Review) -> bool:
    """Nobody decides a document they uploaded."""
    return bool(review.document.owner_id == user.pk)
