"""The web server's settings.

`python -m gunicorn -c deploy/gunicorn.conf.py filot.wsgi:application`, in the project's folder.
"""

from filot.settings import LOGGING, PORT

bind = f"127.0.0.1:{PORT}"
worker_class = "gthread"
workers = 2
threads = 8
graceful_timeout = 20  # seconds for running requests after SIGTERM
keepalive = 5
limit_request_field_size = 16380  # bytes: a token over 8 KB is then our own 401, and not a page of gunicorn
logconfig_dict = LOGGING  # the master's lines too are JSON and masked
