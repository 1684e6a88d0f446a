"""Staff with a role, for tests of services: no session, no page."""

import io
from typing import Any

from django.contrib.auth.models import Group
from django.core.management import call_command

from filot.models import User


def person(role: str, name: str = "") -> Any:
    """A member of staff; without cached rights."""
    if not Group.objects.filter(name=role).exists():
        call_command("setup_roles", verbosity=0, stdout=io.StringIO())
    user = User.objects.create_user(name or f"a-{role}-{User.objects.count()}", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    return user
