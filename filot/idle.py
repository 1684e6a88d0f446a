"""A session of staff that does nothing for half an hour ends. A page that says it is still open does nothing."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

SEEN = "seen_at"  # of the session: seconds since 1970
WRITTEN_EVERY = 60  # seconds: not each page costs a write
SILENT = ("beat/",)  # ends of the addresses that a page calls by itself

View = Callable[[HttpRequest], HttpResponse]


def limit(get_response: View) -> View:
    """After the session's and the user's middleware. A session of before this limit begins to count now."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            now = int(time.time())
            seen = request.session.get(SEEN, now)
            if now - seen > settings.SESSION_IDLE_SECONDS:
                logout(request)
                messages.info(request, _("You were away for a while: log in again."))
            elif (SEEN not in request.session or now - seen >= WRITTEN_EVERY) and not is_silent(request):
                request.session[SEEN] = now
        return get_response(request)

    return middleware


def is_silent(request: HttpRequest) -> bool:
    return request.path.endswith(SILENT)
