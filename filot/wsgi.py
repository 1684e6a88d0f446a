"""The web application: `gunicorn filot.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from filot.checks import refuse_if_unfit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "filot.settings")

application = get_wsgi_application()
refuse_if_unfit()
# Routes and views before the first request, not by it: a process that says it listens answers at once.
get_resolver().url_patterns  # noqa: B018
