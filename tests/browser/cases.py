"""Cases as the browser's tests need them: with a picture, a risk, and in nobody's or somebody's hands."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from filot.models import User
from review.models import Review
from tests.review.admin_cases import open_case, with_picture


def case(owner: User, *, score: int = 55, number: str = "", due: float = 4, **facts: Any) -> Review:
    """A case due in `due` hours; its number stands on no other document unless one is given."""
    review = with_picture(open_case(owner, score=score, due_at=timezone.now() + timedelta(hours=due)))
    type(review.document).objects.filter(pk=review.document_id).update(number_index=number)
    Review.objects.filter(pk=review.pk).update(risk=100 - score, **facts)
    review.refresh_from_db()
    return review


def given_to(review: Review, user: User, minutes: float = 9) -> Review:
    Review.objects.filter(pk=review.pk).update(holder=user, lease_until=timezone.now() + timedelta(minutes=minutes))
    review.refresh_from_db()
    return review
