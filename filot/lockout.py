"""Lock-out after repeated failures: django-axes, with our own addresses, answers and callers."""

from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from documents.sealing import blind_index
from filot.errors import error_response
from filot.throttling import client_address

MINUTES = 15
FAILURES = 5


class LockOut(AxesStandaloneBackend):  # type: ignore[misc]  # axes has no types
    """The first of the backends: refuses whoever is locked out, before a password is looked at.

    Without a request there is nobody to lock out: a command, or a test.
    """

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> None:
        if request is not None:
            # Of an API call the plain request, on which the middleware looks for what axes notes there.
            super().authenticate(getattr(request, "_request", request), username=username, password=password, **kwargs)


def address_of(request: HttpRequest) -> str | None:
    """As the limiter takes it; of IPv6 the network's first address. None when it is not known."""
    address = client_address(request).partition("/")[0]
    return None if address == "unknown" else address


def login_index(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """What stands for the name that was tried: people try their e-mail, their number and their password too."""
    tried = (credentials or {}).get("username") or request.POST.get("username", "")
    return blind_index("login", str(tried))


def forget_attempts() -> int:
    """Delete failed log-ins that lock nobody out any more; axes itself does so only at the next log-in of anybody."""
    old = AccessAttempt.objects.filter(attempt_time__lt=timezone.now() - settings.AXES_COOLOFF_TIME)
    return int(old.delete()[0])


def locked_out(request: HttpRequest, *args: Any) -> HttpResponse:
    """The answer to whoever is locked out; the same whether the password was right."""
    message = f"Too many failed attempts. Try again in {MINUTES} minutes."
    answer = error_response(request, 429, "too_many_attempts", message)
    answer["Retry-After"] = str(MINUTES * 60)
    return answer
