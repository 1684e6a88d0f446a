"""Who may log in with a password."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend

DEMO_ISSUER = "filot-demo"  # `User.issuer` of the accounts of `manage.py demo_accounts`: their password is public


class StaffBackend(ModelBackend):
    """Django's own, except that demo accounts exist only where FiLot runs on its embedded services.

    A database that was copied from a laptop to a server would otherwise bring its public passwords along. An open
    session of such an account ends too, since each request asks here.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        if user is not None and user.issuer == DEMO_ISSUER and not settings.FILOT_EMBEDDED:
            return False
        return super().user_can_authenticate(user)
