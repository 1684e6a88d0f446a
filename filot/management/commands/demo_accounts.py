"""Make an account for each role, with a public password, on FiLot's embedded services only. Safe to repeat."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from filot.backends import DEMO_ISSUER
from filot.management.commands.setup_roles import ROLES
from filot.models import User
from filot.second_factor import current_code, enrol, is_enrolled, new_key

PASSWORD = "filot-demo"  # noqa: S105 public on purpose: filot.backends refuses it elsewhere
CLIENT = "client"


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.FILOT_EMBEDDED:
            raise CommandError("demo accounts have a public password: they are made by `make run` only")
        call_command("setup_roles", stdout=self.stdout)
        with transaction.atomic():
            for name in (CLIENT, *ROLES):
                self._account(name)
        self.stdout.write(f"demo accounts: {', '.join((CLIENT, *ROLES))}; password {PASSWORD}")

    def _account(self, name: str) -> None:
        user = User.objects.filter(username=name).first() or User(username=name, issuer=DEMO_ISSUER)
        if user.issuer != DEMO_ISSUER:
            raise CommandError(f"an account named {name} exists and is not a demo account")
        user.display_name, user.is_staff, user.is_active = f"Demo {name}", name != CLIENT, True
        if not user.check_password(PASSWORD):
            user.set_password(PASSWORD)
        user.save()
        user.groups.set(Group.objects.filter(name=name))
        if user.is_staff and not is_enrolled(user):
            key = new_key()  # its code is shown on the page of the second step
            enrol(user, key=key, code=current_code(key), actor="system:demo_accounts")
