"""Who may what in the console: by a grant to the person or their group, never by being a superuser."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q

from review.models import Review


def allowed(user: Any, codename: str) -> bool:
    """Whether the user holds a permission of `review`. A superuser does not hold one by being one, only by a grant."""
    return codename in rights_of(user)


def rights_of(user: Any) -> frozenset[str]:
    """The codenames of `review` that were granted. Of a superuser one query; else what Django has asked for already."""
    held: frozenset[str] | None = getattr(user, "review_rights", None)
    if held is None:
        held = user.review_rights = frozenset(_granted(user)) if user.is_active else frozenset()
    return held


def _granted(user: Any) -> Iterable[str]:
    if not user.is_superuser:
        return [name.removeprefix("review.") for name in user.get_all_permissions() if name.startswith("review.")]
    granted = Permission.objects.filter(Q(group__user=user.pk) | Q(user=user.pk), content_type__app_label="review")
    return granted.values_list("codename", flat=True)


def is_own(user: Any, review: Review) -> bool:
    """Nobody decides a document they uploaded."""
    return bool(review.document.owner_id == user.pk)
