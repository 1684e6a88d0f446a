"""The web application: `gunicorn filot.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from filot.checks import refuse_if_unfit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "filot.settings")

application = get_wsgi_application()
refuse_if_unfit()
