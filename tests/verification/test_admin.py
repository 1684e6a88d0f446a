"""The page of changes of policy: to look at, for those who oversee, and for nobody to write."""

import pytest
from django.test import Client

from filot.models import User
from tests.review.admin_cases import logged_in, staff
from tests.verification.stored import BASELINE, STANDARD, in_force
from verification.models import PolicyChange

pytestmark = pytest.mark.django_db
LIST = "/admin/verification/policychange/"


@pytest.fixture
def change() -> PolicyChange:
    return in_force(STANDARD, shadow={**BASELINE, "approve": 77}, trial={**BASELINE, "share": 0.25})


@pytest.mark.parametrize("role", ["compliance", "auditor"])
def test_those_who_oversee_see_what_was_in_force_by_whom_and_why(change: PolicyChange, role: str) -> None:
    client = logged_in(staff(role))
    for page in (LIST, f"{LIST}{change.pk}/change/"):
        text = client.get(page).content.decode()
        for part in ("dewi", "a test", "standard@1 approve 85", "baseline@1 approve 77", "share 0.25"):
            assert part in text, (page, part)


@pytest.mark.parametrize("role", ["reviewer", "senior", "ops"])
def test_no_other_role_sees_it(change: PolicyChange, role: str) -> None:
    client = logged_in(staff(role))
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{change.pk}/change/").status_code == 403


def test_nobody_adds_changes_or_deletes_one_there(change: PolicyChange) -> None:
    root: Client = logged_in(User.objects.create_superuser("root"))
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(f"{LIST}add/", {"by": "dewi", "reason": "x"}).status_code == 403
    assert root.post(f"{LIST}{change.pk}/change/", {"reason": "x"}).status_code in (403, 405)
    assert root.post(f"{LIST}{change.pk}/delete/", {"post": "yes"}).status_code == 403
    assert PolicyChange.objects.get().reason == "a test"


def test_a_change_to_a_policy_that_is_no_longer_there_can_be_looked_at(change: PolicyChange) -> None:
    in_force({**STANDARD, "policy": "standard@99"})
    assert "standard@99" in logged_in(staff("auditor")).get(LIST).content.decode()
