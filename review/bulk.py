"""What may be done with many cases at once. Approving is not among it."""

import uuid
from typing import Any

from django.contrib.auth import get_user_model

from review.deciding import NotAllowed, Said, UnknownReason, decide_case
from review.models import Decision, Review
from review.rights import rights_of
from review.services import OwnDocument
from review.taking import CaseLost, NotTaken, assign, free_from_others, take

MOST = 100  # cases at once


class BulkRefused(Exception):
    """`code`: no_right, nothing_chosen, too_many, unknown_person, unknown_reason, or one of NotTaken's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def actions_of(rights: frozenset[str]) -> list[str]:
    found = ["assign", "release"] if "assign_review" in rights else []
    if "release_expired" in rights and not found:
        found = ["release"]
    return [*found, "new_upload"] if "second_review" in rights else found


def chosen(texts: list[str]) -> list[uuid.UUID]:
    """Raises BulkRefused."""
    try:
        keys = [uuid.UUID(text) for text in dict.fromkeys(texts)]
    except ValueError:
        raise BulkRefused("nothing_chosen") from None
    if not keys:
        raise BulkRefused("nothing_chosen")
    if len(keys) > MOST:
        raise BulkRefused("too_many")
    return keys


def in_bulk(action: str, keys: list[uuid.UUID], user: Any, *, person: str = "", reason_code: str = "") -> int:
    """How many cases it was done with. Raises BulkRefused; a case that somebody else holds is passed over."""
    rights = rights_of(user)
    if action not in actions_of(rights):
        raise BulkRefused("no_right")
    if action == "release":
        return free_from_others(keys, user, expired_only="assign_review" not in rights)
    if action == "assign":
        return _assign(keys, user, person)
    return sum(_ask_for_another(key, user, reason_code) for key in keys)


def _assign(keys: list[uuid.UUID], user: Any, person: str) -> int:
    try:
        to = get_user_model().objects.get(pk=uuid.UUID(person), is_active=True, is_staff=True)
    except (ValueError, get_user_model().DoesNotExist):
        raise BulkRefused("unknown_person") from None
    try:
        return assign(keys, user, to=to)
    except NotTaken as refused:
        raise BulkRefused(refused.code) from None


def _ask_for_another(key: uuid.UUID, user: Any, reason_code: str) -> bool:
    """Each case is taken first, so that nothing is decided under somebody's hands."""
    try:
        version = take(key, user).version
        decide_case(key, user, Said(Decision.rejected, version, reason_code, new_upload=True))
    except UnknownReason:
        raise BulkRefused("unknown_reason") from None
    except (NotTaken, NotAllowed, OwnDocument, CaseLost, Review.DoesNotExist):
        return False
    return True
