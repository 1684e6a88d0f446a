"""Who may what is changed with an entry in the audit trail, in the same transaction."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from documents.models import AuditEntry
from filot.models import User
from filot.second_factor import current_code, enrol, new_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    return {"username": user.username, "is_active": "on", "last_login_0": "", "last_login_1": "", **changes}


def test_a_change_of_role_is_kept_with_who_made_it(root: Client) -> None:
    user, group = User.objects.create_user("anna", is_staff=True), Group.objects.create(name="reviewer")

    answer = root.post(f"/admin/filot/user/{user.pk}/change/", form_of(user, is_staff="on", groups=[group.pk]))

    assert answer.status_code == 302
    entry = AuditEntry.objects.get(action="account.rights_changed")
    assert entry.subject == str(user.pk)
    assert entry.actor == str(User.objects.get(username="root").pk)
    assert entry.facts == {"groups": [str(group.pk)]}


def test_becoming_a_superuser_is_kept_and_a_new_name_alone_is_none(root: Client) -> None:
    user = User.objects.create_user("anna", is_staff=True)
    address = f"/admin/filot/user/{user.pk}/change/"
    root.post(address, form_of(user, is_staff="on", display_name="Anna"))
    assert not AuditEntry.objects.exists()

    root.post(address, form_of(user, is_staff="on", is_superuser="on"))

    assert AuditEntry.objects.get().facts == {"superuser": True}


def test_what_a_role_may_is_kept_too(root: Client) -> None:
    group, right = Group.objects.create(name="reviewer"), Permission.objects.get(codename="decide_review")

    root.post(f"/admin/auth/group/{group.pk}/change/", {"name": "reviewer", "permissions": [right.pk]})
    assert AuditEntry.objects.get().facts == {"granted": ["review.decide_review"], "taken": []}

    root.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.latest("sequence").action == "role.deleted"


def test_the_second_step_is_reset_by_an_action_and_kept(root: Client) -> None:
    user, key = User.objects.create_user("anna", is_staff=True), new_key()
    enrol(user, key=key, code=current_code(key), actor="test")

    root.post("/admin/filot/user/", {"action": "reset_second_step", "_selected_action": [str(user.pk)]})

    user.refresh_from_db()
    assert user.second_factor_at is None
    assert AuditEntry.objects.latest("sequence").action == "second_factor.reset"


def test_keys_of_apps_and_what_was_typed_have_no_page(root: Client) -> None:
    for page in ("otp_totp/totpdevice/", "otp_static/staticdevice/", "axes/accessattempt/"):
        assert root.get(f"/admin/{page}").status_code == 404
