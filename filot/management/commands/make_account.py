"""Make the account of a client of the API, of staff or of a superuser; its password comes on standard input.

Staff enrol their second step at their first log-in. A superuser looks after accounts in the console, decides nothing.
"""

import sys
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import translation

from documents.audit import note
from filot.admin import rights_of_account
from filot.management.commands.setup_roles import ROLES
from filot.models import User

CLIENT, SUPERUSER = "client", "superuser"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", default=CLIENT, choices=[CLIENT, *ROLES, SUPERUSER])
        parser.add_argument("--by", default="system:make_account", help="who wanted it, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        name, role = options["name"], options["role"]
        password = sys.stdin.readline().rstrip("\r\n")
        user = User(username=name, is_staff=role != CLIENT, is_superuser=role == SUPERUSER)
        groups = Group.objects.filter(name=role)
        if role in ROLES and not groups:
            raise CommandError("run `manage.py setup_roles` first")
        user.set_password(password)
        with translation.override("en"):  # as all commands speak
            try:
                user.full_clean()
                validate_password(password, user)
            except ValidationError as refused:
                raise CommandError(" ".join(refused.messages)) from refused
        with transaction.atomic():
            user.save()
            user.groups.set(groups)
            note("account.made", actor=options["by"], subject=str(user.pk), **rights_of_account(user))
        self.stdout.write(f"account {name}: {role}")
